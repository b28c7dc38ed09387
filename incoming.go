package tidemark

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/wal"
)

// Incoming is the directory of a state that is to become a collection, and that
// nothing names yet. It belongs to one goroutine.
type Incoming struct {
	store *Store
	name  string
	id    uuid.UUID
	// expected is the incarnation that the name stood for, the zero UUID if it
	// stood for nothing.
	expected  uuid.UUID
	installed bool
}

// Room returns how many bytes of room the restore of a state of size bytes asks
// for, what it leaves free included, and how many are free.
func (s *Store) Room(size int64) (needed, free int64, err error) {
	free, err = s.options.FS.FreeBytes(s.options.Dir)
	return restoreBytes(size) + s.shared.space.watermark(WorkStaging), free, err
}

// restoreBytes is what the restore of a state of size bytes takes at most.
func restoreBytes(size int64) int64 { return size + size/10 }

// Receive makes an empty directory for a state of size bytes that is to take the
// place of what name stands for now: a collection or nothing.
func (s *Store) Receive(_ context.Context, name string, size int64) (*Incoming, error) {
	if err := s.settled(name); err != nil {
		return nil, err
	}
	var no *NoRoomError
	if err := s.shared.space.admit(WorkStaging, restoreBytes(size)); errors.As(err, &no) {
		return nil, Errorf(Unavailable, "there is no room to restore the snapshot: it needs %d MiB beside what is there, %d MiB are free", roundUp(no.Need), no.Free>>20)
	}
	in := &Incoming{store: s, name: name, id: uuid.New(), expected: s.catalog.Entries()[name].ID}
	if in.expected == uuid.Nil {
		if err := s.catalog.Free(name); err != nil {
			return nil, err
		}
	}
	if err := fsx.MkdirAll(s.options.FS, in.Dir(), 0o750); err != nil {
		return nil, fmt.Errorf("create directory of the restored collection: %w", err)
	}
	return in, nil
}

// Dir returns the directory, which lies where it will stay.
func (in *Incoming) Dir() string { return in.store.dir(in.id) }

// Check judges a state before all of it is there. An Error of kind BadInput says
// that it cannot take the place of the collection.
func (in *Incoming) Check(m *segments.Manifest) error {
	config, err := in.decodeConfig(m)
	if err != nil {
		return err
	}
	if in.expected == uuid.Nil {
		return nil
	}
	old, err := in.store.Collection(in.name)
	if err != nil {
		return nil //nolint:nilerr // one that cannot be opened is what a restore is for
	}
	if have, got := notSparse(old.config().Schema), notSparse(config.Schema); !sameVectors(have, got) {
		return Errorf(BadInput, "Snapshot is not compatible with existing collection: Collection vectors: %s Snapshot Vectors: %s", describe(have), describe(got))
	}
	return nil
}

// CheckConfig is Check for a state that may replace any other.
func (in *Incoming) CheckConfig(m *segments.Manifest) error {
	_, err := in.decodeConfig(m)
	return err
}

func (in *Incoming) decodeConfig(m *segments.Manifest) (*Config, error) {
	config := new(Config)
	if err := config.UnmarshalJSON(m.Config); err != nil {
		return nil, Errorf(BadInput, "the configuration in the snapshot is not valid: %v", err)
	}
	return config, nil
}

// Discard removes the directory unless it has been installed.
func (in *Incoming) Discard() error {
	if in.installed {
		return nil
	}
	return in.store.discard(in.id)
}

// errChanged says that a name stands for something else than it did.
var errChanged = errors.New("the collection was dropped, created or restored meanwhile")

// installation describes how the state takes the place of the collection.
func (in *Incoming) installation(m *segments.Manifest) *installation {
	begin := func(ctx context.Context, old *Collection, base wal.Position) (*Collection, error) {
		// Positions strictly increase within a lineage: only the collection that
		// goes on where the same history had come keeps it.
		lineage := uuid.New()
		if old != nil && old.current.Load().lineage == m.Lineage {
			lineage = m.Lineage
		}
		return in.begin(ctx, m, lineage, base)
	}
	return &installation{name: in.name, expected: in.expected, id: in.id, through: m.Through, begin: begin}
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
	started.Lineage, started.Since = lineage, &segments.Since{Position: first}
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
