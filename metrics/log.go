package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Log observes one write-ahead log; it fits the observer of wal/local.
type Log struct {
	fsync   prometheus.Histogram
	records prometheus.Histogram
	bytes   prometheus.Histogram
	forget  func()

	mu          sync.Mutex
	generations int
	size        int64
	poisoned    bool
	damagedTail bool
}

var (
	logSizeDesc = prometheus.NewDesc("tidemark_log_size_bytes",
		"Size of the write-ahead log on disk.", nil, nil)
	logGenerationsDesc = prometheus.NewDesc("tidemark_log_generations",
		"Number of files that the write-ahead log consists of.", nil, nil)
	logPoisonedDesc = prometheus.NewDesc("tidemark_log_poisoned",
		"1 after a failed write or fsync: the log takes no more records until it is opened again.", nil, nil)
	logDamagedTailDesc = prometheus.NewDesc("tidemark_log_damaged_tail",
		"1 if the log was found to end in a whole commit group with a wrong checksum, which may have been acknowledged and was put into quarantine.", nil, nil)
)

func newLog() *Log {
	return &Log{
		fsync: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tidemark_log_fsync_duration_seconds",
			Help: "Duration of the fsync of a commit group.",
			// From a drive with a write cache that needs no flush to one that stalls.
			Buckets: []float64{50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 100e-3, 1},
		}),
		records: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "tidemark_log_group_records",
			Help:    "Number of records that one fsync made durable.",
			Buckets: []float64{1, 2, 4, 8, 16, 32, 64, 256},
		}),
		bytes: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "tidemark_log_group_bytes",
			Help:    "Size of a commit group in the log.",
			Buckets: prometheus.ExponentialBuckets(4<<10, 8, 6), // to 128 MiB
		}),
	}
}

// Committed notes a commit group that became durable.
func (l *Log) Committed(fsync time.Duration, records, bytes int) {
	l.fsync.Observe(fsync.Seconds())
	l.records.Observe(float64(records))
	l.bytes.Observe(float64(bytes))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.size += int64(bytes)
}

// Poisoned notes that a write or sync failed.
func (l *Log) Poisoned(error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.poisoned = true
}

// Resized notes how large the log is after files were added or removed.
func (l *Log) Resized(generations int, bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.generations, l.size = generations, bytes
}

// DamagedTail notes that opening the log moved a tail into quarantine that may
// have been acknowledged.
func (l *Log) DamagedTail() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.damagedTail = true
}

// Close ends the series of the log. It may be called more than once.
func (l *Log) Close() { l.forget() }

// Describe implements prometheus.Collector.
func (l *Log) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(l, ch) }

// Collect implements prometheus.Collector.
func (l *Log) Collect(ch chan<- prometheus.Metric) {
	l.fsync.Collect(ch)
	l.records.Collect(ch)
	l.bytes.Collect(ch)
	l.mu.Lock()
	defer l.mu.Unlock()
	gauge(ch, logSizeDesc, float64(l.size))
	gauge(ch, logGenerationsDesc, float64(l.generations))
	gauge(ch, logPoisonedDesc, boolean(l.poisoned))
	gauge(ch, logDamagedTailDesc, boolean(l.damagedTail))
}
