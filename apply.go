package tidemark

import (
	"fmt"
	"slices"

	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/segments/payload"
	"github.com/tidemark-db/tidemark/wal"
)

// verdict is what applying an event found out, for the one who waits for it.
type verdict struct {
	missing  *segments.PointID // the first point that a patch did not find
	tooLarge *segments.PointID // the first point that a patch would have made too large
}

// err returns the verdict as the error that a waiting client gets.
func (v *verdict) err() error {
	switch {
	case v.missing != nil:
		return Errorf(NotFound, "No point with id %v found", *v.missing)
	case v.tooLarge != nil:
		return Errorf(BadInput, "the change would make point %v larger than %d bytes: it was left as it is", *v.tooLarge, MaxPointBytes)
	}
	return nil
}

// fold applies the effects of one record to the points that they name, in
// order, and keeps only the outcome: at most one new row and one death for each
// id. It reads from the state and does not change it, so that a record is
// applied whole or not at all.
type fold struct {
	state  *segments.State
	schema segments.Schema
	at     wal.Position
	slots  map[segments.PointID]*slot
	order  []*slot
	verdict
}

// slot is one point in the course of a fold.
type slot struct {
	id      segments.PointID
	old     segments.Located
	existed bool
	now     *segments.Point // nil: does not exist
	changed bool
}

func newFold(state *segments.State, schema segments.Schema, at wal.Position, effects int) *fold {
	return &fold{state: state, schema: schema, at: at, slots: make(map[segments.PointID]*slot, effects)}
}

// changes returns the net outcome of all effects.
func (f *fold) changes(effects []Effect) ([]segments.Change, error) {
	for _, e := range effects {
		if err := f.effect(e); err != nil {
			return nil, err
		}
	}
	out := make([]segments.Change, 0, len(f.order))
	for _, s := range f.order {
		if s.changed && (s.existed || s.now != nil) {
			out = append(out, segments.Change{ID: s.id, Old: s.old, New: s.now})
		}
	}
	return out, nil
}

func (f *fold) effect(e Effect) error {
	switch e := e.(type) {
	case *PutPoint:
		return f.put(e)
	case *RemovePoints:
		return f.remove(e.IDs)
	case *PatchPayload:
		return f.patchEach(e.IDs, func(p *segments.Point) { p.Payload = e.apply(p.Payload) })
	case *PutVectors:
		return f.patchEach([]segments.PointID{e.ID}, func(p *segments.Point) { p.Vectors = mergeVectors(p.Vectors, f.known(e.Vectors)) })
	case *RemoveVectors:
		return f.patchEach(e.IDs, func(p *segments.Point) { p.Vectors = withoutVectors(p.Vectors, e.Keys) })
	}
	return nil
}

// slot returns the point's slot, located in the state at its first use.
func (f *fold) slot(id segments.PointID) (*slot, error) {
	if s, ok := f.slots[id]; ok {
		return s, nil
	}
	old, ok, err := f.state.Locate(id)
	if err != nil {
		return nil, err
	}
	return f.enter(&slot{id: id, old: old, existed: ok}), nil
}

// existing is slot for effects that leave a point that is not there alone: it
// returns nil for one that was never there, so that long lists of unknown ids
// take no memory.
func (f *fold) existing(id segments.PointID) (*slot, error) {
	if s, ok := f.slots[id]; ok {
		return s, nil
	}
	old, ok, err := f.state.Locate(id)
	if err != nil || !ok {
		return nil, err
	}
	return f.enter(&slot{id: id, old: old, existed: true}), nil
}

// enter takes a slot up.
func (f *fold) enter(s *slot) *slot {
	f.slots[s.id] = s
	f.order = append(f.order, s)
	return s
}

func (f *fold) put(e *PutPoint) error {
	s, err := f.slot(e.ID)
	if err != nil {
		return err
	}
	s.now = &segments.Point{ID: e.ID, Version: f.at, Payload: e.Payload, Vectors: f.known(e.Vectors)}
	s.changed = true
	return nil
}

func (f *fold) remove(ids []segments.PointID) error {
	for _, id := range ids {
		s, err := f.existing(id)
		if err != nil {
			return err
		}
		if s != nil {
			s.now, s.changed = nil, true
		}
	}
	return nil
}

// patchEach changes those of the points that exist and notes the first that
// does not.
func (f *fold) patchEach(ids []segments.PointID, patch func(*segments.Point)) error {
	for _, id := range ids {
		s, err := f.existing(id)
		if err != nil {
			return err
		}
		p, err := f.current(s)
		if err != nil {
			return err
		}
		if p == nil {
			f.noteMissing(id)
			continue
		}
		n := *p
		n.Version = f.at
		patch(&n)
		if pointSize(n.Payload, n.Vectors) > MaxPointBytes {
			f.noteTooLarge(id)
			continue
		}
		s.now, s.changed = &n, true
	}
	return nil
}

func (f *fold) noteMissing(id segments.PointID) {
	if f.missing == nil {
		f.missing = &id
	}
}

func (f *fold) noteTooLarge(id segments.PointID) {
	if f.tooLarge == nil {
		f.tooLarge = &id
	}
}

// current returns the point as the effects before left it, nil if it does not
// exist.
func (f *fold) current(s *slot) (*segments.Point, error) {
	if s == nil {
		return nil, nil
	}
	if s.changed || !s.existed {
		return s.now, nil
	}
	return proven(s.old.Row(), f.schema)
}

// readPoint reads a whole row. Its bytes belong to the row.
func readPoint(row segments.Row, schema segments.Schema) (*segments.Point, error) {
	p := &segments.Point{ID: row.ID(), Version: row.Version()}
	var err error
	if p.Payload, err = row.Payload(); err != nil {
		return nil, err
	}
	for _, spec := range schema {
		data, ok, err := row.Vector(spec.Key)
		if err != nil {
			return nil, err
		}
		if ok {
			p.Vectors = append(p.Vectors, segments.Vector{Key: spec.Key, Data: data})
		}
	}
	slices.SortFunc(p.Vectors, func(a, b segments.Vector) int { return a.Key.Compare(b.Key) })
	return p, nil
}

// proven reads a whole row and compares it with its hashes: a block was checked
// when it was first read, but what is written anew must not carry damage that
// came later.
func proven(row segments.Row, schema segments.Schema) (*segments.Point, error) {
	p, err := readPoint(row, schema)
	if err != nil {
		return nil, err
	}
	hash, err := row.Hash()
	if err != nil {
		return nil, err
	}
	if hash != segments.HashPoint(p.ID, p.Version, p.Payload) {
		return nil, damagedPoint(p.ID)
	}
	for _, v := range p.Vectors {
		hash, _, err := row.VectorHash(v.Key)
		if err != nil {
			return nil, err
		}
		if hash != segments.HashVector(p.ID, v.Data) {
			return nil, damagedPoint(p.ID)
		}
	}
	return p, nil
}

func damagedPoint(id segments.PointID) error {
	return fmt.Errorf("point %v is not what was written: %w", id, segments.ErrDamaged)
}

// known returns the vectors that the schema has. A writer never sends others;
// should a record hold one, it counts as absent.
func (f *fold) known(vs []segments.Vector) []segments.Vector {
	unknown := func(v segments.Vector) bool { _, ok := f.schema.ByKey(v.Key); return !ok }
	if !slices.ContainsFunc(vs, unknown) {
		return vs
	}
	return slices.DeleteFunc(slices.Clone(vs), unknown)
}

func mergeVectors(old, put []segments.Vector) []segments.Vector {
	out := make([]segments.Vector, 0, len(old)+len(put))
	for _, v := range old {
		if !slices.ContainsFunc(put, func(p segments.Vector) bool { return p.Key == v.Key }) {
			out = append(out, v)
		}
	}
	out = append(out, put...)
	slices.SortFunc(out, func(a, b segments.Vector) int { return a.Key.Compare(b.Key) })
	return out
}

func withoutVectors(old []segments.Vector, keys []segments.VectorKey) []segments.Vector {
	return slices.DeleteFunc(slices.Clone(old), func(v segments.Vector) bool { return slices.Contains(keys, v.Key) })
}

// apply returns the patched payload.
func (e *PatchPayload) apply(old payload.Object) payload.Object {
	switch e.Kind {
	case PatchMerge:
		return payload.Merge(old, e.Payload)
	case PatchMergeAt:
		return payload.MergeAt(old, e.Paths[0], e.Payload)
	case PatchOverwrite:
		return e.Payload
	case PatchRemove:
		return payload.Remove(old, e.Paths)
	default: // PatchClear
		return nil
	}
}
