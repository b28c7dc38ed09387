package snapshot

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/wal"
)

// untilOf is how long the fake engine keeps what was replaced.
var untilOf = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// keep makes a collection the previous state of its name.
func (e *fakeEngine) keep(name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.previous != nil {
		e.previous[name] = fakePrevious{e.collections[name], uuid.New()}
	}
}

func (e *fakeEngine) Previous(name string) (tidemark.Previous, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	p, ok := e.previous[name]
	if !ok {
		return tidemark.Previous{}, false
	}
	return tidemark.Previous{ID: p.id, Until: untilOf, Bytes: 4096, Position: p.position, Count: 5}, true
}

func (e *fakeEngine) PreviewUndo(_ context.Context, name string) (tidemark.SetAside, error) {
	p, ok := e.Previous(name)
	if !ok {
		return tidemark.SetAside{}, tidemark.Errorf(tidemark.NotFound, "Collection `%s` has no previous state", name)
	}
	return setAside(name, p), nil
}

func setAside(name string, p tidemark.Previous) tidemark.SetAside {
	return tidemark.SetAside{
		Collection: name, Previous: p.ID, Until: p.Until, After: 8, Through: 9, Writes: 1, IDs: []segments.PointID{segments.NumberID(1)},
	}
}

func (e *fakeEngine) Undo(ctx context.Context, name string, previous uuid.UUID) (tidemark.SetAside, error) {
	if e.onUndo != nil {
		if err := e.onUndo(ctx, name); err != nil {
			return tidemark.SetAside{}, err
		}
	}
	e.mu.Lock()
	p, ok := e.previous[name]
	if !ok || previous != uuid.Nil && previous != p.id {
		e.mu.Unlock()
		return tidemark.SetAside{}, tidemark.Errorf(tidemark.BadRequest, "Nothing was undone")
	}
	now := e.collections[name]
	e.collections[name] = fakeCollection{p.lineage, max(p.position, now.position) + wal.Position(1), p.config, p.salt, p.restored}
	e.previous[name] = fakePrevious{now, uuid.New()}
	e.mu.Unlock()
	kept, _ := e.Previous(name)
	return setAside(name, kept), nil
}
