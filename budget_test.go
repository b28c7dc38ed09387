package tidemark

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/segments"
)

// openSmall opens a store whose heads and budget are small, over a file system
// that can fail.
func openSmall(t *testing.T, patience time.Duration) (*Store, *Collection, *fsx.Faults) {
	faults := fsx.NewFaults(fsx.OS)
	s, err := Open(testContext(t), Options{
		Dir: t.TempDir(), FS: faults, OpenLog: localLogs(fsx.OS), Budget: 1 << 20, HeadBytes: 128 << 10,
		Patience: patience, RetryInterval: time.Millisecond,
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	require.NoError(t, s.Create(testContext(t), "c", CreateSpec{}))
	c, err := s.Collection("c")
	require.NoError(t, err)
	return s, c, faults
}

func kilobytes(t testing.TB, id uint64, n int) Operation {
	return upsert(PointInput{ID: num(id), Payload: object(t, "text", strings.Repeat("x", n<<10))})
}

// TestWritesBeyondTheBudgetWaitForSegments writes many times the budget: memory
// stays bounded, and nothing is refused while segments can be written.
func TestWritesBeyondTheBudgetWaitForSegments(t *testing.T) {
	s, c, _ := openSmall(t, time.Minute)
	for i := range uint64(200) {
		mustWrite(t, c, kilobytes(t, i, 32))
		used, limit := s.Budget()
		require.Less(t, used, 2*limit)
	}
	require.Equal(t, 200, mustView(t, c).Count())
	stats, err := c.Stats(testContext(t))
	require.NoError(t, err)
	require.NotZero(t, stats.Segments)
	require.NotZero(t, stats.Flushed)
}

// TestWritesAreRefusedBeforeTheAppend: when no segment can be written, writes
// end with a reason and leave nothing behind; what was acknowledged stays.
func TestWritesAreRefusedBeforeTheAppend(t *testing.T) {
	s, c, faults := openSmall(t, 20*time.Millisecond)
	faults.Inject(fsx.Rule{Path: ".seg"})
	written := 0
	var refused error
	for refused == nil {
		_, refused = c.Write(testContext(t), []Operation{kilobytes(t, uint64(written), 32)}, WriteOptions{})
		if refused == nil {
			written++
		}
	}
	require.Equal(t, Unavailable, KindOf(refused))
	require.ErrorContains(t, refused, "until segments are written")
	require.Equal(t, written, mustView(t, c).Count())

	faults.Clear() // the disk is well again
	require.NoError(t, checkpointNow(testContext(t), c))
	mustWrite(t, c, kilobytes(t, 10_000, 1))
	require.Equal(t, written+1, mustView(t, c).Count())
	used, _ := s.Budget()
	require.Less(t, used, int64(128<<10))
}

// TestReadersDoNotWait reads in every way while the applier and the committer
// stand still.
func TestReadersDoNotWait(t *testing.T) {
	s, c, _ := newTestCollection(t)
	for i := range uint64(100) {
		mustWrite(t, c, upsert(PointInput{ID: num(i), Vectors: []NamedVector{dense("", float32(i), 1)}}))
	}
	require.NoError(t, checkpointNow(testContext(t), c))
	mustWrite(t, c, upsert(PointInput{ID: num(100)}))
	c.mu.Lock() // both work under it
	defer c.mu.Unlock()
	v := mustView(t, c)
	require.NotNil(t, mustGet(t, v, num(7)))
	rows, _, err := v.Scroll(testContext(t), ScrollQuery{Limit: 1000})
	require.NoError(t, err)
	require.Len(t, rows, 101)
	near, err := v.Nearest(testContext(t), NearestQuery{Vector: []float32{1, 0}, Limit: 1})
	require.NoError(t, err)
	require.Equal(t, num(99), near[0].ID())
	snap, err := takeCopy(t, testContext(t), s, "c")
	require.NoError(t, err)
	require.Equal(t, 101, snap.manifest.Count)
}

// TestBudgetFitsIntoASegment: what heads may take is written as one segment.
func TestBudgetFitsIntoASegment(t *testing.T) {
	s, err := Open(testContext(t), Options{Dir: t.TempDir(), OpenLog: localLogs(fsx.OS), Budget: 1 << 40})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close(context.Background())) }()
	_, limit := s.shared.budget.used()
	require.EqualValues(t, 6<<30, limit)
	require.Less(t, limit, int64(segments.MaxSegmentBytes))
}
