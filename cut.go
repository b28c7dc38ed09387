package tidemark

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/tidemark-db/tidemark/wal"
)

// Cut is the state of the whole storage at one instant: whatever was visible or
// acknowledged in any collection before it is in it, and nothing that began
// after it. It must be released.
type Cut struct {
	// Collections are the states of all collections, by name.
	Collections []*Frozen
	// Aliases are those of the same instant.
	Aliases []Alias
}

// Release gives everything back. It may be called more than once.
func (c *Cut) Release() {
	for _, f := range c.Collections {
		f.Release()
	}
}

// Cut takes the state of all collections, their configurations and the aliases at
// one instant. No write waits for more than that instant. It fails if a collection
// is recovering or cannot be served: a part is not the whole.
func (s *Store) Cut(ctx context.Context) (*Cut, error) {
	collections, marks, aliases, err := s.markAll()
	if err != nil {
		return nil, err
	}
	cut := &Cut{Aliases: aliases}
	for i, m := range marks {
		if err == nil {
			var p *published
			if p, err = m.wait(ctx); err == nil {
				c := collections[i]
				cut.Collections = append(cut.Collections, &Frozen{collection: c, state: p, view: c.newView(p)})
				continue
			}
			err = fmt.Errorf("cut collection %s: %w", collections[i].name, err)
		}
		collections[i].marked.cancel(m)
	}
	if err != nil {
		cut.Release()
		return nil, readError(err)
	}
	return cut, nil
}

// markAll is the instant of a cut. It changes no collection and waits for no
// disk, except for a change of the catalog that is under way.
func (s *Store) markAll() (collections []*Collection, marks []*cutMark, aliases []Alias, err error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	if err := s.alive(); err != nil {
		return nil, nil, nil, err
	}
	if collections, err = s.allServed(); err != nil {
		return nil, nil, nil, err
	}
	s.catalog.hold(func(at []Alias) {
		s.shared.cut.Lock()
		defer s.shared.cut.Unlock()
		aliases = at
		for _, c := range collections {
			marks = append(marks, c.mark())
		}
	})
	return collections, marks, aliases, nil
}

// allServed returns all collections in order of their names. changing is held.
func (s *Store) allServed() ([]*Collection, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]*Collection, 0, len(s.open))
	for _, name := range slices.Sorted(maps.Keys(s.open)) {
		c, err := s.open[name].get(name)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// cutLock makes an instant of a cut. Whatever makes a write known to anybody, the
// publication of a view or an acknowledgement, holds it shared for that step; a
// cut holds it exclusively while it looks at all collections. Nobody does any I/O
// or waits for anything while he holds it.
//
// It is taken after the catalog's locks, the order locks and a collection's own.
type cutLock struct{ sync.RWMutex }

// acknowledge notes, just before the answer, that a new read must see p.
func (c *Collection) acknowledge(p wal.Position) {
	c.store.cut.RLock()
	defer c.store.cut.RUnlock()
	c.acknowledged.raise(p)
}

// cutMark is a position at which the applier shall publish a view for a cut.
type cutMark struct {
	at   wal.Position
	done chan struct{} // closed when one of the others is set
	got  *published    // with a reference to its view
	err  error
}

// wait returns what was published at the mark.
func (m *cutMark) wait(ctx context.Context) (*published, error) {
	select {
	case <-m.done:
		return m.got, m.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (m *cutMark) resolve(p *published, err error) {
	m.got, m.err = p, err
	close(m.done)
}

// cutMarks are the marks that the applier has not reached.
type cutMarks struct {
	mu sync.Mutex
	// begun is the last record of those that the applier is working on: its
	// state may stand anywhere up to there.
	begun   wal.Position
	waiting []*cutMark
	failed  error // the applier has ended
}

// mark registers a mark at the least position that has everything of c that
// anybody knows of, and that the applier can still publish. The cut lock is held
// exclusively.
func (c *Collection) mark() *cutMark {
	k := &c.marked
	k.mu.Lock()
	defer k.mu.Unlock()
	applied := c.applied.position()
	m := &cutMark{at: max(applied, c.acknowledged.position(), k.begun), done: make(chan struct{})}
	switch {
	case m.at == applied:
		m.resolve(c.retain())
	case k.failed != nil:
		m.resolve(nil, k.failed)
	default:
		k.waiting = append(k.waiting, m)
	}
	return m
}

// begin tells how many of the records the applier may apply before it publishes
// a view: up to the first mark.
func (k *cutMarks) begin(records []wal.Record) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := len(records)
	for _, m := range k.waiting {
		above := slices.IndexFunc(records[:n], func(r wal.Record) bool { return r.Position > m.at })
		if above > 0 { // never 0: the first mark was resolved before
			n = above
		}
	}
	k.begun = records[n-1].Position
	return n
}

// reached resolves the marks at and below a position that is published.
func (k *cutMarks) reached(applied wal.Position, p *published) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.waiting = slices.DeleteFunc(k.waiting, func(m *cutMark) bool {
		if m.at > applied {
			return false
		}
		p.view.TryRetain() // cannot fail: p is current, and the applier's to replace
		m.resolve(p, nil)
		return true
	})
}

// fail resolves all marks, also those to come: the applier has ended.
func (k *cutMarks) fail(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.failed == nil {
		k.failed = err
	}
	for _, m := range k.waiting {
		m.resolve(nil, k.failed)
	}
	k.waiting = nil
}

// cancel gives a mark up that nobody waits for any more.
func (k *cutMarks) cancel(m *cutMark) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.waiting = slices.DeleteFunc(k.waiting, func(w *cutMark) bool { return w == m })
	if m.got != nil {
		m.got.release()
	}
}
