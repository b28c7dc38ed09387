package tidemark

import (
	"context"
	"slices"

	"github.com/tidemark-db/tidemark/index/filter"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/wal"
)

// resolve writes steps some of which must look at points. Filters are evaluated
// twice: on a view while others write, and then, with nobody else putting
// records in order, only for what changed since.
func (w *write) resolve(steps []step) error {
	if err := w.admit(w.estimate(steps)); err != nil {
		return err
	}
	candidates, err := w.candidates(steps)
	if err != nil {
		return err
	}
	if err := w.c.order.exclusive(w.ctx); err != nil {
		return err
	}
	defer w.c.order.unlockExclusive()
	if err := w.c.writable(); err != nil {
		return err
	}
	if w.c.config().Version != w.config.Version {
		return errConfigChanged
	}
	d := w.newDrafts()
	for i := range steps {
		effects := steps[i].known
		if !steps[i].resolved() {
			if err := w.flush(d); err != nil {
				return err
			}
			if effects, err = w.effects(&steps[i], candidates[i]); err != nil {
				w.abandon()
				return err
			}
		}
		w.draft(d, i, effects)
	}
	return w.flush(d)
}

// resolvedEstimate is what a step is taken to need before its points are known.
const resolvedEstimate = 64 << 10

// estimate returns about how many bytes the steps will need.
func (w *write) estimate(steps []step) int64 {
	d := w.newDrafts()
	n := 0
	for i := range steps {
		for _, e := range steps[i].known {
			n += d.cost(e).bytes
		}
		for _, e := range steps[i].proposed {
			n += d.cost(e).bytes
		}
		if !steps[i].resolved() {
			n += resolvedEstimate
		}
	}
	return int64(n)
}

// flush puts what is drafted in order, so that the next step can see it.
func (w *write) flush(d *drafts) error {
	records, err := w.encode(d)
	if err != nil {
		return err
	}
	d.list = nil
	return w.enqueue(records)
}

// selection holds the ids that a filter matched in a view.
type selection struct {
	ids     []segments.PointID
	through wal.Position
	// segments are the names of those that the view had: what changed since is
	// not in them.
	segments map[string]bool
}

func (w *write) candidates(steps []step) (map[int]selection, error) {
	out := make(map[int]selection)
	for i := range steps {
		if steps[i].selected == nil {
			continue
		}
		v, err := w.c.View(w.ctx)
		if err != nil {
			return nil, err
		}
		ids, err := v.selectIDs(w.ctx, steps[i].match)
		through, known := v.Through(), make(map[string]bool)
		for _, s := range v.Segments() {
			known[s.Name()] = true
		}
		v.Release()
		if err != nil {
			return nil, err
		}
		out[i] = selection{ids: ids, through: through, segments: known}
	}
	return out, nil
}

// effects looks at the points as of all that is in order. The order lock is
// held exclusively.
func (w *write) effects(s *step, before selection) ([]Effect, error) {
	v, err := w.c.latest(w.ctx)
	if err != nil {
		return nil, err
	}
	defer v.Release()
	if s.decided != nil {
		return s.decided(v)
	}
	ids, err := v.reselect(w.ctx, s.match, before)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	return s.selected(ids), nil
}

// latest returns a view of everything that is in order. The order lock is held
// exclusively, so that nothing can come after it.
func (c *Collection) latest(ctx context.Context) (*View, error) {
	last, err := c.log.Last(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.applied.wait(ctx, last); err != nil {
		return nil, err
	}
	return c.View(ctx)
}

// reselect returns what match selects in v, given what it selected in an
// earlier view: of the points that did not change since, the same.
func (v *View) reselect(ctx context.Context, match *filter.Compiled, before selection) ([]segments.PointID, error) {
	var ids []segments.PointID
	for _, id := range before.ids {
		row, ok, err := v.Get(id)
		if err != nil {
			return nil, err
		}
		if ok && row.Version() <= before.through {
			ids = append(ids, id)
		}
	}
	candidate := &rowCandidate{schema: v.Config.Schema}
	err := v.changedSince(ctx, before, func(row segments.Row) error {
		candidate.Row = row
		ok, err := match.Match(candidate)
		if ok {
			ids = append(ids, row.ID())
		}
		return err
	})
	slices.SortFunc(ids, segments.PointID.Compare)
	return ids, err
}
