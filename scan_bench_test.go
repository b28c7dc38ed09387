package tidemark

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/index/filter"
	"github.com/tidemark-db/tidemark/segments"
)

const (
	benchPoints = 1_000_000
	benchSize   = 128
)

// benchNearestCollection has a million points in segments on disk. The store
// was opened again, so that no merge runs beside the measurement.
func benchNearestCollection(b *testing.B) *Collection {
	b.Helper()
	dir, logs := b.TempDir(), newMemoryLogs()
	s := openTestStore(b, dir, logs)
	require.NoError(b, s.Create(testContext(b), "c", CreateSpec{Vectors: []segments.VectorSpec{
		{Kind: segments.Dense, Size: benchSize, Datatype: segments.Float32, Distance: segments.Dot},
	}}))
	writeBenchPoints(b, s)
	require.NoError(b, s.Close(context.Background()))
	s = openTestStore(b, dir, logs)
	b.Cleanup(func() { require.NoError(b, s.Close(context.Background())) })
	c, err := s.Collection("c")
	require.NoError(b, err)
	return c
}

func writeBenchPoints(b *testing.B, s *Store) {
	c, err := s.Collection("c")
	require.NoError(b, err)
	random := rand.New(rand.NewPCG(1, 2))
	const batch = 5000
	for first := uint64(0); first < benchPoints; first += batch {
		points := make([]PointInput, batch)
		for i := range points {
			n := first + uint64(i)
			points[i] = PointInput{
				ID: num(n), Payload: object(b, "n", int(n%1000), "city", "Hamburg"),
				Vectors: []NamedVector{dense("", benchVector(random)...)},
			}
		}
		_, err := c.Write(context.Background(), []Operation{upsert(points...)}, WriteOptions{Wait: true})
		require.NoError(b, err)
	}
	require.NoError(b, checkpointNow(context.Background(), c))
}

func benchVector(random *rand.Rand) []float32 {
	v := make([]float32, benchSize)
	for i := range v {
		v[i] = random.Float32() - 0.5
	}
	return v
}

// BenchmarkNearest is exact queries over a million vectors of 128 float32 in
// segments, by several clients that each send the next query when the last one
// was answered. An operation is one query. Between rounds of queries the same
// bytes are read by a plain loop on all processors: x-read is the rate at which
// queries went through vectors, divided by that of the loop, so that it tells
// the truth on a busy machine too. Above one, queries shared their reading.
func BenchmarkNearest(b *testing.B) {
	if testing.Short() {
		b.Skip("it writes a million points first")
	}
	c := benchNearestCollection(b)
	less := func(n float64) *filter.Filter {
		return &filter.Filter{Must: []filter.Condition{&filter.Field{Key: mustPath(b, "n"), Range: &filter.Range{LT: &n}}}}
	}
	for _, f := range []struct {
		name   string
		filter *filter.Filter
	}{{"all", nil}, {"half", less(500)}, {"1of1000", less(1)}} {
		for _, clients := range []int{1, 4, 16} {
			b.Run(fmt.Sprintf("filter=%s/clients=%d", f.name, clients), func(b *testing.B) {
				benchNearest(b, c, clients, f.filter)
			})
		}
	}
}

func benchNearest(b *testing.B, c *Collection, clients int, f *filter.Filter) {
	v, err := c.View(context.Background())
	require.NoError(b, err)
	defer v.Release()
	key := v.Config.Schema[0].Key
	bytes := readPlain(b, v, key) // what is touched now is verified
	random := rand.New(rand.NewPCG(3, 4))
	var queries, reads time.Duration
	rounds := 0
	b.ReportAllocs()
	b.ResetTimer()
	for left := b.N; left > 0; rounds++ {
		n := min(left, 4*clients)
		left -= n
		b.StopTimer()
		began := time.Now()
		readPlain(b, v, key)
		reads += time.Since(began)
		vectors := make([][]float32, n)
		for i := range vectors {
			vectors[i] = benchVector(random)
		}
		b.StartTimer()
		began = time.Now()
		queryAll(b, c, clients, vectors, f)
		queries += time.Since(began)
	}
	perSecond := float64(b.N) / queries.Seconds()
	read := float64(bytes) * float64(rounds) / reads.Seconds()
	b.ReportMetric(perSecond, "queries/s")
	b.ReportMetric(read/1e9, "read-GB/s")
	b.ReportMetric(perSecond*float64(bytes)/read, "x-read")
}

func queryAll(b *testing.B, c *Collection, clients int, vectors [][]float32, f *filter.Filter) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(vectors)); i = next.Add(1) - 1 {
				v, err := c.View(context.Background())
				if err != nil {
					b.Error(err)
					return
				}
				rows, err := v.Nearest(context.Background(), NearestQuery{Vector: vectors[i], Limit: 10, Filter: f})
				if err != nil || len(rows) != 10 {
					b.Errorf("%d rows: %v", len(rows), err)
				}
				v.Release()
			}
		})
	}
	wg.Wait()
}

// readPlain reads all vectors on all processors and does nothing with them. It
// returns the number of bytes.
func readPlain(b *testing.B, v *View, key segments.VectorKey) int64 {
	var wg sync.WaitGroup
	var bytes, sum atomic.Int64
	for _, part := range v.Parts() {
		vectors := part.Vectors(key)
		bytes.Add(vectors.Bytes())
		var next atomic.Int64
		for range runtime.NumCPU() {
			wg.Go(func() {
				var reader segments.DenseReader
				for run := next.Add(1) - 1; run < int64(vectors.Runs()); run = next.Add(1) - 1 {
					err := reader.Visit(vectors, int(run), func(block segments.DenseBlock) error {
						sum.Add(int64(addLines(block.Data)))
						return nil
					})
					if err != nil {
						b.Error(err)
					}
				}
			})
		}
		wg.Wait()
	}
	return bytes.Load()
}

// addLines adds a number of each cache line.
func addLines(data []byte) (sum uint64) {
	const line = 64
	for ; len(data) >= line; data = data[line:] {
		sum += binary.LittleEndian.Uint64(data)
	}
	return sum
}
