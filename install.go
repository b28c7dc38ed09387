package tidemark

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/wal"
)

// Install puts the state, whose files are in the directory and verified, into
// the place of the collection. The old collection is fenced: its writes wait
// while its last position is found, the log of the new one is begun above it,
// and the catalog is changed, which is the commit. Writes that were answered
// before are replaced with everything else; those that waited go to the new
// collection. If anything fails, or the name no longer stands for what it did,
// nothing has changed.
func (in *Incoming) Install(ctx context.Context, m *segments.Manifest) error {
	s := in.store
	s.changing.Lock()
	defer s.changing.Unlock()
	if err := cmp.Or(s.alive(), s.settled(in.name)); err != nil {
		return err
	}
	if s.catalog.Entries()[in.name].ID != in.expected {
		return &Error{Kind: BadRequest, Text: "Snapshot was not restored: the collection was dropped, created or restored meanwhile", Err: errChanged}
	}
	old := s.served(in.name)
	last, unfence, err := in.fence(ctx, old, m.Through)
	if err != nil {
		return fmt.Errorf("fence the collection: %w", err)
	}
	defer unfence()
	// Positions strictly increase within a lineage: only the collection that goes
	// on where the same history had come keeps it.
	lineage := uuid.New()
	if old != nil && old.current.Load().lineage == m.Lineage {
		lineage = m.Lineage
	}
	c, err := in.begin(ctx, m, lineage, max(m.Through, last))
	if err != nil {
		return err
	}
	if err := s.catalog.Replace(in.name, in.expected, in.id); err != nil {
		in.installed = errors.Is(err, fsx.ErrNotDurable) // the catalog on disk may name it
		old.suspendIf(err)
		return errors.Join(err, c.close(context.WithoutCancel(ctx)))
	}
	in.installed = true
	s.set(in.name, &entry{collection: c})
	in.retire(context.WithoutCancel(ctx), old, c)
	return nil
}

// served returns the open collection of a name, nil if there is none.
func (s *Store) served(name string) *Collection {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if e := s.open[name]; e != nil {
		return e.collection
	}
	return nil
}

// unknownLast is how far above a restored state its log begins if the last
// position of a collection that cannot be opened is not known.
const unknownLast = 1 << 36

// fence keeps writes of the collection waiting and returns its last position, 0
// if there is no collection. unfence lets them go on, unless it was retired.
func (in *Incoming) fence(ctx context.Context, old *Collection, through wal.Position) (last wal.Position, unfence func(), err error) {
	switch {
	case in.expected == uuid.Nil:
		return 0, func() {}, nil
	case old == nil: // it could not be opened
		return through + unknownLast, func() {}, nil
	}
	if err := old.order.exclusive(ctx); err != nil {
		return 0, nil, err
	}
	if last, err = old.log.Last(ctx); err == nil {
		err = old.applied.wait(ctx, last)
	}
	if err != nil && KindOf(err) != Unavailable && !errors.Is(err, wal.ErrPoisoned) {
		old.order.unlockExclusive()
		return 0, nil, err
	}
	if err != nil { // it accepts no writes any more; a restore is the way out
		last = max(last, old.applied.position(), old.acknowledged.position()) + unknownLast
	}
	return last, func() {
		if !old.order.retired.Load() {
			old.order.unlockExclusive()
		}
	}, nil
}

// begin makes a collection of the directory: a log whose first record names the
// state, and a manifest as of that record.
func (in *Incoming) begin(ctx context.Context, m *segments.Manifest, lineage uuid.UUID, base wal.Position) (*Collection, error) {
	s, dir := in.store, in.Dir()
	event := &Event{
		Header: newHeader(0),
		Body:   &RestoreEvent{Lineage: m.Lineage, Position: m.Through, Digest: m.Digest},
	}
	config := new(Config)
	if err := config.UnmarshalJSON(m.Config); err != nil {
		return nil, fmt.Errorf("configuration of the snapshot: %w", err)
	}
	event.ConfigVersion = config.Version
	first, err := in.writeFirst(ctx, event, base)
	if err != nil {
		return nil, fmt.Errorf("begin the log: %w", err)
	}
	started := *m
	started.Generation, started.Collection, started.Through = m.Generation+1, in.name, first
	started.Lineage = lineage
	if err := segments.CommitManifest(s.options.FS, dir, &started); err != nil {
		return nil, err
	}
	return s.openCollection(ctx, in.name, in.id)
}

// writeFirst makes the log above base and writes its first record.
func (in *Incoming) writeFirst(ctx context.Context, e *Event, base wal.Position) (first wal.Position, err error) {
	record, err := AppendEvent(nil, e)
	if err != nil {
		return 0, err
	}
	log, err := in.store.options.OpenLog(LogOptions{Dir: filepath.Join(in.Dir(), logDir), Base: base, Logger: in.store.logger})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	pending, err := log.Enqueue(ctx, record)
	if err != nil {
		return 0, err
	}
	return pending.Wait(ctx)
}

// retire ends the old collection: whoever still holds it is sent on to the new
// one. Its files are removed.
func (in *Incoming) retire(ctx context.Context, old, new *Collection) {
	s := in.store
	if old != nil {
		old.successor.Store(new)
		old.order.retire()
		if err := old.close(ctx); err != nil {
			s.logger.Warn("could not close a replaced collection", slog.String("collection", in.name), slog.Any("error", err))
		}
	}
	if in.expected == uuid.Nil {
		return
	}
	if err := s.discard(in.expected); err != nil { // swept at the next start
		s.logger.Warn("could not remove the files of a replaced collection", slog.String("collection", in.name), slog.Any("error", err))
	}
}

// notSparse returns the vectors that are not sparse: those that a snapshot must
// share with the collection that it replaces.
func notSparse(schema segments.Schema) (out segments.Schema) {
	for _, spec := range schema {
		if spec.Kind != segments.Sparse {
			out = append(out, spec)
		}
	}
	return out
}

func describe(schema segments.Schema) string {
	parts := make([]string, len(schema))
	for i, s := range schema {
		parts[i] = fmt.Sprintf("%q: %v, size %d, %v, %v", s.Name, s.Kind, s.Size, s.Datatype, s.Distance)
	}
	return "{" + strings.Join(parts, "; ") + "}"
}
