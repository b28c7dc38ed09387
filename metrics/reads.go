package metrics

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// reads exposes the memory that requests other than writes take.
type reads struct {
	held, limit atomic.Int64
	refused     atomic.Uint64
}

var (
	readHeldDesc = prometheus.NewDesc("tidemark_read_memory_held_bytes",
		"Memory that requests other than writes hold now: bodies and answers.", nil, nil)
	readLimitDesc = prometheus.NewDesc("tidemark_read_memory_limit_bytes",
		"Memory that requests other than writes may hold together.", nil, nil)
	readRefusedDesc = prometheus.NewDesc("tidemark_read_memory_refusals_total",
		"Requests other than writes that were refused because there was no memory for them.", nil, nil)
)

// Describe implements prometheus.Collector.
func (r *reads) Describe(ch chan<- *prometheus.Desc) {
	ch <- readHeldDesc
	ch <- readLimitDesc
	ch <- readRefusedDesc
}

// Collect implements prometheus.Collector.
func (r *reads) Collect(ch chan<- prometheus.Metric) {
	gauge(ch, readHeldDesc, float64(r.held.Load()))
	gauge(ch, readLimitDesc, float64(r.limit.Load()))
	counter(ch, readRefusedDesc, float64(r.refused.Load()))
}

// MemoryHeld notes what requests other than writes hold, and may hold, in bytes.
func (r *REST) MemoryHeld(held, limit int64) {
	r.reads.held.Store(held)
	r.reads.limit.Store(limit)
}

// MemoryRefused notes that there was no memory for one of them.
func (r *REST) MemoryRefused() { r.reads.refused.Add(1) }
