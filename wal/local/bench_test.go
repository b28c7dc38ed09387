package local_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/wal"
	"github.com/tidemark-db/tidemark/wal/local"
)

// BenchmarkAppend compares durable appends with the same group commit over a
// bare file. In "ratio" both take turns within one run: "of-bare" is the
// median, over the turns, of the log's speed as a part of the bare file's. The
// directory is TMPDIR, which must lie on a disk to mean anything.
func BenchmarkAppend(b *testing.B) {
	// A blocked fdatasync holds its P; the server raises GOMAXPROCS likewise.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(max(8, runtime.NumCPU())))
	for _, writers := range []int{1, 16} {
		for _, size := range []int{128, 1 << 10, 16 << 10} {
			name := fmt.Sprintf("writers=%d/size=%d", writers, size)
			b.Run(name+"/bare", func(b *testing.B) {
				benchAppend(b, writers, size, openBare(b, filepath.Join(b.TempDir(), "bare")).append)
			})
			b.Run(name+"/log", func(b *testing.B) { benchAppend(b, writers, size, openBench(b)) })
			b.Run(name+"/ratio", func(b *testing.B) { benchRatio(b, writers, size) })
		}
	}
}

// openBench opens a log and returns a durable append to it.
func openBench(b *testing.B) func([]byte) error {
	log := openLog(b)
	return func(payload []byte) error {
		p, err := log.Enqueue(b.Context(), payload)
		if err != nil {
			return err
		}
		_, err = p.Wait(b.Context())
		return err
	}
}

func openLog(b *testing.B) *local.Log {
	log, _, err := local.Open(filepath.Join(b.TempDir(), "wal"), local.Options{})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, log.Close()) })
	return log
}

// benchAppend runs b.N appends, shared by the writers.
func benchAppend(b *testing.B, writers, size int, appendOne func([]byte) error) {
	b.SetBytes(int64(size))
	b.ReportAllocs()
	b.ResetTimer()
	appendMany(b, writers, size, b.N, appendOne)
	b.StopTimer()
}

func appendMany(b *testing.B, writers, size, n int, appendOne func([]byte) error) {
	payload := bytes.Repeat([]byte{7}, size)
	var left atomic.Int64
	left.Store(int64(n))
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				if err := appendOne(payload); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

// benchRatio lets the bare file and the log take turns of some appends.
func benchRatio(b *testing.B, writers, size int) {
	bare := openBare(b, filepath.Join(b.TempDir(), "bare"))
	log := openBench(b)
	turn := 25 * writers
	var ratios []float64
	b.ResetTimer()
	for done := 0; done < b.N || len(ratios) == 0; done += 2 * turn {
		start := time.Now()
		appendMany(b, writers, size, turn, bare.append)
		between := time.Now()
		appendMany(b, writers, size, turn, log)
		ratios = append(ratios, float64(between.Sub(start))/float64(time.Since(between)))
	}
	b.StopTimer()
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "of-bare")
	b.ReportMetric(ratios[len(ratios)/4], "of-bare-p25")
	b.ReportMetric(ratios[len(ratios)*3/4], "of-bare-p75")
	b.ReportMetric(0, "ns/op") // it would mix the two
}

// BenchmarkReplay reads a log from its files, as a start does.
func BenchmarkReplay(b *testing.B) {
	const total = 64 << 20
	log := openLog(b)
	payload := make([]byte, 50<<10) // about 100 points of 128 dimensions
	var last wal.Position
	for written := 0; written < total; written += len(payload) {
		p, err := log.Enqueue(b.Context(), payload)
		require.NoError(b, err)
		if last, err = p.Wait(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(total)
	b.ReportAllocs()
	for b.Loop() {
		r, err := log.Tail(b.Context(), 0)
		require.NoError(b, err)
		for at := wal.Position(0); at < last; {
			records, err := r.Next(b.Context())
			require.NoError(b, err)
			at = records[len(records)-1].Position
		}
		require.NoError(b, r.Close())
	}
}
