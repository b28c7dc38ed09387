package local_test

import (
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/wal"
	"github.com/tidemark-db/tidemark/wal/local"
)

// BenchmarkAppend compares durable appends with the same group commit over a
// bare file. Both run in turn, so that a ratio is taken from one run. The
// directory is TMPDIR, which must lie on a disk to mean anything.
func BenchmarkAppend(b *testing.B) {
	// A blocked fdatasync holds its P; the server raises GOMAXPROCS likewise.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(max(8, runtime.NumCPU())))
	for _, writers := range []int{1, 16} {
		for _, size := range []int{128, 1 << 10, 16 << 10} {
			b.Run(fmt.Sprintf("writers=%d/size=%d", writers, size), func(b *testing.B) {
				b.Run("bare", func(b *testing.B) {
					log := openBare(b, filepath.Join(b.TempDir(), "bare"))
					benchAppend(b, writers, size, log.append)
				})
				b.Run("log", func(b *testing.B) {
					log := openBench(b)
					benchAppend(b, writers, size, func(payload []byte) error {
						p, err := log.Enqueue(b.Context(), payload)
						if err != nil {
							return err
						}
						_, err = p.Wait(b.Context())
						return err
					})
				})
			})
		}
	}
}

func openBench(b *testing.B) *local.Log {
	log, _, err := local.Open(filepath.Join(b.TempDir(), "wal"), local.Options{})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, log.Close()) })
	return log
}

// benchAppend runs b.N appends, shared by the writers.
func benchAppend(b *testing.B, writers, size int, appendOne func([]byte) error) {
	payload := make([]byte, size)
	for i := range payload {
		payload[i] = byte(i)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	b.ResetTimer()
	var left atomic.Int64
	left.Store(int64(b.N))
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
	b.StopTimer()
}

// BenchmarkReplay reads a log from its files, as a start does.
func BenchmarkReplay(b *testing.B) {
	const total = 64 << 20
	log := openBench(b)
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
