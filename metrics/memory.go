package metrics

import (
	"runtime/metrics"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// memoryCollector exposes what the Go runtime knows under the names that Qdrant
// has for its allocator.
type memoryCollector struct{}

// memoryClasses are those of the runtime whose sums are exposed.
var memoryClasses = []struct {
	desc *prometheus.Desc
	plus []string
	less []string
}{
	{
		desc: prometheus.NewDesc("memory_active_bytes", "Total number of bytes in active pages allocated by the application", nil, nil),
		plus: []string{"/memory/classes/heap/objects:bytes", "/memory/classes/heap/unused:bytes", "/memory/classes/heap/stacks:bytes"},
	},
	{
		desc: prometheus.NewDesc("memory_allocated_bytes", "Total number of bytes allocated by the application", nil, nil),
		plus: []string{"/memory/classes/heap/objects:bytes"},
	},
	{
		desc: prometheus.NewDesc("memory_metadata_bytes", "Total number of bytes dedicated to metadata", nil, nil),
		plus: []string{
			"/memory/classes/metadata/mcache/free:bytes", "/memory/classes/metadata/mcache/inuse:bytes",
			"/memory/classes/metadata/mspan/free:bytes", "/memory/classes/metadata/mspan/inuse:bytes",
			"/memory/classes/metadata/other:bytes", "/memory/classes/profiling/buckets:bytes", "/memory/classes/other:bytes",
		},
	},
	{
		desc: prometheus.NewDesc("memory_resident_bytes", "Maximum number of bytes in physically resident data pages mapped", nil, nil),
		plus: []string{"/memory/classes/total:bytes"},
		less: []string{"/memory/classes/heap/released:bytes"},
	},
	{
		desc: prometheus.NewDesc("memory_retained_bytes", "Total number of bytes in virtual memory mappings", nil, nil),
		plus: []string{"/memory/classes/heap/released:bytes"},
	},
}

// Describe implements prometheus.Collector.
func (memoryCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range memoryClasses {
		ch <- c.desc
	}
}

// Collect implements prometheus.Collector.
func (memoryCollector) Collect(ch chan<- prometheus.Metric) {
	bytes := readMemory()
	for _, c := range memoryClasses {
		var sum float64
		for _, class := range c.plus {
			sum += bytes[class]
		}
		for _, class := range c.less {
			sum -= bytes[class]
		}
		gauge(ch, c.desc, sum)
	}
}

// readMemory reads all classes of memory at the same time. One that this
// runtime does not have counts as nothing.
func readMemory() map[string]float64 {
	var samples []metrics.Sample
	for _, c := range memoryClasses {
		for _, class := range slices.Concat(c.plus, c.less) {
			samples = append(samples, metrics.Sample{Name: class})
		}
	}
	metrics.Read(samples)
	bytes := make(map[string]float64, len(samples))
	for _, s := range samples {
		if s.Value.Kind() == metrics.KindUint64 {
			bytes[s.Name] = float64(s.Value.Uint64())
		}
	}
	return bytes
}
