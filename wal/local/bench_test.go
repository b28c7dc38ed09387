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

	"github.com/tidemark-db/tidemark/internal/machine/machinetest"
	"github.com/tidemark-db/tidemark/wal"
	"github.com/tidemark-db/tidemark/wal/local"
)

// BenchmarkAppend compares durable appends with the same group commit over a
// bare file. In "ratio" both take short turns within one run, and it changes who
// is first, so that what else the machine does meets both alike: "of-bare" is the
// median, over the pairs of turns, of the log's speed as a part of the bare
// file's. With -benchtime 400x there are 400 pairs. "records/sync" and
// "bare-records/sync" say how large the commit groups were. The directory is
// TMPDIR, which must lie on a disk to mean anything.
func BenchmarkAppend(b *testing.B) {
	// A blocked fdatasync holds its P; the server raises GOMAXPROCS likewise.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(max(8, runtime.NumCPU())))
	machinetest.Report(b)
	for _, writers := range []int{1, 16} {
		for _, size := range []int{128, 1 << 10, 4 << 10, 16 << 10} {
			name := fmt.Sprintf("writers=%d/size=%d", writers, size)
			b.Run(name+"/bare", func(b *testing.B) {
				benchAppend(b, writers, size, openBare(b, filepath.Join(b.TempDir(), "bare")).append)
			})
			b.Run(name+"/log", func(b *testing.B) { benchAppend(b, writers, size, openBench(b, local.Options{})) })
			b.Run(name+"/ratio", func(b *testing.B) { benchRatio(b, writers, size) })
		}
	}
}

// openBench opens a log and returns a durable append to it.
func openBench(b *testing.B, o local.Options) func([]byte) error {
	log := openLog(b, o)
	return func(payload []byte) error {
		p, err := log.Enqueue(b.Context(), payload)
		if err != nil {
			return err
		}
		_, err = p.Wait(b.Context())
		return err
	}
}

func openLog(b *testing.B, o local.Options) *local.Log {
	log, _, err := local.Open(filepath.Join(b.TempDir(), "wal"), o)
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

// appendMany appends n records, shared by the writers, and returns how long that
// took.
func appendMany(b *testing.B, writers, size, n int, appendOne func([]byte) error) time.Duration {
	payload := bytes.Repeat([]byte{7}, size)
	var left atomic.Int64
	left.Store(int64(n))
	var all sync.WaitGroup
	began := time.Now()
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
	return time.Since(began)
}

// groupCounter counts commit groups and their records.
type groupCounter struct{ groups, records atomic.Int64 }

func (c *groupCounter) Committed(_ time.Duration, records, _ int) {
	c.groups.Add(1)
	c.records.Add(int64(records))
}
func (c *groupCounter) Poisoned(error)     {}
func (c *groupCounter) Resized(int, int64) {}

// benchRatio lets the bare file and the log take b.N turns each, of some groups.
func benchRatio(b *testing.B, writers, size int) {
	var counter groupCounter
	bare := openBare(b, filepath.Join(b.TempDir(), "bare"))
	log := openBench(b, local.Options{Observer: &counter})
	turn := 25 * writers
	takeBare := func() time.Duration { return appendMany(b, writers, size, turn, bare.append) }
	takeLog := func() time.Duration { return appendMany(b, writers, size, turn, log) }
	takeBare() // both have begun their files
	takeLog()
	var ratios []float64
	for round := range b.N {
		var ofBare, ofLog time.Duration
		if round%2 == 0 {
			ofBare, ofLog = takeBare(), takeLog()
		} else {
			ofLog, ofBare = takeLog(), takeBare()
		}
		ratios = append(ratios, ofBare.Seconds()/ofLog.Seconds())
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "of-bare")
	b.ReportMetric(ratios[len(ratios)/4], "of-bare-p25")
	b.ReportMetric(ratios[len(ratios)*3/4], "of-bare-p75")
	b.ReportMetric(float64(counter.records.Load())/float64(counter.groups.Load()), "records/sync")
	b.ReportMetric(float64(bare.number)/float64(bare.groups), "bare-records/sync")
	b.ReportMetric(0, "ns/op") // it would mix the two
}

// BenchmarkReplay reads a log from its files, as a start does.
func BenchmarkReplay(b *testing.B) {
	const total = 64 << 20
	log := openLog(b, local.Options{})
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
