package tidemark

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tidemark-db/tidemark/index/filter"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/segments/payload"
	"github.com/tidemark-db/tidemark/wal"
)

// model is what a collection should hold, in plain maps.
type model map[segments.PointID]*modelPoint

type modelPoint struct {
	version wal.Position
	payload map[string]int
	vectors map[string][]float32
}

func (m model) clone() model {
	out := make(model, len(m))
	for id, p := range m {
		out[id] = &modelPoint{version: p.version, payload: maps.Clone(p.payload), vectors: maps.Clone(p.vectors)}
	}
	return out
}

// matching returns the ids of the points whose payload has that value.
func (m model) matching(key string, value int) []segments.PointID {
	var ids []segments.PointID
	for id, p := range m {
		if got, ok := p.payload[key]; ok && got == value {
			ids = append(ids, id)
		}
	}
	return ids
}

// change applies f to those of the points that exist.
func (m model) change(ids []segments.PointID, at wal.Position, f func(*modelPoint)) {
	for _, id := range ids {
		if p, ok := m[id]; ok {
			f(p)
			p.version = at
		}
	}
}

func modelObject(t require.TestingT, values map[string]int) payload.Object {
	var b payload.Builder
	b.BeginObject()
	for key, value := range values {
		b.Key(key)
		b.Int(int64(value))
	}
	b.End()
	o, err := b.Object()
	require.NoError(t, err)
	return o
}

// sums computes what the digest is made of from the model alone.
func (m model) sums(t require.TestingT, schema segments.Schema) segments.Sums {
	sums := segments.Sums{Vectors: make([]segments.VectorSum, len(schema))}
	for i, spec := range schema {
		sums.Vectors[i].Key = spec.Key
	}
	for id, p := range m {
		sums.Points = sums.Points.Add(segments.HashPoint(id, p.version, modelObject(t, p.payload)))
		for i, spec := range schema {
			if v, ok := p.vectors[spec.Name]; ok {
				data, err := segments.EncodeDense(spec.Datatype, v)
				require.NoError(t, err)
				sums.Vectors[i].Sum = sums.Vectors[i].Sum.Add(segments.HashVector(id, data))
			}
		}
	}
	return sums
}

// requireEqual compares a view with the model in every way that a reader has.
func (m model) requireEqual(t require.TestingT, v *View) {
	require.Equal(t, len(m), v.Count())
	sums := m.sums(t, v.Config.Schema)
	require.Equal(t, sums.Digest(), v.Digest())
	ids := slices.SortedFunc(maps.Keys(m), segments.PointID.Compare)
	scan := v.Scan(segments.PointID{})
	for _, id := range ids {
		require.True(t, scan.Next())
		m.requirePoint(t, v, scan.Row(), id)
		row, ok, err := v.Get(id)
		require.NoError(t, err)
		require.True(t, ok)
		m.requirePoint(t, v, row, id)
	}
	require.False(t, scan.Next())
	require.NoError(t, scan.Err())
}

func (m model) requirePoint(t require.TestingT, v *View, row segments.Row, id segments.PointID) {
	want := m[id]
	require.Equal(t, id, row.ID())
	require.Equal(t, want.version, row.Version())
	got, err := row.Payload()
	require.NoError(t, err)
	require.Equal(t, modelObject(t, want.payload), got)
	for _, spec := range v.Config.Schema {
		data, has, err := row.Vector(spec.Key)
		require.NoError(t, err)
		want, wanted := want.vectors[spec.Name]
		require.Equal(t, wanted, has)
		if has {
			numbers, err := segments.DecodeDense(spec.Datatype, data, nil)
			require.NoError(t, err)
			require.Equal(t, want, numbers)
		}
	}
}

// machine drives a collection and its model through the same random life.
type machine struct {
	dir   string
	logs  *memoryLogs
	store *Store
	c     *Collection
	model model
	// held are views taken earlier with what they must show for ever.
	held  []heldView
	snaps []takenSnap
	// previous is what an undo brings back, nil if nothing can be.
	previous model
	t        *testing.T
}

type takenSnap struct {
	snap  copied
	model model
}

type heldView struct {
	view  *View
	model model
}

// machineIDs are few, so that points are replaced often.
func machineID() *rapid.Generator[segments.PointID] {
	return rapid.Custom(func(t *rapid.T) segments.PointID {
		n := rapid.Uint64Range(0, 11).Draw(t, "id")
		if n < 8 {
			return segments.NumberID(n)
		}
		return segments.UUIDID(uuid.UUID{15: byte(n)})
	})
}

func (m *machine) ids(t *rapid.T) []segments.PointID {
	return rapid.SliceOfN(machineID(), 1, 4).Draw(t, "ids")
}

func (m *machine) payload(t *rapid.T) map[string]int {
	return rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "c"}), rapid.IntRange(0, 2), 0, 3).Draw(t, "payload")
}

func (m *machine) vectors(t *rapid.T) map[string][]float32 {
	out := make(map[string][]float32)
	for _, spec := range m.c.config().Schema {
		if rapid.Bool().Draw(t, "has vector") {
			out[spec.Name] = []float32{float32(rapid.IntRange(-2, 2).Draw(t, "x")), 1}
		}
	}
	return out
}

func namedVectors(vs map[string][]float32) []NamedVector {
	var out []NamedVector
	for name, v := range vs {
		out = append(out, dense(name, v...))
	}
	return out
}

// selector draws a selection by ids or by a filter, and says what it selects.
func (m *machine) selector(t *rapid.T) (Selector, []segments.PointID) {
	if rapid.Bool().Draw(t, "by ids") {
		ids := m.ids(t)
		return Selector{IDs: ids}, ids
	}
	key, value := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "key"), rapid.IntRange(0, 2).Draw(t, "value")
	path, err := payload.ParsePath(key)
	require.NoError(t, err)
	f := &filter.Filter{Must: []filter.Condition{&filter.Field{Key: path, Match: filter.MatchInt(value)}}}
	return Selector{Filter: f}, m.model.matching(key, value)
}

// write makes a write and then changes the model as the operation says.
func (m *machine) write(t *rapid.T, op Operation, change func(at wal.Position)) {
	wait := rapid.Bool().Draw(t, "wait")
	results, err := m.c.Write(t.Context(), []Operation{op}, WriteOptions{Wait: wait})
	if err != nil {
		require.Equal(t, NotFound, KindOf(err), "%v", err)
		last, lerr := m.c.log.Last(t.Context())
		require.NoError(t, lerr)
		change(last)
		return
	}
	change(results[0].Position)
}

func (m *machine) upsert(t *rapid.T) {
	op := Upsert{Mode: UpsertMode(rapid.IntRange(0, 2).Draw(t, "mode"))}
	points := make(map[segments.PointID]*modelPoint)
	for _, id := range m.ids(t) {
		if points[id] != nil {
			continue // each id once: the modes look at what exists
		}
		p := &modelPoint{payload: m.payload(t), vectors: m.vectors(t)}
		points[id] = p
		op.Points = append(op.Points, PointInput{ID: id, Payload: modelObject(t, p.payload), Vectors: namedVectors(p.vectors)})
	}
	m.write(t, &op, func(at wal.Position) {
		for id, p := range points {
			_, exists := m.model[id]
			if op.Mode == UpsertAll || exists == (op.Mode == UpdateOnly) {
				p.version = at
				m.model[id] = p
			}
		}
	})
}

func (m *machine) delete(t *rapid.T) {
	sel, ids := m.selector(t)
	m.write(t, &Delete{Selector: sel}, func(wal.Position) {
		for _, id := range ids {
			delete(m.model, id)
		}
	})
}

func (m *machine) patchPayload(t *rapid.T) {
	sel, ids := m.selector(t)
	values := m.payload(t)
	var op Operation
	var f func(*modelPoint)
	switch rapid.IntRange(0, 3).Draw(t, "patch") {
	case 0:
		op, f = &SetPayload{Selector: sel, Payload: modelObject(t, values)}, func(p *modelPoint) {
			p.payload = maps.Clone(p.payload)
			maps.Copy(p.payload, values)
		}
	case 1:
		op, f = &OverwritePayload{Selector: sel, Payload: modelObject(t, values)}, func(p *modelPoint) { p.payload = values }
	case 2:
		path, err := payload.ParsePath("b")
		require.NoError(t, err)
		op, f = &DeletePayload{Selector: sel, Keys: []payload.Path{path}}, func(p *modelPoint) {
			p.payload = maps.Clone(p.payload)
			delete(p.payload, "b")
		}
	default:
		op, f = &ClearPayload{Selector: sel}, func(p *modelPoint) { p.payload = map[string]int{} }
	}
	m.write(t, op, func(at wal.Position) { m.model.change(ids, at, f) })
}

func (m *machine) patchVectors(t *rapid.T) {
	if rapid.Bool().Draw(t, "delete") {
		sel, ids := m.selector(t)
		m.write(t, &DeleteVectors{Selector: sel, Names: []string{""}}, func(at wal.Position) {
			m.model.change(ids, at, func(p *modelPoint) {
				p.vectors = maps.Clone(p.vectors)
				delete(p.vectors, "")
			})
		})
		return
	}
	id, vectors := machineID().Draw(t, "id"), m.vectors(t)
	m.write(t, &UpdateVectors{Points: []PointVectors{{ID: id, Vectors: namedVectors(vectors)}}}, func(at wal.Position) {
		m.model.change([]segments.PointID{id}, at, func(p *modelPoint) {
			p.vectors = maps.Clone(p.vectors)
			maps.Copy(p.vectors, vectors)
		})
	})
}

// toggleVector drops the vector "x", or creates it anew.
func (m *machine) toggleVector(t *rapid.T) {
	_, err := m.c.Configure(t.Context(), func(cfg *Config) (ConfigChange, error) {
		if _, ok := cfg.Schema.Find("x"); ok {
			return ConfigChange{DropVectors: []string{"x"}}, nil
		}
		spec := segments.VectorSpec{Name: "x", Kind: segments.Dense, Size: 2, Datatype: segments.Float32, Distance: segments.Dot}
		return ConfigChange{AddVectors: []segments.VectorSpec{spec}}, nil
	}, WriteOptions{})
	require.NoError(t, err)
	for _, p := range m.model {
		p.vectors = maps.Clone(p.vectors)
		delete(p.vectors, "x")
	}
}

func (m *machine) hold(t *rapid.T) {
	v, err := m.c.View(t.Context())
	require.NoError(t, err)
	m.held = append(m.held, heldView{v, m.model.clone()})
}

func (m *machine) release(t *rapid.T) {
	if len(m.held) == 0 {
		t.Skip("no view is held")
	}
	h := m.held[0]
	h.model.requireEqual(t, h.view)
	h.view.Release()
	m.held = m.held[1:]
}

// checkpoint writes what is in memory to a segment and waits for it.
func (m *machine) checkpoint(t *rapid.T) {
	require.NoError(t, checkpointNow(t.Context(), m.c))
}

// checkpointNow writes what is applied to a segment and waits for it.
func checkpointNow(ctx context.Context, c *Collection) error {
	c.requestCheckpoint()
	v, err := c.View(ctx)
	if err != nil {
		return err
	}
	defer v.Release()
	return c.flushed.wait(ctx, v.Through())
}

// snapshot takes a copy of what the collection is now.
func (m *machine) snapshot(t *rapid.T) {
	f, err := m.store.Freeze(t.Context(), "c")
	require.NoError(t, err)
	defer f.Release()
	snap, err := copyFrozen(m.t, t.Context(), f)
	require.NoError(t, err)
	m.snaps = append(m.snaps, takenSnap{snap, m.model.clone()})
}

// restore puts one of the copies into the place of the collection.
func (m *machine) restore(t *rapid.T) {
	if len(m.snaps) == 0 {
		t.Skip("there is no snapshot")
	}
	s := rapid.SampledFrom(m.snaps).Draw(t, "snapshot")
	v, err := m.c.View(t.Context())
	require.NoError(t, err)
	last, had := v.Through(), notSparse(v.Config.Schema)
	v.Release()
	err = restoreCopy(t.Context(), m.store, "c", s.snap)
	config := new(Config)
	require.NoError(t, config.UnmarshalJSON(s.snap.manifest.Config))
	if !sameVectors(had, notSparse(config.Schema)) {
		require.Equal(t, BadInput, KindOf(err))
		return
	}
	require.NoError(t, err)
	m.c, err = m.store.Collection("c")
	require.NoError(t, err)
	require.Greater(t, m.c.applied.position(), last)
	m.model, m.previous = s.model.clone(), m.model
}

// undo brings back what the last restore or undo replaced.
func (m *machine) undo(t *rapid.T) {
	v, err := m.c.View(t.Context())
	require.NoError(t, err)
	last := v.Through()
	v.Release()
	preview, perr := m.store.PreviewUndo(t.Context(), "c")
	out, err := m.store.Undo(t.Context(), "c", preview.Previous)
	if m.previous == nil {
		require.Equal(t, NotFound, KindOf(perr))
		require.Equal(t, NotFound, KindOf(err))
		return
	}
	require.NoError(t, perr)
	require.NoError(t, err)
	require.NotEqual(t, preview.Previous, out.Previous)
	preview.Previous, preview.Until = out.Previous, out.Until
	require.Equal(t, preview, out)
	require.Equal(t, last, out.Through)
	m.c, err = m.store.Collection("c")
	require.NoError(t, err)
	require.Greater(t, m.c.applied.position(), last)
	m.model, m.previous = m.previous, m.model
}

// reopen stands for a clean restart.
func (m *machine) reopen(t *rapid.T) {
	require.NoError(t, m.store.Close(t.Context()))
	m.open(t)
}

// options make heads so small that they are sealed, written and merged all the
// time, beside what the machine does.
func (m *machine) options() Options {
	return Options{Dir: m.dir, OpenLog: m.logs.open, HeadBytes: 2 << 10}
}

func (m *machine) open(t *rapid.T) {
	store, err := Open(t.Context(), m.options())
	require.NoError(t, err)
	store.recovery.Wait()
	m.store = store
	m.c, err = store.Collection("c")
	require.NoError(t, err)
}

func (m *machine) check(t *rapid.T) {
	v, err := m.c.View(t.Context())
	require.NoError(t, err)
	defer v.Release()
	m.model.requireEqual(t, v)
}

// readAlong scans the collection until it is told to stop, or the collection ends,
// and proves each view by its own digest.
func readAlong(t *rapid.T, c *Collection) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var reader sync.WaitGroup
	reader.Go(func() {
		for ctx.Err() == nil {
			v, err := c.View(ctx)
			if err != nil {
				return
			}
			err = prove(v)
			v.Release()
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	return func() {
		cancel()
		reader.Wait()
	}
}

// prove computes count and digest of a view from its rows.
func prove(v *View) error {
	sums := segments.Sums{}
	for _, spec := range v.Config.Schema {
		sums.Vectors = append(sums.Vectors, segments.VectorSum{Key: spec.Key})
	}
	count := 0
	scan := v.Scan(segments.PointID{})
	for ; scan.Next(); count++ {
		p, err := readPoint(scan.Row(), v.Config.Schema)
		if err != nil {
			return err
		}
		sums.Points = sums.Points.Add(segments.HashPoint(p.ID, p.Version, p.Payload))
		for _, vec := range p.Vectors {
			for i := range sums.Vectors {
				if sums.Vectors[i].Key == vec.Key {
					sums.Vectors[i].Sum = sums.Vectors[i].Sum.Add(segments.HashVector(p.ID, vec.Data))
				}
			}
		}
	}
	if scan.Err() != nil {
		return scan.Err()
	}
	if count != v.Count() || sums.Digest() != v.Digest() {
		return fmt.Errorf("at position %d: %d points with digest %v, the view says %d with %v", v.Through(), count, sums.Digest(), v.Count(), v.Digest())
	}
	return nil
}

// TestEngineAgainstModel compares contents, count and digest after every step
// of a random life.
func TestEngineAgainstModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &machine{t: t, dir: t.TempDir(), logs: newMemoryLogs(), model: make(model)}
		store, err := Open(rt.Context(), m.options())
		require.NoError(rt, err)
		m.store = store
		spec := segments.VectorSpec{Name: "", Kind: segments.Dense, Size: 2, Datatype: segments.Float32, Distance: segments.Dot}
		require.NoError(rt, store.Create(rt.Context(), "c", CreateSpec{Vectors: []segments.VectorSpec{spec}}))
		m.c, err = store.Collection("c")
		require.NoError(rt, err)
		stopReader := readAlong(rt, m.c)
		defer func() {
			stopReader()
			for _, h := range m.held {
				h.model.requireEqual(rt, h.view)
				h.view.Release()
			}
			require.NoError(rt, m.store.Close(rt.Context()))
		}()
		rt.Repeat(map[string]func(*rapid.T){
			"upsert":        m.upsert,
			"delete":        m.delete,
			"patch payload": m.patchPayload,
			"patch vectors": m.patchVectors,
			"toggle vector": m.toggleVector,
			"hold a view":   m.hold,
			"release":       m.release,
			"checkpoint":    m.checkpoint,
			"snapshot":      m.snapshot,
			"restore":       m.restore,
			"undo":          m.undo,
			"reopen":        m.reopen,
			"":              m.check,
		})
	})
}
