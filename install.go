package tidemark

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/wal"
)

// Arrival is a state whose files are in the directory of Incoming and verified.
type Arrival struct {
	Incoming *Incoming
	Manifest *segments.Manifest
}

// Install puts one state into the place of its collection; see InstallAll.
func (in *Incoming) Install(ctx context.Context, m *segments.Manifest) error {
	return in.store.InstallAll(ctx, []Arrival{{in, m}}, nil)
}

// InstallAll puts states into the places of their collections and then changes
// aliases, all or nothing. The old collections are fenced: their writes wait
// while their last positions are found, the logs of the new ones are begun above
// them, and the catalog is changed, which is the commit. Writes that were answered
// before are replaced with everything else; those that waited go to the new
// collections. If anything fails, or a name no longer stands for what it did,
// nothing has changed.
func (s *Store) InstallAll(ctx context.Context, arrivals []Arrival, aliases []AliasChange) error {
	rs := make([]*installation, len(arrivals))
	for i, a := range arrivals {
		rs[i] = a.Incoming.installation(a.Manifest)
	}
	s.changing.Lock()
	defer s.changed()
	err := s.install(ctx, rs, aliases)
	for _, a := range arrivals {
		// Also if the catalog on disk may name it.
		a.Incoming.installed = err == nil || errors.Is(err, fsx.ErrNotDurable)
	}
	return err
}

// installation is the part of one collection in an install. What stands behind
// next is known only in the course of it.
type installation struct {
	name string
	// expected is what the name stands for, the zero UUID if for nothing; id is
	// what it shall stand for.
	expected, id uuid.UUID
	// through is the highest position that is known of the new state.
	through wal.Position
	// begin makes the new collection, whose next record lies above base. old is
	// fenced, and nil if there is none or it could not be opened. Whoever gets a
	// collection closes it.
	begin func(ctx context.Context, old *Collection, base wal.Position) (*Collection, error)

	old     *Collection
	bytes   int64        // that old takes on disk
	last    wal.Position // of old
	fenced  time.Time    // since when writes to old wait
	unfence func()
	next    *Collection
	entry   CatalogEntry // what the catalog had before
}

// install carries out all of them. changing is held.
func (s *Store) install(ctx context.Context, rs []*installation, aliases []AliasChange) error {
	if err := s.expect(rs); err != nil {
		return err
	}
	defer func() {
		for _, r := range rs {
			r.release()
		}
	}()
	// One order for all who take several locks.
	byID := slices.SortedFunc(slices.Values(rs), func(a, b *installation) int { return bytes.Compare(a.expected[:], b.expected[:]) })
	for _, r := range byID {
		if err := r.fence(ctx); err != nil {
			return fmt.Errorf("fence the collection: %w", err)
		}
	}
	changes := make([]CatalogChange, len(rs))
	for i, r := range rs {
		var err error
		if r.next, err = r.begin(ctx, r.old, max(r.through, r.last)); err != nil {
			return errors.Join(err, closeBegun(ctx, rs))
		}
		changes[i] = CatalogChange{Name: r.name, Expected: r.expected, ID: r.id, Previous: s.keep(r)}
	}
	if err := s.catalog.Install(changes, aliases); err != nil {
		for _, r := range rs {
			r.old.suspendIf(err)
		}
		return errors.Join(err, closeBegun(ctx, rs))
	}
	s.mu.Lock()
	for _, r := range rs {
		s.open[r.name] = &entry{collection: r.next}
	}
	s.mu.Unlock()
	for i, r := range rs {
		s.retire(context.WithoutCancel(ctx), r, changes[i].Previous)
	}
	s.wakeHousekeeper()
	return nil
}

// expect checks that every name stands for what it did, and finds what is served
// there.
func (s *Store) expect(rs []*installation) error {
	if err := s.alive(); err != nil {
		return err
	}
	entries := s.catalog.Entries()
	named := make(map[string]bool, len(rs))
	for _, r := range rs {
		if err := s.settled(r.name); err != nil {
			return err
		}
		r.entry = entries[r.name]
		if r.entry.ID != r.expected || named[r.name] {
			return &Error{Kind: BadRequest, Text: "Snapshot was not restored: the collection was dropped, created or restored meanwhile", Err: errChanged}
		}
		named[r.name] = true
		r.old = s.served(r.name)
		if r.expected != uuid.Nil && s.options.UndoRetention >= 0 {
			r.bytes = dirBytes(s.options.FS, s.dir(r.expected)) // now, while writes need not wait for it
		}
	}
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

// fence keeps writes of the old collection waiting, until release, and finds its
// last position.
func (r *installation) fence(ctx context.Context) error {
	switch {
	case r.expected == uuid.Nil:
		return nil
	case r.old == nil: // it could not be opened
		r.last = r.through
		if p := r.entry.Previous; p != nil {
			r.last = max(r.last, p.Last)
		}
		r.last += unknownLast
		return nil
	}
	old := r.old
	r.fenced = time.Now() // who comes now waits behind us
	if err := old.order.exclusive(ctx); err != nil {
		return err
	}
	r.unfence = old.order.unlockExclusive
	last, err := old.log.Last(ctx)
	if err == nil {
		err = old.applied.wait(ctx, last)
	}
	if err != nil && KindOf(err) != Unavailable && !errors.Is(err, wal.ErrPoisoned) {
		return err
	}
	if err != nil { // it accepts no writes any more; a restore is the way out
		last = max(last, old.applied.position(), old.acknowledged.position()) + unknownLast
	}
	r.last = last
	return nil
}

// release lets writes go on, unless the collection was retired.
func (r *installation) release() {
	if r.unfence != nil && !r.old.order.retired.Load() {
		r.unfence()
		r.observe()
	}
}

// observe tells how long the fence stood.
func (r *installation) observe() {
	r.old.store.observer.Fenced(r.name, time.Since(r.fenced))
}

// closeBegun closes what an install had begun.
func closeBegun(ctx context.Context, rs []*installation) error {
	var errs []error
	for _, r := range rs {
		if r.next != nil {
			errs = append(errs, r.next.close(context.WithoutCancel(ctx)))
		}
	}
	return errors.Join(errs...)
}

// retire ends the old collection: whoever still holds it is sent on to the new
// one. What the catalog does not name any more is removed.
func (s *Store) retire(ctx context.Context, r *installation, previous *PreviousEntry) {
	if r.old != nil {
		r.old.successor.Store(r.next)
		r.old.order.retire()
		r.observe()
		if err := r.old.close(ctx); err != nil {
			s.logger.Warn("could not close a replaced collection", slog.String("collection", r.name), slog.Any("error", err))
		}
	}
	if r.entry.Previous != nil && r.entry.Previous.ID != r.id {
		s.abandon(r.entry.Previous.ID)
	}
	if r.expected != uuid.Nil && previous == nil {
		s.abandon(r.expected)
	}
	s.notePrevious(r.name, cmp.Or(previous, &PreviousEntry{}).ID)
}
