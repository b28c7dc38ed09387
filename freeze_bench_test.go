package tidemark

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
)

// BenchmarkFreeze takes the state of a collection of 1,000 segments, which are
// not merged, while 16 writers write single points. It reports percentiles of the
// time from the call to the view in microseconds, and how many points a second
// were written meanwhile.
func BenchmarkFreeze(b *testing.B) {
	s, err := openOnFiles(b, b.TempDir(), fsx.OS)
	require.NoError(b, err)
	b.Cleanup(func() { _ = s.Close(context.Background()) })
	s.shared.merging <- struct{}{} // as if another collection merged for ever
	require.NoError(b, s.Create(testContext(b), "c", CreateSpec{Vectors: testSchema()[:1]}))
	c, err := s.Collection("c")
	require.NoError(b, err)
	const segments = 1000
	for i := range uint64(segments) {
		mustWrite(b, c, upsert(PointInput{ID: num(i), Vectors: []NamedVector{dense("", 1, 2)}}))
		require.NoError(b, checkpointNow(context.Background(), c))
	}
	ctx, stop := context.WithCancel(context.Background())
	var written atomic.Int64
	var writers sync.WaitGroup
	for w := range uint64(16) {
		writers.Go(func() {
			for i := uint64(0); ctx.Err() == nil; i++ {
				op := upsert(PointInput{ID: num(w*100 + i%100), Vectors: []NamedVector{dense("", 1, 2)}})
				if _, err := c.Write(ctx, []Operation{op}, WriteOptions{Wait: true}); err == nil {
					written.Add(1)
				}
			}
		})
	}
	var took []time.Duration
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		began := time.Now()
		f, err := s.Freeze(ctx, "c")
		took = append(took, time.Since(began))
		require.NoError(b, err)
		f.Release()
		for seen := written.Load(); written.Load() == seen; { // the writers go on
			runtime.Gosched()
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(written.Load())/b.Elapsed().Seconds(), "writes/s")
	stop()
	writers.Wait()
	slices.Sort(took)
	for _, p := range []struct {
		name string
		at   int
	}{{"p50-us", len(took) / 2}, {"p99-us", len(took) * 99 / 100}, {"max-us", len(took) - 1}} {
		b.ReportMetric(float64(took[p.at].Nanoseconds())/1000, p.name)
	}
}
