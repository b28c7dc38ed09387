package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Objects observes the requests to an object store; it fits the observer of
// snapshot/blob/s3.
type Objects struct {
	requests *prometheus.CounterVec   // by operation
	errors   *prometheus.CounterVec   // by operation and code
	duration *prometheus.HistogramVec // by operation
	bytes    *prometheus.CounterVec   // by direction
}

func newObjects() *Objects {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	return &Objects{
		requests: counter("tidemark_object_store_operations_total", "Requests to the object store, each attempt for itself.", "operation"),
		errors: counter("tidemark_object_store_errors_total",
			"Requests to the object store that failed. That there is no such object is no failure.", "operation", "code"),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "tidemark_object_store_operation_duration_seconds",
			Help:    "Time from a request to the object store until the head of its answer.",
			Buckets: []float64{.005, .02, .05, .1, .25, 1, 5, 30, 120},
		}, []string{"operation"}),
		bytes: counter("tidemark_object_store_bytes_total", "Bytes of bodies that were sent to the object store or received from it.", "direction"),
	}
}

// Requested notes a request that was answered or failed. Operations and codes are
// of a fixed set.
func (o *Objects) Requested(operation, code string, took time.Duration) {
	o.requests.WithLabelValues(operation).Inc()
	o.duration.WithLabelValues(operation).Observe(took.Seconds())
	if code != "" {
		o.errors.WithLabelValues(operation, code).Inc()
	}
}

// Moved notes bytes of bodies.
func (o *Objects) Moved(sent, received int) {
	o.bytes.WithLabelValues("sent").Add(float64(sent))
	o.bytes.WithLabelValues("received").Add(float64(received))
}

// Describe implements prometheus.Collector.
func (o *Objects) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range o.all() {
		c.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (o *Objects) Collect(ch chan<- prometheus.Metric) {
	for _, c := range o.all() {
		c.Collect(ch)
	}
}

func (o *Objects) all() []prometheus.Collector {
	return []prometheus.Collector{o.requests, o.errors, o.duration, o.bytes}
}
