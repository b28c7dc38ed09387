package tidemark

import (
	"context"

	"github.com/tidemark-db/tidemark/index/filter"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/segments/payload"
)

// step is one operation, checked against a configuration: its effects are known,
// or selected by a filter, or decided.
type step struct {
	// known are effects that do not depend on the points that exist.
	known []Effect
	// selected builds the effects for the points that match.
	selected func(ids []segments.PointID) []Effect
	match    *filter.Compiled
	// decided finds those of the proposed effects that may be carried out, by
	// looking at the points that they name.
	decided  func(v *View) ([]Effect, error)
	proposed []Effect
}

// resolved reports whether the step needs to look at points.
func (s *step) resolved() bool { return s.selected == nil && s.decided == nil }

// plan checks all that can be judged without the points and brings vectors into
// their stored form. An error refuses the whole request.
func (c *Config) plan(ops []Operation) ([]step, error) {
	steps := make([]step, len(ops))
	for i, op := range ops {
		s, err := c.planOne(op)
		if err != nil {
			return nil, err
		}
		steps[i] = s
	}
	return steps, nil
}

func (c *Config) planOne(op Operation) (step, error) {
	switch op := op.(type) {
	case *Upsert:
		return c.planUpsert(op)
	case *Delete:
		return c.planSelected(op.Selector, func(ids []segments.PointID) []Effect { return []Effect{&RemovePoints{IDs: ids}} })
	case *SetPayload:
		patch := PatchPayload{Kind: PatchMerge, Payload: op.Payload}
		if op.At != nil {
			if err := payload.CheckMergeAt(*op.At, op.Payload); err != nil {
				return step{}, &Error{Kind: BadInput, Text: err.Error()}
			}
			patch.Kind, patch.Paths = PatchMergeAt, append(patch.Paths, *op.At)
		}
		return c.planPatch(op.Selector, patch)
	case *OverwritePayload:
		return c.planPatch(op.Selector, PatchPayload{Kind: PatchOverwrite, Payload: op.Payload})
	case *DeletePayload:
		return c.planPatch(op.Selector, PatchPayload{Kind: PatchRemove, Paths: op.Keys})
	case *ClearPayload:
		return c.planPatch(op.Selector, PatchPayload{Kind: PatchClear})
	case *UpdateVectors:
		return c.planUpdateVectors(op)
	case *DeleteVectors:
		return c.planDeleteVectors(op)
	}
	return step{}, Errorf(BadRequest, "unknown operation %T", op)
}

// planSelected makes a step of effects that name points by ids or by a filter.
func (c *Config) planSelected(sel Selector, build func([]segments.PointID) []Effect) (step, error) {
	if sel.Filter == nil {
		if len(sel.IDs) == 0 {
			return step{}, nil
		}
		return step{known: build(sel.IDs)}, nil
	}
	match, err := c.compile(sel.Filter)
	if err != nil {
		return step{}, err
	}
	return step{selected: build, match: match}, nil
}

func (c *Config) planPatch(sel Selector, patch PatchPayload) (step, error) {
	return c.planSelected(sel, func(ids []segments.PointID) []Effect {
		p := patch
		p.IDs = ids
		return []Effect{&p}
	})
}

func (c *Config) planDeleteVectors(op *DeleteVectors) (step, error) {
	keys := make([]segments.VectorKey, 0, len(op.Names))
	for _, name := range op.Names {
		spec, ok := c.Schema.Find(name)
		if !ok {
			return step{}, Errorf(BadInput, "Not existing vector name error: %s", name)
		}
		keys = append(keys, spec.Key)
	}
	return c.planSelected(op.Selector, func(ids []segments.PointID) []Effect {
		return []Effect{&RemoveVectors{IDs: ids, Keys: keys}}
	})
}

func (c *Config) planUpsert(op *Upsert) (step, error) {
	puts := make([]Effect, len(op.Points))
	for i := range op.Points {
		in := &op.Points[i]
		vectors, err := c.storedVectors(in.Vectors)
		if err != nil {
			return step{}, err
		}
		if err := checkPointSize(in.ID, pointSize(in.Payload, vectors)); err != nil {
			return step{}, err
		}
		puts[i] = &PutPoint{ID: in.ID, Payload: in.Payload, Vectors: vectors}
	}
	if op.Mode == UpsertAll && op.Filter == nil {
		return step{known: puts}, nil
	}
	match, err := c.compile(op.Filter)
	if err != nil {
		return step{}, err
	}
	return step{proposed: puts, decided: func(v *View) ([]Effect, error) { return decideUpsert(v, puts, op.Mode, match) }}, nil
}

// decideUpsert keeps the points that may be written, given what the view and
// the points before them in the same request say.
func decideUpsert(v *View, puts []Effect, mode UpsertMode, match *filter.Compiled) ([]Effect, error) {
	written := make(map[segments.PointID]*PutPoint)
	var out []Effect
	for _, e := range puts {
		put := e.(*PutPoint)
		allowed, err := mayWrite(v, put.ID, written[put.ID], mode, match)
		if err != nil {
			return nil, err
		}
		if allowed {
			written[put.ID] = put
			out = append(out, put)
		}
	}
	return out, nil
}

func mayWrite(v *View, id segments.PointID, before *PutPoint, mode UpsertMode, match *filter.Compiled) (bool, error) {
	candidate, exists, err := existing(v, id, before)
	if err != nil {
		return false, err
	}
	switch {
	case exists && mode == InsertOnly, !exists && mode == UpdateOnly:
		return false, nil
	case exists && match != nil:
		return match.Match(candidate)
	}
	return true, nil
}

// existing returns the point as the filter sees it: as written before by the
// same request, else as it stands in the view.
func existing(v *View, id segments.PointID, before *PutPoint) (filter.Point, bool, error) {
	if before != nil {
		return &putCandidate{before, v.Config.Schema}, true, nil
	}
	row, ok, err := v.Get(id)
	if err != nil || !ok {
		return nil, false, err
	}
	return &rowCandidate{row, v.Config.Schema}, true, nil
}

func (c *Config) planUpdateVectors(op *UpdateVectors) (step, error) {
	puts := make([]Effect, len(op.Points))
	for i := range op.Points {
		in := &op.Points[i]
		vectors, err := c.storedVectors(in.Vectors)
		if err != nil {
			return step{}, err
		}
		if err := checkPointSize(in.ID, pointSize(nil, vectors)); err != nil {
			return step{}, err
		}
		puts[i] = &PutVectors{ID: in.ID, Vectors: vectors}
	}
	if op.Filter == nil {
		return step{known: puts}, nil
	}
	match, err := c.compile(op.Filter)
	if err != nil {
		return step{}, err
	}
	return step{proposed: puts, decided: func(v *View) ([]Effect, error) { return decideVectors(v, puts, match) }}, nil
}

// decideVectors leaves out the points that exist and do not match. Those that
// do not exist stay, so that the verdict names them.
func decideVectors(v *View, puts []Effect, match *filter.Compiled) ([]Effect, error) {
	var out []Effect
	for _, e := range puts {
		candidate, exists, err := existing(v, e.(*PutVectors).ID, nil)
		if err != nil {
			return nil, err
		}
		matches := true
		if exists {
			if matches, err = match.Match(candidate); err != nil {
				return nil, err
			}
		}
		if matches {
			out = append(out, e)
		}
	}
	return out, nil
}

// selectIDs returns the ids of the points that match, ascending.
func (v *View) selectIDs(ctx context.Context, match *filter.Compiled) ([]segments.PointID, error) {
	var ids []segments.PointID
	err := v.each(ctx, segments.PointID{}, match, func(row segments.Row) bool {
		ids = append(ids, row.ID())
		return true
	})
	return ids, err
}
