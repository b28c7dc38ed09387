package tidemark

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tidemark-db/tidemark/index/filter"
	"github.com/tidemark-db/tidemark/segments"
)

// idleQueue is a queue whose workers the test holds back, so that scans wait.
func idleQueue(n int) (*scanQueue, []*scanWorker) {
	q := &scanQueue{workers: make(chan *scanWorker, n), sources: make(map[any]*scanSource)}
	workers := make([]*scanWorker, n)
	for i := range workers {
		workers[i] = newScanWorker(i)
	}
	return q, workers
}

// visitNext does the next job and returns its takers, nil if there is none.
func visitNext(q *scanQueue, w *scanWorker) []*scan {
	if !q.next(w) {
		return nil
	}
	var takers []*scan
	for _, t := range w.job.takers {
		takers = append(takers, t.part.scan)
	}
	w.do()
	q.finish(w)
	return takers
}

func drive(q *scanQueue, w *scanWorker) (jobs int) {
	for visitNext(q, w) != nil {
		jobs++
	}
	return jobs
}

func testScan(t testing.TB, v *View, q NearestQuery) *scan {
	n, err := v.newNearest(q)
	require.NoError(t, err)
	return newScan(n, v.Parts())
}

// requireFound compares what a scan found with sorting.
func requireFound(t testing.TB, v *View, s *scan) {
	t.Helper()
	require.True(t, s.isDone())
	require.NoError(t, s.err)
	require.Equal(t, sorted(t, v, s.query), found(s))
}

func found(s *scan) []scored {
	hits := s.best().Hits()
	var out []scored
	for _, hit := range hits[min(s.query.Offset, len(hits)):] {
		out = append(out, scored{hit.Item.ID().Number(), hit.Score})
	}
	return out
}

func TestScansThatWaitShareEachRun(t *testing.T) {
	c := scanCollection(t)
	v := mustView(t, c)
	q, w := idleQueue(2)
	a := testScan(t, v, NearestQuery{Vector: scanVector(1), Limit: 5})
	b := testScan(t, v, NearestQuery{Vector: scanVector(2), Limit: 9, Filter: evenOnly(t)})
	q.join(a)
	q.join(b)
	for i := range a.runs() {
		require.Len(t, visitNext(q, w[i%2]), 2)
	}
	require.Nil(t, visitNext(q, w[0]))
	requireFound(t, v, a)
	requireFound(t, v, b)
	require.Empty(t, q.ring, "nothing of a scan that is done is kept")
	require.Empty(t, q.sources)
}

// A scan that comes later gets on where the others are, and sees what it missed
// on the next round.
func TestScanJoinsWhereTheOthersAre(t *testing.T) {
	c := scanCollection(t)
	v := mustView(t, c)
	for late := range 8 {
		q, w := idleQueue(1)
		a := testScan(t, v, NearestQuery{Vector: scanVector(1), Limit: 5})
		q.join(a)
		for range late {
			visitNext(q, w[0])
		}
		b := testScan(t, v, NearestQuery{Vector: scanVector(2), Limit: 5})
		q.join(b)
		require.Equal(t, a.runs(), drive(q, w[0]), "%d runs late", late)
		requireFound(t, v, a)
		requireFound(t, v, b)
	}
}

// Views of different positions share segments and chunks of heads, and each
// scan sees its own view: rows and deaths that came later are not there.
func TestScansOfDifferentViewsShare(t *testing.T) {
	c := scanCollection(t)
	before := mustView(t, c)
	mustWrite(t, c, upsert(scanPoint(t, 100_000), scanPoint(t, 3)), &Delete{Selector: Selector{IDs: []segments.PointID{num(7)}}})
	after := mustView(t, c)
	for _, order := range [][]*View{{before, after}, {after, before}} {
		q, w := idleQueue(1)
		a := testScan(t, order[0], NearestQuery{Vector: scanVector(1), Limit: 20_000})
		b := testScan(t, order[1], NearestQuery{Vector: scanVector(1), Limit: 20_000})
		q.join(a)
		q.join(b)
		require.Equal(t, max(a.runs(), b.runs()), drive(q, w[0]))
		requireFound(t, order[0], a)
		requireFound(t, order[1], b)
	}
}

func TestNoMoreThanEightShare(t *testing.T) {
	c := scanCollection(t)
	v := mustView(t, c)
	q, w := idleQueue(1)
	scans := make([]*scan, maxShared+2)
	for i := range scans {
		scans[i] = testScan(t, v, NearestQuery{Vector: scanVector(i), Limit: 5})
		q.join(scans[i])
	}
	require.Len(t, visitNext(q, w[0]), maxShared)
	gone := scans[maxShared] // the first that waits for room
	q.cancel(gone, context.Canceled)
	require.True(t, gone.isDone())
	q.cancel(scans[0], context.Canceled) // makes room for the other one
	takers := visitNext(q, w[0])
	require.Len(t, takers, maxShared)
	require.Contains(t, takers, scans[maxShared+1])
	drive(q, w[0])
	for i, s := range scans {
		if s == gone || i == 0 {
			require.ErrorIs(t, s.err, context.Canceled)
			continue
		}
		requireFound(t, v, s)
	}
}

// Vectors that others need again and again do not keep a scan from the rest of
// its own.
func TestNoScanIsLeftOut(t *testing.T) {
	c := scanCollection(t)
	v := mustView(t, c)
	require.GreaterOrEqual(t, len(v.Parts()), 2)
	q, w := idleQueue(1)
	s := testScan(t, v, NearestQuery{Vector: scanVector(1), Limit: 5})
	q.join(s)
	for jobs := 0; !s.isDone(); jobs++ {
		require.Less(t, jobs, 3*s.runs())
		n, err := v.newNearest(NearestQuery{Vector: scanVector(jobs), Limit: 1})
		require.NoError(t, err)
		q.join(newScan(n, v.Parts()[:1]))
		visitNext(q, w[0])
	}
	requireFound(t, v, s)
}

// TestRemoveKeepsThePlace: whoever leaves, the round goes on where it was, or at
// the next source that is left.
func TestRemoveKeepsThePlace(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		q, _ := idleQueue(1)
		scans := []*scan{{}, {}, {}}
		for i := range rapid.IntRange(1, 6).Draw(rt, "sources") {
			source := &scanSource{identity: i}
			for n, s := range scans {
				if n == i%3 || rapid.Bool().Draw(rt, "needs") {
					source.parts = append(source.parts, &scanPart{scan: s})
				}
			}
			q.ring = append(q.ring, source)
			q.sources[i] = source
		}
		q.at, q.nextRun = rapid.IntRange(0, len(q.ring)-1).Draw(rt, "at"), 7
		for _, s := range scans {
			onwards := append(slices.Clone(q.ring[q.at:]), q.ring[:q.at]...)
			q.remove(s)
			left := slices.DeleteFunc(slices.Clone(onwards), func(s *scanSource) bool { return len(s.parts) == 0 })
			require.Len(rt, q.sources, len(left))
			require.Len(rt, q.ring, len(left))
			if len(left) == 0 {
				return
			}
			require.Same(rt, left[0], q.ring[q.at])
			if left[0] != onwards[0] {
				require.Zero(rt, q.nextRun)
				return
			}
			require.Equal(rt, 7, q.nextRun)
		}
	})
}

// The view of a cancelled scan is released by its caller, so the scan is not
// done while a worker looks at it.
func TestCancelledScanWaitsForTheRunsInFlight(t *testing.T) {
	c := scanCollection(t)
	v := mustView(t, c)
	q, w := idleQueue(2)
	a := testScan(t, v, NearestQuery{Vector: scanVector(1), Limit: 5})
	b := testScan(t, v, NearestQuery{Vector: scanVector(2), Limit: 5})
	q.join(a)
	q.join(b)
	require.True(t, q.next(w[0]))
	q.cancel(a, context.Canceled)
	q.cancel(a, errors.New("only the first reason counts"))
	require.False(t, a.isDone())
	require.Equal(t, []*scan{b}, visitNext(q, w[1]), "no run is taken any more for the scan that was cancelled")
	w[0].do()
	q.finish(w[0])
	require.True(t, a.isDone())
	q.cancel(a, errors.New("it is over already"))
	require.ErrorIs(t, a.err, context.Canceled)
	drive(q, w[1])
	requireFound(t, v, b)
}

func TestCancelledQueryReturnsAndLeavesTheOthersAlone(t *testing.T) {
	c := scanCollection(t)
	v := mustView(t, c)
	q, w := idleQueue(2)
	ctx, cancel := context.WithCancel(t.Context())
	cancelled := testScan(t, v, NearestQuery{Vector: scanVector(1), Limit: 5})
	stays := testScan(t, v, NearestQuery{Vector: scanVector(2), Limit: 5})
	ends := make(chan error, 2)
	go func() { ends <- q.run(ctx, cancelled) }()
	go func() { ends <- q.run(t.Context(), stays) }()
	<-cancelled.admitted
	<-stays.admitted
	cancel()
	require.ErrorIs(t, <-ends, context.Canceled)
	for _, worker := range w {
		q.workers <- worker
	}
	require.NoError(t, <-ends)
	requireFound(t, v, stays)
	require.Len(t, q.workers, 2, "all workers are idle again")
}

// A bug met by a worker is an error; it neither ends the process nor leaves
// anyone waiting.
func TestPanicOfAWorker(t *testing.T) {
	c := scanCollection(t)
	v := mustView(t, c)
	bad := testScan(t, v, NearestQuery{Vector: scanVector(1), Limit: 5})
	bad.nearest = &nearest{query: bad.query, key: bad.key} // without a scorer
	err := c.scans.run(t.Context(), bad)
	require.Equal(t, Internal, KindOf(err))
	require.ErrorContains(t, err, "nil pointer")
	good := testScan(t, v, NearestQuery{Vector: scanVector(2), Limit: 5})
	require.NoError(t, c.scans.run(t.Context(), good))
	requireFound(t, v, good)
}

func TestRunSet(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 200).Draw(rt, "n")
		set, want := newRunSet(n), make(map[int]bool, n)
		for i := range n {
			want[i] = true
		}
		for _, run := range rapid.SliceOfN(rapid.IntRange(0, n-1), 0, 2*n).Draw(rt, "removed") {
			set.remove(run)
			delete(want, run)
		}
		from := rapid.IntRange(0, 2*n).Draw(rt, "from")
		next, ok := from, false
		for ; next < n && !ok; next++ {
			ok = want[next]
		}
		got, has := set.next(from)
		require.Equal(rt, ok, has)
		if ok {
			require.Equal(rt, next-1, got)
		}
		require.Equal(rt, want[from], set.has(from))

		all := &scanPart{todo: newRunSet(n)}
		for _, parts := range [][]*scanPart{{{todo: set}, all}, {all, {todo: set}}} {
			source := scanSource{parts: parts}
			next, ok := source.next(from) // the first that anyone needs
			require.Equal(rt, from < n, ok)
			require.True(rt, !ok || next == from)
		}
	})
}

func evenOnly(t testing.TB) *filter.Filter {
	return &filter.Filter{Must: []filter.Condition{&filter.Field{Key: mustPath(t, "even"), Match: filter.MatchInt(1)}}}
}
