package metrics

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Engine observes what a store does in the background. Its durations are not
// kept by collection: they tell how the machine does, and positions and sizes
// tell which collection falls behind.
type Engine struct {
	checkpoint, merge, recovery work
	fence                       prometheus.Histogram
}

// work is one kind of it.
type work struct {
	duration prometheus.Histogram // of what succeeded
	failures prometheus.Counter
	written  prometheus.Counter // bytes; nil if it writes none
}

// ended notes one piece of work. What was only told to stop did not fail.
func (w *work) ended(took time.Duration, bytes int64, err error) {
	switch {
	case err == nil:
		w.duration.Observe(took.Seconds())
		if w.written != nil {
			w.written.Add(float64(max(bytes, 0)))
		}
	case !errors.Is(err, context.Canceled):
		w.failures.Inc()
	}
}

func (w *work) collectors() []prometheus.Collector {
	all := []prometheus.Collector{w.duration, w.failures}
	if w.written != nil {
		all = append(all, w.written)
	}
	return all
}

var workBuckets = []float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300}

func newEngine() *Engine {
	return &Engine{
		checkpoint: work{
			duration: histogram("tidemark_checkpoint_duration_seconds", "Duration of a checkpoint, from sealed heads to the manifest that names their segment.", workBuckets),
			failures: total("tidemark_checkpoint_failures_total", "Checkpoints that failed; each is tried again, until then the log keeps everything."),
			written:  total("tidemark_checkpoint_written_bytes_total", "Bytes of segments that checkpoints wrote."),
		},
		merge: work{
			duration: histogram("tidemark_merge_duration_seconds", "Duration of a merge of segments.", workBuckets),
			failures: total("tidemark_merge_failures_total", "Merges that failed; the segments stay as they are."),
			written:  total("tidemark_merge_written_bytes_total", "Bytes of segments that merges wrote."),
		},
		recovery: work{
			duration: histogram("tidemark_recovery_duration_seconds", "Duration of opening a collection and replaying its log.", workBuckets),
			failures: total("tidemark_recovery_failures_total", "Collections that could not be opened."),
		},
		fence: histogram("tidemark_fence_duration_seconds", "Time for which an install or an undo kept the writes of a collection waiting.",
			[]float64{100e-6, 500e-6, 1e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 500e-3, 1, 5, 30}),
	}
}

// Checkpointed notes the end of a checkpoint and the size of the segment that
// it wrote.
func (e *Engine) Checkpointed(_ string, took time.Duration, bytes int64, err error) {
	e.checkpoint.ended(took, bytes, err)
}

// Merged notes the end of a merge and the size of the segment that it wrote.
func (e *Engine) Merged(_ string, took time.Duration, bytes int64, err error) {
	e.merge.ended(took, bytes, err)
}

// Recovered notes that a collection was opened, or could not be.
func (e *Engine) Recovered(_ string, took time.Duration, err error) {
	e.recovery.ended(took, 0, err)
}

// Fenced notes for how long an install or an undo kept writes waiting.
func (e *Engine) Fenced(_ string, took time.Duration) { e.fence.Observe(took.Seconds()) }

// Describe implements prometheus.Collector.
func (e *Engine) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(e, ch) }

// Collect implements prometheus.Collector.
func (e *Engine) Collect(ch chan<- prometheus.Metric) {
	for _, w := range []*work{&e.checkpoint, &e.merge, &e.recovery} {
		for _, c := range w.collectors() {
			c.Collect(ch)
		}
	}
	e.fence.Collect(ch)
}

func histogram(name, help string, buckets []float64) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
}

func total(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
}
