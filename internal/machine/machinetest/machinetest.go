// Package machinetest prints what the machine can do beside the figures of a
// benchmark.
package machinetest

import (
	"testing"

	"github.com/tidemark-db/tidemark/internal/machine"
)

// Report runs a benchmark "machine", which measures the machine once, in a
// temporary directory, and reports the figures.
func Report(b *testing.B) {
	var f machine.Figures
	b.Run("machine", func(b *testing.B) {
		if f.Sync.Count == 0 { // the body runs several times, whatever it is asked for
			var err error
			if f, err = machine.Measure(b.Context(), machine.Options{Dir: b.TempDir()}); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(f.Sync.PerSecond, "fdatasync/s")
		b.ReportMetric(float64(f.Sync.P99.Microseconds()), "fdatasync-p99-us")
		b.ReportMetric(f.Write, "write+fdatasync-MB/s")
		b.ReportMetric(f.Hash, "sha256-MB/s")
		b.ReportMetric(f.FileRead, "page-cache-MB/s")
		b.ReportMetric(f.Memory, "memory-MB/s")
		b.ReportMetric(f.Load, "load")
	})
}
