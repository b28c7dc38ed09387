package tidemark

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/wal"
)

// SetAside tells what an undo takes out of sight: the writes to a collection
// since its present state was restored. They are not lost: they become the
// previous state, and undoing the undo brings them back.
type SetAside struct {
	Collection string // its real name
	// Previous is the previous incarnation and Until how long it is kept: of a
	// preview the one that would come back, of an Undo the one that was replaced.
	Previous uuid.UUID
	Until    time.Time
	// The writes lie above After, up to Through. Both are 0 if the collection
	// cannot be opened: then nobody knows.
	After, Through wal.Position
	// Writes counts them, each change of the configuration and each event of a
	// large request as one.
	Writes uint64
	// IDs are the first points that they changed, segments.SinceIDs at most.
	IDs []segments.PointID
}

// PreviewUndo tells what Undo would set aside now. It changes nothing.
func (s *Store) PreviewUndo(ctx context.Context, nameOrAlias string) (SetAside, error) {
	name, e, err := s.undoable(nameOrAlias, uuid.Nil)
	if err != nil {
		return SetAside{}, err
	}
	c := s.served(name)
	if c == nil {
		return setAside(name, e.Previous, nil), nil
	}
	v, err := c.View(ctx)
	if err != nil {
		return SetAside{}, err
	}
	defer v.Release()
	return setAside(name, e.Previous, v.published), nil
}

// undoable returns the collection that can be brought back to its previous state,
// which must be expected unless that is the zero UUID.
func (s *Store) undoable(nameOrAlias string, expected uuid.UUID) (string, CatalogEntry, error) {
	name, e, ok := s.catalog.Resolve(nameOrAlias)
	switch {
	case !ok:
		return "", e, notFoundCollection(nameOrAlias)
	case e.Previous == nil:
		return "", e, Errorf(NotFound, "Collection `%s` has no previous state: it was not restored, or too long ago", name)
	case expected != uuid.Nil && expected != e.Previous.ID:
		return "", e, errUndoChanged
	}
	return name, e, s.settled(name)
}

// setAside describes what is written to now, nil if that is not known.
func setAside(name string, previous *PreviousEntry, now *published) SetAside {
	out := SetAside{Collection: name, Previous: previous.ID, Until: time.Unix(previous.Until, 0).UTC()}
	if now != nil {
		out.After, out.Through = now.since.Position, now.view.Through()
		out.Writes, out.IDs = now.since.Writes, slices.Clone(now.since.IDs)
	}
	return out
}

// Undo brings back the state that a restore replaced; what was written since is
// set aside and becomes the previous state, so that an undo can be undone.
// Positions go on above all that were ever given out. previous is the incarnation
// that is meant, of an earlier answer; the zero UUID means whichever is there.
// If anything fails nothing has changed.
func (s *Store) Undo(ctx context.Context, nameOrAlias string, previous uuid.UUID) (SetAside, error) {
	name, e, err := s.beginRevival(nameOrAlias, previous)
	if err != nil {
		return SetAside{}, err
	}
	defer s.endRevival(e.Previous.ID)
	// The log is replayed while the present state is still served.
	c, err := s.reopen(ctx, name, e.Previous.ID)
	if err != nil {
		return SetAside{}, &Error{Kind: Unavailable, Text: "Nothing was undone: the previous state cannot be opened", Err: err}
	}
	s.changing.Lock()
	defer s.changed()
	out, err := s.swapBack(ctx, name, e, c)
	if err != nil {
		return SetAside{}, errors.Join(err, c.close(context.WithoutCancel(ctx)))
	}
	s.logger.Info("a restore was undone", slog.String("collection", name), slog.Uint64("writes_set_aside", out.Writes))
	return out, nil
}

// swapBack puts c, which is the previous incarnation of e, into its place.
// changing is held.
func (s *Store) swapBack(ctx context.Context, name string, e CatalogEntry, c *Collection) (SetAside, error) {
	if again, now, ok := s.catalog.Resolve(name); !ok || again != name || now.ID != e.ID {
		return SetAside{}, errUndoChanged
	}
	if _, _, err := s.undoable(name, e.Previous.ID); err != nil {
		return SetAside{}, err
	}
	var out SetAside
	begin := func(ctx context.Context, old *Collection, base wal.Position) (*Collection, error) {
		var now *published
		if old != nil {
			now = old.current.Load() // nothing follows it: old is fenced
		}
		out = setAside(name, e.Previous, now)
		return c, c.resume(ctx, base)
	}
	r := &installation{name: name, expected: e.ID, id: c.id, through: e.Previous.Last, begin: begin}
	if err := s.install(ctx, []*installation{r}, nil); err != nil {
		return SetAside{}, err
	}
	if p, ok := s.Previous(name); ok {
		out.Previous, out.Until = p.ID, p.Until
	}
	return out, nil
}

var errUndoChanged = &Error{Kind: BadRequest, Text: "Nothing was undone: the collection was dropped, created, restored or undone meanwhile", Err: errChanged}

// beginRevival keeps the previous incarnation of a collection in place until
// endRevival, whatever becomes of its name.
func (s *Store) beginRevival(nameOrAlias string, previous uuid.UUID) (string, CatalogEntry, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	if err := s.alive(); err != nil {
		return "", CatalogEntry{}, err
	}
	name, e, err := s.undoable(nameOrAlias, previous)
	if err != nil {
		return "", e, err
	}
	if s.reviving[e.Previous.ID] {
		return "", e, Errorf(Unavailable, "Collection `%s` is being brought back to its previous state already", name)
	}
	s.reviving[e.Previous.ID] = true
	s.unfinished.Add(1)
	return name, e, nil
}

// endRevival removes the incarnation if the catalog let go of it meanwhile.
func (s *Store) endRevival(id uuid.UUID) {
	defer s.unfinished.Done()
	s.changing.Lock()
	defer s.changed()
	delete(s.reviving, id)
	for _, e := range s.catalog.Entries() {
		if e.ID == id || e.Previous != nil && e.Previous.ID == id {
			return
		}
	}
	s.abandon(id)
}

// reopen opens an incarnation that was closed. It ends with the store.
func (s *Store) reopen(ctx context.Context, name string, id uuid.UUID) (*Collection, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.running, cancel)()
	c, err := s.openCollection(ctx, name, id)
	if err == nil && c.config().Version.IsZero() {
		err = errors.Join(errNoLog, c.close(context.WithoutCancel(ctx)))
	}
	return c, err
}

// resume lets a collection that was replaced go on above base. Its first record
// there says which state it goes on with.
func (c *Collection) resume(ctx context.Context, base wal.Position) error {
	if err := c.log.Skip(ctx, base); err != nil {
		return fmt.Errorf("go on above position %d: %w", base, err)
	}
	p := c.current.Load() // nobody else writes to it yet
	e := &Event{
		Header: newHeader(p.config.Version),
		Body:   &RestoreEvent{Lineage: p.lineage, Position: p.view.Through(), Digest: p.view.Digest()},
	}
	if _, err := c.enqueueAndApply(ctx, e); err != nil {
		return fmt.Errorf("go on above position %d: %w", base, err)
	}
	return nil
}
