package tidemark

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/index/filter"
	"github.com/tidemark-db/tidemark/index/vector"
	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/segments"
)

const scanSize = 128

// scanVector returns a vector of few small whole numbers: sums are exact, and
// many points have the same score.
func scanVector(seed int) []float32 {
	random := rand.New(rand.NewPCG(uint64(seed), 5))
	v := make([]float32, scanSize)
	for i := range v {
		if random.IntN(8) == 0 {
			v[i] = float32(random.IntN(7) - 3)
		}
	}
	return v
}

// scanPoint has the unnamed vector, unless its number is divisible by seven, and
// every third has the named one.
func scanPoint(t testing.TB, n int) PointInput {
	p := PointInput{ID: num(uint64(n)), Payload: object(t, "even", (n+1)%2, "n", n)}
	if n%7 != 0 {
		p.Vectors = append(p.Vectors, dense("", scanVector(n%500)...))
	}
	if n%3 == 0 {
		p.Vectors = append(p.Vectors, dense("far", scanVector(n)...))
	}
	return p
}

// scanCollection has points in two segments and in a head, some of them dead.
// The store is on files.
func scanCollection(t testing.TB) *Collection {
	s, err := openOnFiles(t, memoryDir(t), fsx.OS)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close(context.Background())) })
	require.NoError(t, s.Create(testContext(t), "c", CreateSpec{Vectors: []segments.VectorSpec{
		{Kind: segments.Dense, Size: scanSize, Datatype: segments.Float32, Distance: segments.Dot},
		{Name: "far", Kind: segments.Dense, Size: scanSize, Datatype: segments.Uint8, Distance: segments.Euclid},
	}}))
	c, err := s.Collection("c")
	require.NoError(t, err)
	write := func(from, to, stride int) {
		var points []PointInput
		for n := from; n < to; n += stride {
			points = append(points, scanPoint(t, n))
		}
		mustWrite(t, c, upsert(points...))
	}
	write(0, 3000, 1)
	require.NoError(t, checkpointNow(testContext(t), c))
	write(2900, 5000, 1)
	write(5, 1000, 50)
	require.NoError(t, checkpointNow(testContext(t), c))
	write(4900, 6500, 1)
	write(7, 5000, 70)
	mustWrite(t, c, &Delete{Selector: Selector{IDs: []segments.PointID{num(11), num(2999), num(4000), num(6000)}}})
	return c
}

type scored struct {
	id    uint64
	score float32
}

// sorted answers a query by sorting all points, which it finds by their ids, not
// by scanning vectors.
func sorted(t testing.TB, v *View, q NearestQuery) []scored {
	t.Helper()
	out, err := sortAll(v, q)
	require.NoError(t, err)
	return out
}

func sortAll(v *View, q NearestQuery) ([]scored, error) {
	n, err := v.newNearest(q)
	if err != nil {
		return nil, err
	}
	var all []scored
	err = v.each(context.Background(), segments.PointID{}, n.match, func(row segments.Row) bool {
		data, ok, verr := row.Vector(n.key)
		if verr != nil || !ok {
			err = errors.Join(err, verr)
			return verr == nil
		}
		score := n.scorer.Score(data)
		if (q.Threshold == nil || n.scorer.Passes(score, *q.Threshold)) && (q.Exclude == nil || row.ID() != *q.Exclude) {
			all = append(all, scored{row.ID().Number(), score})
		}
		return true
	})
	larger := vector.LargerIsBetter(v.Config.Schema[slices.IndexFunc(v.Config.Schema, func(s segments.VectorSpec) bool { return s.Key == n.key })].Distance)
	slices.SortFunc(all, func(a, b scored) int {
		c := cmp.Compare(a.score, b.score)
		if larger {
			c = -c
		}
		return cmp.Or(c, cmp.Compare(a.id, b.id))
	})
	all = all[min(q.Offset, len(all)):]
	return append([]scored(nil), all[:min(q.Limit, len(all))]...), err
}

// randomQuery asks for anything that a query can ask for.
func randomQuery(t testing.TB, random *rand.Rand) NearestQuery {
	q := NearestQuery{Vector: scanVector(random.IntN(1000)), Limit: 1 + random.IntN(30)}
	if random.IntN(3) == 0 {
		q.Using = "far"
	}
	if random.IntN(5) == 0 {
		q.Limit = 10_000
	}
	if random.IntN(3) == 0 {
		q.Offset = random.IntN(40)
	}
	if random.IntN(2) == 0 {
		q.Filter = evenOnly(t)
	}
	if random.IntN(3) == 0 {
		threshold := float32(random.IntN(30) - 5)
		q.Threshold = &threshold
	}
	if random.IntN(4) == 0 {
		id := num(random.Uint64N(6000))
		q.Exclude = &id
	}
	return q
}

func nearestIDs(v *View, q NearestQuery) ([]scored, error) {
	rows, err := v.Nearest(context.Background(), q)
	var out []scored
	for _, row := range rows {
		out = append(out, scored{row.ID().Number(), row.Score})
	}
	return out, err
}

// TestQueriesUnderWrites: queries that run at the same time as each other, as
// writes, checkpoints and merges, each see exactly their own view.
func TestQueriesUnderWrites(t *testing.T) {
	c := scanCollection(t)
	require.False(t, testScan(t, mustView(t, c), NearestQuery{Vector: scanVector(0), Limit: 1}).small())
	stop := make(chan struct{})
	var writer, clients sync.WaitGroup
	writer.Go(func() { writeUntil(t, c, stop) })
	for client := range 6 {
		clients.Go(func() {
			random := rand.New(rand.NewPCG(uint64(client), 7))
			for range 12 {
				if err := queryOnce(c, randomQuery(t, random)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	clients.Wait()
	close(stop)
	writer.Wait()
	require.Zero(t, c.scans.scans)
	require.Empty(t, c.scans.ring)
	require.Len(t, c.scans.workers, cap(c.scans.workers))
}

func queryOnce(c *Collection, q NearestQuery) error {
	v, err := c.View(context.Background())
	if err != nil {
		return err
	}
	defer v.Release()
	want, err := sortAll(v, q)
	if err != nil {
		return err
	}
	got, err := nearestIDs(v, q)
	if err == nil && !slices.Equal(got, want) {
		err = errors.New("the answer is not that of sorting")
	}
	return err
}

// writeUntil replaces and deletes points, with a checkpoint now and then.
func writeUntil(t testing.TB, c *Collection, stop <-chan struct{}) {
	random := rand.New(rand.NewPCG(1, 9))
	for i := 1; ; i++ {
		select {
		case <-stop:
			return
		default:
		}
		ops := []Operation{
			upsert(scanPoint(t, random.IntN(7000)), scanPoint(t, random.IntN(7000))),
			&Delete{Selector: Selector{IDs: []segments.PointID{num(random.Uint64N(7000))}}},
		}
		if _, err := c.Write(context.Background(), ops, WriteOptions{Wait: true}); err != nil {
			t.Error(err)
			return
		}
		if i%50 == 0 {
			if err := checkpointNow(context.Background(), c); err != nil {
				t.Error(err)
				return
			}
		}
	}
}

// TestDamagedVectors: a block that rotted before it was touched is an error to
// all who scan it, and to nobody else.
func TestDamagedVectors(t *testing.T) {
	c := scanCollection(t)
	v := mustView(t, c)
	damage(t, v, segments.Float32, scanVector(1))
	q, w := idleQueue(1)
	a := testScan(t, v, NearestQuery{Vector: scanVector(1), Limit: 5})
	b := testScan(t, v, NearestQuery{Vector: scanVector(2), Limit: 5, Filter: evenOnly(t)})
	other := testScan(t, v, NearestQuery{Using: "far", Vector: scanVector(2), Limit: 5})
	for _, s := range []*scan{a, b, other} {
		q.join(s)
	}
	drive(q, w[0])
	for _, s := range []*scan{a, b} {
		require.True(t, s.isDone())
		require.ErrorIs(t, s.err, segments.ErrDamaged)
	}
	requireFound(t, v, other)

	_, err := v.Nearest(t.Context(), NearestQuery{Vector: scanVector(1), Limit: 5})
	require.ErrorIs(t, err, segments.ErrDamaged, "it stays damaged")
}

// TestDamageBesideTheVectors: what only a filter looks at is an error to the
// query with that filter alone.
func TestDamageBesideTheVectors(t *testing.T) {
	c := scanCollection(t)
	v := mustView(t, c)
	damage(t, v, segments.Uint8, scanVector(3))
	q, w := idleQueue(1)
	filtered := testScan(t, v, NearestQuery{
		Vector: scanVector(2), Limit: 5000,
		Filter: &filter.Filter{Must: []filter.Condition{&filter.HasVector{Name: "far"}}},
	})
	plain := testScan(t, v, NearestQuery{Vector: scanVector(1), Limit: 5})
	q.join(filtered)
	q.join(plain)
	require.Equal(t, plain.runs(), drive(q, w[0]))
	require.ErrorIs(t, filtered.err, segments.ErrDamaged)
	requireFound(t, v, plain)
}

// damage flips a bit of a vector in a segment of the view, wherever it is.
func damage(t *testing.T, v *View, datatype segments.Datatype, numbers []float32) {
	t.Helper()
	data, err := segments.EncodeDense(datatype, numbers)
	require.NoError(t, err)
	for _, segment := range v.Segments() {
		content, err := os.ReadFile(segment.Path())
		require.NoError(t, err)
		if i := bytes.Index(content, data); i >= 0 {
			content[i] ^= 1
			require.NoError(t, os.WriteFile(segment.Path(), content, 0o600))
			return
		}
	}
	require.Fail(t, "no segment has the vector")
}

// TestFaultInTheMapping: a file that was cut while it was mapped is an error, in
// whatever instruction the fault is met.
func TestFaultInTheMapping(t *testing.T) {
	c := scanCollection(t)
	v := mustView(t, c)
	q := NearestQuery{Vector: scanVector(1), Limit: 5}
	_, err := v.Nearest(t.Context(), q)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(v.Segments()[0].Path(), 4096))
	_, err = v.Nearest(t.Context(), q)
	require.ErrorIs(t, err, segments.ErrDamaged)
	_, err = nearestIDs(v, NearestQuery{Vector: scanVector(1), Limit: 5, Filter: evenOnly(t)})
	require.ErrorIs(t, err, segments.ErrDamaged)
}

// TestCancelledQueries: a context that has ended ends the query, small or large.
func TestCancelledQueries(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	large := scanCollection(t)
	_, err := mustView(t, large).Nearest(ctx, NearestQuery{Vector: scanVector(1), Limit: 1})
	require.ErrorIs(t, err, context.Canceled)
	_, small, _ := newTestCollection(t)
	mustWrite(t, small, upsert(PointInput{ID: num(1), Vectors: []NamedVector{dense("", 1, 2)}}))
	_, err = mustView(t, small).Nearest(ctx, NearestQuery{Vector: []float32{1, 2}, Limit: 1})
	require.ErrorIs(t, err, context.Canceled)
}
