package tidemark

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
)

// BenchmarkCut cuts a storage of 100 collections while 16 writers write single
// points to all of them. It reports percentiles of the time from the call to the
// views, and how many points a second were written meanwhile.
func BenchmarkCut(b *testing.B) {
	s, err := openOnFiles(b, b.TempDir(), fsx.OS)
	require.NoError(b, err)
	b.Cleanup(func() { _ = s.Close(context.Background()) })
	collections := make([]*Collection, 100)
	for i := range collections {
		name := fmt.Sprintf("c%d", i)
		require.NoError(b, s.Create(testContext(b), name, CreateSpec{Vectors: testSchema()[:1]}))
		collections[i] = mustCollection(b, s, name)
	}
	ctx, stop := context.WithCancel(context.Background())
	var written atomic.Int64
	var writers sync.WaitGroup
	for w := range 16 {
		writers.Go(func() {
			for i := w; ctx.Err() == nil; i += 7 {
				op := upsert(PointInput{ID: num(uint64(i % 1000)), Vectors: []NamedVector{dense("", 1, 2)}})
				if _, err := collections[i%100].Write(ctx, []Operation{op}, WriteOptions{Wait: true}); err == nil {
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
		cut, err := s.Cut(ctx)
		took = append(took, time.Since(began))
		require.NoError(b, err)
		cut.Release()
		for seen := written.Load(); written.Load() == seen; { // the writers go on
			runtime.Gosched()
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(written.Load())/b.Elapsed().Seconds(), "writes/s")
	stop()
	writers.Wait()
	slices.Sort(took)
	for name, at := range map[string]int{"p50-us": len(took) / 2, "p99-us": len(took) * 99 / 100, "max-us": len(took) - 1} {
		b.ReportMetric(float64(took[at].Nanoseconds())/1000, name)
	}
}
