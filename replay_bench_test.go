package tidemark

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/wal"
	"github.com/tidemark-db/tidemark/wal/local"
)

// BenchmarkReplay opens a store whose one collection is in the log alone:
// batches of 100 points of 128 dimensions, 60 MB in files whose page cache is
// warm. It counts bytes of records. "insert" writes each point once, "replace"
// each id four times. read-MB/s is what reading the log alone makes, each time
// before it.
func BenchmarkReplay(b *testing.B) {
	for name, ids := range map[string]uint64{"insert": 1 << 40, "replace": 25_000} {
		dir := b.TempDir()
		size := writeReplayLog(b, dir, ids)
		b.Run(name, func(b *testing.B) {
			var reading time.Duration
			b.SetBytes(size)
			for b.Loop() {
				b.StopTimer()
				began := time.Now()
				readReplayLog(b, dir)
				reading += time.Since(began)
				b.StartTimer()
				s := openReplayStore(b, dir)
				b.StopTimer()
				require.NoError(b, s.Close(context.Background()))
				b.StartTimer()
			}
			b.ReportMetric(float64(size)*float64(b.N)/reading.Seconds()/1e6, "read-MB/s")
		})
	}
}

// openReplayStore opens a store whose heads are never full and waits until the
// logs are applied.
func openReplayStore(b *testing.B, dir string) *Store {
	s, err := Open(testContext(b), Options{
		Dir: dir, HeadBytes: 1 << 30, HeadLogBytes: 1 << 30, Budget: 2 << 30,
		OpenLog: openReplayLog,
	})
	require.NoError(b, err)
	s.recovery.Wait()
	require.True(b, s.Ready())
	return s
}

// writeReplayLog writes 1,000 batches with so many different ids and returns the
// bytes of their records.
func writeReplayLog(b *testing.B, dir string, ids uint64) (size int64) {
	s := openReplayStore(b, dir)
	require.NoError(b, s.Create(testContext(b), "c", CreateSpec{Vectors: []segments.VectorSpec{
		{Kind: segments.Dense, Size: 128, Datatype: segments.Float32, Distance: segments.Dot},
	}}))
	c, err := s.Collection("c")
	require.NoError(b, err)
	random, vector := rand.New(rand.NewPCG(1, 2)), make([]float32, 128)
	for first := uint64(0); first < 100_000; first += 100 {
		points := make([]PointInput, 100)
		for i := range points {
			for k := range vector {
				vector[k] = random.Float32()
			}
			n := (first + uint64(i)) * 7919 % ids
			points[i] = PointInput{ID: num(n), Payload: object(b, "n", int(n%1000), "city", "Hamburg"), Vectors: []NamedVector{dense("", append([]float32(nil), vector...)...)}}
		}
		mustWrite(b, c, upsert(points...))
	}
	require.NoError(b, s.Close(context.Background()))
	return readReplayLog(b, dir)
}

func openReplayLog(o LogOptions) (wal.Log, error) {
	log, _, err := local.Open(o.Dir, local.Options{Base: o.Base, From: o.From, AtLeast: o.AtLeast, Logger: o.Logger})
	return log, err
}

// readReplayLog reads the log of the one collection and returns the bytes of its
// records.
func readReplayLog(b *testing.B, dir string) (size int64) {
	dirs, err := filepath.Glob(filepath.Join(dir, "collections", "*", logDir))
	require.NoError(b, err)
	require.Len(b, dirs, 1)
	log, err := openReplayLog(LogOptions{Dir: dirs[0]})
	require.NoError(b, err)
	last, err := log.Last(context.Background())
	require.NoError(b, err)
	reader, err := log.Tail(context.Background(), 0)
	require.NoError(b, err)
	for at := wal.Position(0); at < last; {
		records, err := reader.Next(context.Background())
		require.NoError(b, err)
		for _, r := range records {
			size += int64(len(r.Payload))
			at = r.Position
		}
	}
	require.NoError(b, reader.Close())
	require.NoError(b, log.Close())
	return size
}
