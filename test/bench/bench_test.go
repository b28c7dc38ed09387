// Package bench measures the built binary from outside: starts, snapshots and
// restores of a collection of a million points of 128 dimensions, several times
// each.
//
//	go test ./test/bench -run '^$' -bench . -benchtime 5x -timeout 0
package bench

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/machine/machinetest"
	"github.com/tidemark-db/tidemark/test/testserver"
)

var benchPoints = flag.Int("points", 1_000_000, "points of the collection that is measured")

func TestMain(m *testing.M) { os.Exit(testserver.Main(m)) }

// run is one repetition of something.
type run struct {
	took  time.Duration
	bytes int64 // of the archive; 0 if there is none
	anon  int64 // growth of the server's anonymous memory over what it had before
}

// operations are what is measured, in the order in which they need each other.
var operations = []struct {
	name string
	run  func(*server, testing.TB) run
}{
	{"start after a clean stop", (*server).startClean},
	{"start after a kill", (*server).startKilled},
	{"snapshot", (*server).snapshot},
	{"restore", (*server).restore},
}

// BenchmarkServer reports the median of each operation with the lowest and the
// highest of its repetitions, which it also lists, and the highest growth of the
// server's anonymous memory. The files are in the page cache as far as memory
// holds them.
func BenchmarkServer(b *testing.B) {
	machinetest.Report(b)
	s := startServer(b)
	var rate, anon float64
	b.Run("load", func(b *testing.B) {
		if s.points == 0 { // the body runs several times, whatever it is asked for
			began := time.Now()
			s.load(b, *benchPoints)
			rate, anon = float64(*benchPoints)/time.Since(began).Seconds(), float64(s.anonymous(b))
		}
		b.ReportMetric(rate, "points/s")
		b.ReportMetric(anon/1e6, "anon-MB")
		b.ReportMetric(0, "ns/op")
	})
	for _, o := range operations {
		b.Run(o.name, func(b *testing.B) {
			var all []run
			for range b.N {
				all = append(all, o.run(s, b))
			}
			report(b, all)
		})
	}
	require.Equal(b, *benchPoints, s.count(b))
}

func report(b *testing.B, all []run) {
	var raw strings.Builder
	var anon int64
	for _, r := range all {
		raw.WriteString(" " + r.took.Round(time.Millisecond/10).String())
		anon = max(anon, r.anon)
	}
	b.Logf("repetitions:%s", raw.String())
	slices.SortFunc(all, func(x, y run) int { return int(x.took - y.took) })
	median := all[len(all)/2]
	for name, r := range map[string]run{"lowest-ms": all[0], "median-ms": median, "highest-ms": all[len(all)-1]} {
		b.ReportMetric(float64(r.took.Microseconds())/1000, name)
	}
	if median.bytes > 0 {
		b.ReportMetric(float64(median.bytes)/1e6/median.took.Seconds(), "median-MB/s")
	}
	b.ReportMetric(float64(anon)/1e6, "anon-MB")
	b.ReportMetric(0, "ns/op") // it would count what prepares a repetition
}

// TestOperations keeps what the benchmark does true: each operation ends with
// every point.
func TestOperations(t *testing.T) {
	const points = 3000
	s := startServer(t)
	s.load(t, points)
	for _, o := range operations {
		for range 2 {
			r := o.run(s, t)
			require.Positive(t, r.took, o.name)
			require.Equal(t, points, s.count(t), o.name)
			require.Equal(t, strings.HasPrefix(o.name, "start"), r.bytes == 0, o.name)
		}
	}
	require.Positive(t, s.anonymous(t))
}
