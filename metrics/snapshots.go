package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tidemark-db/tidemark/snapshot"
)

// Snapshots observes a snapshot.Manager. Snapshots are counted by collection.
// Restores are not: their series would end with a collection that could not be
// restored, and nobody would learn of the failure.
type Snapshots struct {
	createPhases, restorePhases     *prometheus.HistogramVec
	freeze                          prometheus.Histogram
	createDuration, restoreDuration prometheus.Histogram

	mu          sync.Mutex
	collections map[string]*snapshotCounts // by name
	restores    outcomes
}

// snapshotCounts are those of one collection.
type snapshotCounts struct {
	creating, restoring int // running now
	creates             outcomes
}

// idle reports whether nothing runs.
func (c *snapshotCounts) idle() bool { return c.creating == 0 && c.restoring == 0 }

// outcomes count the operations of one kind.
type outcomes struct {
	attempts, successes int
	failures            map[string]int // by reason
	lastSize            int64
	lastSuccess         time.Time
}

// ended counts the end of an operation.
func (o *outcomes) ended(r snapshot.Result) {
	if r.Reason == "" {
		o.successes++
		o.succeeded(r.At, r.Size)
		return
	}
	if o.failures == nil {
		o.failures = make(map[string]int)
	}
	o.failures[r.Reason]++
}

// succeeded notes the newest success.
func (o *outcomes) succeeded(at time.Time, size int64) {
	if at.After(o.lastSuccess) {
		o.lastSuccess, o.lastSize = at, size
	}
}

// failureReasons are exposed from the beginning, so that the first failure is
// seen as an increase.
var failureReasons = []string{"no_room", "damaged", "not_found", "refused", "cancelled", "store", "remote", "internal"}

func newSnapshots() *Snapshots {
	phaseBuckets := []float64{.001, .01, .1, .5, 1, 5, 15, 60, 300, 1800}
	return &Snapshots{
		collections:    make(map[string]*snapshotCounts),
		createDuration: histogram("tidemark_snapshot_duration_seconds", "Duration of a snapshot that succeeded, waiting included.", phaseBuckets),
		createPhases: phases("tidemark_snapshot_phase_duration_seconds", "Duration of each phase of a snapshot but freeze.", phaseBuckets,
			snapshot.PhaseWait, snapshot.PhaseReuse, snapshot.PhaseEncode, snapshot.PhaseStore),
		freeze: histogram("tidemark_snapshot_freeze_duration_seconds", "Time from asking for the state of a collection until it is held. No write waits for it.",
			[]float64{10e-6, 20e-6, 50e-6, 100e-6, 200e-6, 500e-6, 1e-3, 5e-3, 25e-3, 100e-3, 1}),
		restoreDuration: histogram("tidemark_restore_duration_seconds", "Duration of a restore that succeeded, waiting included.", phaseBuckets),
		restorePhases: phases("tidemark_restore_phase_duration_seconds", "Duration of each phase of a restore.", phaseBuckets,
			snapshot.PhaseWait, snapshot.PhaseUnpack, snapshot.PhaseVerify, snapshot.PhaseInstall),
	}
}

// phases makes histograms by phase, which exist from the beginning.
func phases(name, help string, buckets []float64, known ...snapshot.Phase) *prometheus.HistogramVec {
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, []string{"phase"})
	for _, p := range known {
		v.WithLabelValues(string(p))
	}
	return v
}

// of returns the counts of a collection. mu is held.
func (s *Snapshots) of(collection string) *snapshotCounts {
	c := s.collections[collection]
	if c == nil {
		c = new(snapshotCounts)
		s.collections[collection] = c
	}
	return c
}

// Found notes a snapshot of an earlier run, so that the age of the newest one
// is known from the start.
func (s *Snapshots) Found(collection string, at time.Time, size int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of(collection).creates.succeeded(at, size)
}

// Began implements snapshot.Observer.
func (s *Snapshots) Began(op snapshot.Operation, collection string) {
	if op == snapshot.OpVerify {
		return // it makes nothing; its receipt stands in the list
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.of(collection)
	if op == snapshot.OpRestore {
		c.restoring++
		s.restores.attempts++
		return
	}
	c.creating++
	c.creates.attempts++
}

// Passed implements snapshot.Observer.
func (s *Snapshots) Passed(op snapshot.Operation, _ string, p snapshot.Phase, took time.Duration) {
	if op == snapshot.OpVerify {
		return // it makes nothing; its receipt stands in the list
	}
	switch {
	case op == snapshot.OpRestore:
		s.restorePhases.WithLabelValues(string(p)).Observe(took.Seconds())
	case p == snapshot.PhaseFreeze:
		s.freeze.Observe(took.Seconds())
	default:
		s.createPhases.WithLabelValues(string(p)).Observe(took.Seconds())
	}
}

// Ended implements snapshot.Observer.
func (s *Snapshots) Ended(op snapshot.Operation, collection string, r snapshot.Result) {
	if op == snapshot.OpVerify {
		return // it makes nothing; its receipt stands in the list
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.of(collection)
	if op == snapshot.OpRestore {
		c.restoring--
		s.restores.ended(r)
		if r.Reason == "" {
			s.restoreDuration.Observe(r.Took.Seconds())
		}
	} else {
		c.creating--
		c.creates.ended(r)
		if r.Reason == "" {
			s.createDuration.Observe(r.Took.Seconds())
		}
	}
	if c.idle() && c.creates.attempts == 0 && c.creates.lastSuccess.IsZero() {
		delete(s.collections, collection) // perhaps there never was such a collection
	}
}
