package tidemark

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/index/filter"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/segments/payload"
	"github.com/tidemark-db/tidemark/wal"
	"github.com/tidemark-db/tidemark/wal/waltest"
)

// memoryLogs stands for the disk under the logs of a store: what is opened
// again is found again.
type memoryLogs struct {
	mu   sync.Mutex
	logs map[string]*waltest.Memory
}

func newMemoryLogs() *memoryLogs { return &memoryLogs{logs: make(map[string]*waltest.Memory)} }

func (m *memoryLogs) open(o LogOptions) (wal.Log, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if old, ok := m.logs[o.Dir]; ok {
		m.logs[o.Dir] = old.Reopen()
	} else {
		m.logs[o.Dir] = waltest.NewMemory(o.Base)
	}
	return m.logs[o.Dir], nil
}

// only returns the one log that exists.
func (m *memoryLogs) only(t testing.TB) *waltest.Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	require.Len(t, m.logs, 1)
	for _, l := range m.logs {
		return l
	}
	return nil
}

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// openTestStore opens a store over memory logs and waits until it is ready.
func openTestStore(t testing.TB, dir string, logs *memoryLogs) *Store {
	s, err := Open(testContext(t), Options{Dir: dir, OpenLog: logs.open})
	require.NoError(t, err)
	s.recovery.Wait()
	require.True(t, s.Ready())
	return s
}

// testSchema has one vector of each kind.
func testSchema() []segments.VectorSpec {
	return []segments.VectorSpec{
		{Name: "", Kind: segments.Dense, Size: 2, Datatype: segments.Float32, Distance: segments.Dot},
		{Name: "cos", Kind: segments.Dense, Size: 2, Datatype: segments.Float32, Distance: segments.Cosine},
		{Name: "s", Kind: segments.Sparse, Datatype: segments.Float32, Distance: segments.Dot},
		{Name: "m", Kind: segments.Multi, Size: 2, Datatype: segments.Float16, Distance: segments.Dot},
	}
}

// newTestCollection makes a store with the collection "c".
func newTestCollection(t testing.TB) (*Store, *Collection, *memoryLogs) {
	logs := newMemoryLogs()
	s := openTestStore(t, t.TempDir(), logs)
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	require.NoError(t, s.Create(testContext(t), "c", CreateSpec{Vectors: testSchema(), Settings: []byte(`{}`)}))
	c, err := s.Collection("c")
	require.NoError(t, err)
	return s, c, logs
}

func num(n uint64) segments.PointID { return segments.NumberID(n) }

func dense(name string, v ...float32) NamedVector {
	return NamedVector{Name: name, Vector: VectorInput{Kind: segments.Dense, Dense: v}}
}

// object builds a payload from alternating keys and values.
func object(t testing.TB, keysAndValues ...any) payload.Object {
	var b payload.Builder
	b.BeginObject()
	for i := 0; i < len(keysAndValues); i += 2 {
		b.Key(keysAndValues[i].(string))
		switch v := keysAndValues[i+1].(type) {
		case nil:
			b.Null()
		case int:
			b.Int(int64(v))
		case string:
			b.String(v)
		case float64:
			b.Float(v)
		}
	}
	b.End()
	o, err := b.Object()
	require.NoError(t, err)
	return o
}

func upsert(points ...PointInput) Operation { return &Upsert{Points: points} }

func mustWrite(t testing.TB, c *Collection, ops ...Operation) []Result {
	results, err := c.Write(testContext(t), ops, WriteOptions{Wait: true})
	require.NoError(t, err)
	return results
}

func mustView(t testing.TB, c *Collection) *View {
	v, err := c.View(testContext(t))
	require.NoError(t, err)
	t.Cleanup(v.Release)
	return v
}

func mustGet(t testing.TB, v *View, id segments.PointID) *segments.Point {
	row, ok, err := v.Get(id)
	require.NoError(t, err)
	if !ok {
		return nil
	}
	p, err := readPoint(row, v.Config.Schema)
	require.NoError(t, err)
	return p
}

func TestWriteIsSeenByTheNextRead(t *testing.T) {
	_, c, _ := newTestCollection(t)
	for i := range uint64(100) {
		results, err := c.Write(testContext(t), []Operation{upsert(PointInput{ID: num(i)})}, WriteOptions{})
		require.NoError(t, err)
		require.Equal(t, Acknowledged, results[0].Status)
		require.Equal(t, int(i)+1, mustView(t, c).Count(), "an acknowledged write is seen without waiting for it")
	}
}

func TestVersionsArePositions(t *testing.T) {
	_, c, _ := newTestCollection(t)
	first := mustWrite(t, c, upsert(PointInput{ID: num(1)}, PointInput{ID: num(2)}))[0].Position
	second := mustWrite(t, c, &SetPayload{Selector: Selector{IDs: []segments.PointID{num(2)}}, Payload: object(t, "a", 1)})[0].Position
	require.Greater(t, second, first)
	v := mustView(t, c)
	require.Equal(t, first, mustGet(t, v, num(1)).Version)
	require.Equal(t, second, mustGet(t, v, num(2)).Version)
	require.Equal(t, second, v.Through())
}

func TestOperationsOfOneRequestAreOneEvent(t *testing.T) {
	_, c, logs := newTestCollection(t)
	before, err := logs.only(t).Last(testContext(t))
	require.NoError(t, err)
	ids := []segments.PointID{num(1)}
	results := mustWrite(t, c,
		upsert(PointInput{ID: num(1), Payload: object(t, "a", 1, "b", 2), Vectors: []NamedVector{dense("", 1, 2)}}),
		&SetPayload{Selector: Selector{IDs: ids}, Payload: object(t, "a", nil, "c", 3)},
		&Delete{Selector: Selector{IDs: []segments.PointID{num(7)}}},
		&DeleteVectors{Selector: Selector{IDs: ids}, Names: []string{""}},
		upsert(PointInput{ID: num(8)}),
		&Delete{Selector: Selector{IDs: []segments.PointID{num(8), num(8)}}},
	)
	for _, r := range results {
		require.Equal(t, before+1, r.Position)
	}
	p := mustGet(t, mustView(t, c), num(1))
	require.Equal(t, object(t, "b", 2, "c", 3), p.Payload)
	require.Empty(t, p.Vectors)
	require.Equal(t, 1, mustView(t, c).Count())
}

func TestPatchOfAMissingPointNamesItAndChangesTheRest(t *testing.T) {
	_, c, _ := newTestCollection(t)
	mustWrite(t, c, upsert(PointInput{ID: num(1)}, PointInput{ID: num(2)}))
	patch := &SetPayload{Selector: Selector{IDs: []segments.PointID{num(1), num(999), num(2), num(1000)}}, Payload: object(t, "a", 1)}
	_, err := c.Write(testContext(t), []Operation{patch}, WriteOptions{Wait: true})
	require.EqualError(t, err, "No point with id 999 found")
	require.Equal(t, NotFound, KindOf(err))
	for id := range uint64(2) {
		require.Equal(t, object(t, "a", 1), mustGet(t, mustView(t, c), num(id+1)).Payload)
	}

	_, err = c.Write(testContext(t), []Operation{patch}, WriteOptions{})
	require.NoError(t, err, "without wait nobody has looked at the points yet")
}

func TestAnInvalidOperationRefusesTheWholeRequest(t *testing.T) {
	_, c, _ := newTestCollection(t)
	for _, tc := range []struct {
		name string
		op   Operation
		text string
	}{
		{"dimension", upsert(PointInput{ID: num(2), Vectors: []NamedVector{dense("", 1)}}), "Vector dimension error: expected dim: 2, got 1"},
		{"dimension of a named vector", upsert(PointInput{ID: num(2), Vectors: []NamedVector{dense("cos", 1)}}), "Vector dimension error: expected dim: 2, got 1 for vector 'cos'"},
		{"unknown vector", upsert(PointInput{ID: num(2), Vectors: []NamedVector{dense("zz", 1)}}), "Not existing vector name error: zz"},
		{"dense for sparse", upsert(PointInput{ID: num(2), Vectors: []NamedVector{dense("s", 1)}}), "Conversion between sparse and regular vectors failed"},
		{"unknown vector to delete", &DeleteVectors{Selector: Selector{IDs: []segments.PointID{num(1)}}, Names: []string{"zz"}}, "Not existing vector name error: zz"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := c.Write(testContext(t), []Operation{upsert(PointInput{ID: num(1)}), tc.op}, WriteOptions{Wait: true})
			require.EqualError(t, err, tc.text)
			require.Equal(t, BadInput, KindOf(err))
			require.Zero(t, mustView(t, c).Count())
		})
	}
}

func TestUpsertModes(t *testing.T) {
	_, c, _ := newTestCollection(t)
	mustWrite(t, c, upsert(PointInput{ID: num(1), Payload: object(t, "v", "old")}))
	mustWrite(t, c, &Upsert{Mode: InsertOnly, Points: []PointInput{
		{ID: num(1), Payload: object(t, "v", "new")}, {ID: num(2), Payload: object(t, "v", "first")}, {ID: num(2), Payload: object(t, "v", "second")},
	}})
	mustWrite(t, c, &Upsert{Mode: UpdateOnly, Points: []PointInput{{ID: num(2), Payload: object(t, "v", "third")}, {ID: num(3)}}})
	v := mustView(t, c)
	require.Equal(t, object(t, "v", "old"), mustGet(t, v, num(1)).Payload)
	require.Equal(t, object(t, "v", "third"), mustGet(t, v, num(2)).Payload)
	require.Nil(t, mustGet(t, v, num(3)))
}

func TestStoredFormOfVectors(t *testing.T) {
	_, c, _ := newTestCollection(t)
	mustWrite(t, c, upsert(PointInput{ID: num(1), Vectors: []NamedVector{
		dense("cos", 3, 4),
		{Name: "s", Vector: VectorInput{Kind: segments.Sparse, Sparse: SparseInput{Indices: []uint32{9, 2}, Values: []float32{0.9, 0.2}}}},
		dense("m", 1, 2), // a flat list is a multi vector of one row
	}}, PointInput{ID: num(2), Vectors: []NamedVector{dense("cos", 0, 0)}}))
	v := mustView(t, c)
	vectors := mustGet(t, v, num(1)).Vectors
	require.Len(t, vectors, 3)
	got, err := segments.DecodeDense(segments.Float32, vectors[0].Data, nil)
	require.NoError(t, err)
	require.Equal(t, []float32{0.6, 0.8}, got)
	indices, values, err := segments.DecodeSparse(segments.Float32, vectors[1].Data)
	require.NoError(t, err)
	require.Equal(t, []uint32{2, 9}, indices)
	require.Equal(t, []float32{0.2, 0.9}, values)
	zero, err := segments.DecodeDense(segments.Float32, mustGet(t, v, num(2)).Vectors[0].Data, nil)
	require.NoError(t, err)
	require.Equal(t, []float32{0, 0}, zero)
}

func TestReopenFindsTheSameState(t *testing.T) {
	dir, logs := t.TempDir(), newMemoryLogs()
	s := openTestStore(t, dir, logs)
	require.NoError(t, s.Create(testContext(t), "c", CreateSpec{Vectors: testSchema()}))
	c, err := s.Collection("c")
	require.NoError(t, err)
	for i := range uint64(50) {
		mustWrite(t, c, upsert(PointInput{ID: num(i % 20), Payload: object(t, "i", int(i)), Vectors: []NamedVector{dense("", float32(i), 1)}}))
	}
	mustWrite(t, c, &Delete{Selector: Selector{IDs: []segments.PointID{num(3)}}})
	before := mustView(t, c)
	digest, through, count := before.Digest(), before.Through(), before.Count()
	before.Release()
	require.NoError(t, s.Close(testContext(t)))

	for range 2 { // the second time the log ends in a mark already
		s = openTestStore(t, dir, logs)
		c, err = s.Collection("c")
		require.NoError(t, err)
		v := mustView(t, c)
		require.Equal(t, digest, v.Digest())
		require.Equal(t, through, v.Through(), "a mark is not a change")
		require.Equal(t, count, v.Count())
		v.Release()
		last, err := logs.only(t).Last(testContext(t))
		require.NoError(t, err)
		require.Equal(t, through+1, last, "one mark, and none directly after it")
		require.NoError(t, s.Close(testContext(t)))
	}
}

func TestDivergedStateIsRefused(t *testing.T) {
	dir, logs := t.TempDir(), newMemoryLogs()
	s := openTestStore(t, dir, logs)
	require.NoError(t, s.Create(testContext(t), "c", CreateSpec{}))
	require.NoError(t, s.Create(testContext(t), "other", CreateSpec{}))
	c, err := s.Collection("c")
	require.NoError(t, err)
	p := mustWrite(t, c, upsert(PointInput{ID: num(1)}))[0].Position
	wrong := MarkEvent{At: p, Digest: segments.Digest{1}}
	_ = c.enqueueMark(testContext(t), wrong)
	require.Error(t, c.applied.wait(testContext(t), p+1))
	_, err = c.Write(testContext(t), []Operation{upsert(PointInput{ID: num(2)})}, WriteOptions{Wait: true})
	require.Equal(t, Unavailable, KindOf(err))
	_ = s.Close(testContext(t))

	s = openTestStore(t, dir, logs)
	defer func() { _ = s.Close(testContext(t)) }()
	_, err = s.Collection("c")
	require.Equal(t, Unavailable, KindOf(err))
	var diverged *DivergedError
	require.ErrorAs(t, err, &diverged)
	require.Equal(t, p, diverged.At)
	_, err = s.Collection("other")
	require.NoError(t, err, "the others are served")
}

func TestDropEndsTheCollectionAndFreesTheName(t *testing.T) {
	s, c, _ := newTestCollection(t)
	require.NoError(t, s.UpdateAliases(testContext(t), []AliasChange{{AliasCreate, "al", "c"}}))
	dropped, err := s.Drop(testContext(t), "al")
	require.NoError(t, err)
	require.False(t, dropped, "an alias is not resolved")
	held := mustView(t, c)
	dropped, err = s.Drop(testContext(t), "c")
	require.NoError(t, err)
	require.True(t, dropped)
	require.Zero(t, held.Count(), "a view outlives the collection")
	_, err = s.Collection("al")
	require.EqualError(t, err, "Collection `al` doesn't exist!")
	_, err = c.Write(testContext(t), []Operation{upsert(PointInput{ID: num(1)})}, WriteOptions{})
	require.Error(t, err)
	_, err = c.View(testContext(t))
	require.Error(t, err)
	require.NoError(t, s.Create(testContext(t), "c", CreateSpec{}))
}

func TestConfigureIsPartOfTheLog(t *testing.T) {
	dir, logs := t.TempDir(), newMemoryLogs()
	s := openTestStore(t, dir, logs)
	require.NoError(t, s.Create(testContext(t), "c", CreateSpec{Vectors: testSchema(), Settings: []byte(`{"a":1}`)}))
	c, err := s.Collection("c")
	require.NoError(t, err)
	mustWrite(t, c, upsert(PointInput{ID: num(1), Vectors: []NamedVector{dense("", 1, 2), dense("cos", 1, 0)}}))
	before, created := mustView(t, c).Digest(), mustStats(t, c).ConfigHash
	_, err = c.Configure(testContext(t), func(cfg *Config) (ConfigChange, error) {
		require.JSONEq(t, `{"a":1}`, string(cfg.Settings))
		return ConfigChange{
			Settings: []byte(`{"a":2}`), DropVectors: []string{"cos"}, SetIndexes: map[string]filter.FieldIndex{"a": {Type: filter.Keyword}},
			AddVectors: []segments.VectorSpec{{Name: "cos", Kind: segments.Dense, Size: 3, Datatype: segments.Float32, Distance: segments.Dot}},
		}, nil
	}, WriteOptions{Wait: true})
	require.NoError(t, err)
	_, err = c.Write(testContext(t), []Operation{upsert(PointInput{ID: num(2), Vectors: []NamedVector{dense("cos", 1, 2)}})}, WriteOptions{})
	require.EqualError(t, err, "Vector dimension error: expected dim: 3, got 2 for vector 'cos'")
	v := mustView(t, c)
	require.Len(t, mustGet(t, v, num(1)).Vectors, 1, "the new vector of the same name is another one")
	require.NotEqual(t, before, v.Digest())
	digest, stats := v.Digest(), mustStats(t, c)
	require.Equal(t, digest, stats.Digest)
	require.NotEqual(t, created, stats.ConfigHash)
	require.NoError(t, s.Close(testContext(t)))

	s = openTestStore(t, dir, logs)
	defer func() { _ = s.Close(testContext(t)) }()
	c, err = s.Collection("c")
	require.NoError(t, err)
	v = mustView(t, c)
	require.Equal(t, digest, v.Digest())
	require.JSONEq(t, `{"a":2}`, string(v.Config.Settings))
	require.Equal(t, map[string]filter.FieldIndex{"a": {Type: filter.Keyword}}, v.Config.Indexes)
	require.Equal(t, stats.ConfigHash, mustStats(t, c).ConfigHash)
	require.NoError(t, checkpointNow(testContext(t), c))
	require.NoError(t, s.Close(testContext(t)))
	s = openTestStore(t, dir, logs)
	require.Equal(t, stats.ConfigHash, mustStats(t, mustCollection(t, s, "c")).ConfigHash, "also from a manifest")
}

func mustStats(t testing.TB, c *Collection) Stats {
	s, err := c.Stats(testContext(t))
	require.NoError(t, err)
	return s
}

// TestAnIndexChangesNoPoint: what finds points is no part of them.
func TestAnIndexChangesNoPoint(t *testing.T) {
	c := newByHand(t)
	c.putWith(1, object(t, "a", "x"))
	digest, version := c.current.Load().view.Digest(), c.config().Version
	at := c.apply(&ConfigureEvent{SetIndexes: map[string]filter.FieldIndex{"a": {Type: filter.Keyword}}})
	v := c.current.Load().view
	require.Equal(t, digest, v.Digest())
	row, ok, err := v.Get(num(1))
	require.NoError(t, err)
	require.True(t, ok)
	require.Less(t, row.Version(), at)
	require.Greater(t, c.config().Version, version)
	require.Contains(t, c.config().Indexes, "a")
}

func TestEmptyConfigChangeWritesNothing(t *testing.T) {
	_, c, logs := newTestCollection(t)
	before, err := logs.only(t).Last(testContext(t))
	require.NoError(t, err)
	r, err := c.Configure(testContext(t), func(*Config) (ConfigChange, error) { return ConfigChange{}, nil }, WriteOptions{Wait: true})
	require.NoError(t, err)
	require.Equal(t, Completed, r.Status)
	after, err := logs.only(t).Last(testContext(t))
	require.NoError(t, err)
	require.Equal(t, before, after)
}

func TestPoisonedLogRefusesWritesAndServesReads(t *testing.T) {
	_, c, logs := newTestCollection(t)
	mustWrite(t, c, upsert(PointInput{ID: num(1)}))
	logs.only(t).Poison()
	_, err := c.Write(testContext(t), []Operation{upsert(PointInput{ID: num(2)})}, WriteOptions{Wait: true})
	require.Equal(t, Unavailable, KindOf(err))
	require.Equal(t, 1, mustView(t, c).Count())
}
