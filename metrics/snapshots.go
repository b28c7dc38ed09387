package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tidemark-db/tidemark/snapshot"
)

// Snapshots observes a snapshot.Manager. What makes and verifies snapshots of
// collections is counted by collection. Restores and undos are not: their series
// would end with a collection that could not be restored, and nobody would learn
// of the failure. Nor is the whole storage, which is no collection.
type Snapshots struct {
	kinds map[snapshot.Operation]*kind // never changes
	now   func() time.Time

	mu          sync.Mutex
	collections map[string]*snapshotCounts // by name
	full        *snapshot.Stock            // of the whole storage; nil until it was counted
}

// kind is a kind of operation.
type kind struct {
	duration prometheus.Histogram
	phases   *prometheus.HistogramVec
	// instant is a phase that has a histogram of its own, with finer buckets.
	instant  snapshot.Phase
	instants prometheus.Histogram // nil if there is none
	descs    outcomeDescs

	// all are the outcomes of all operations of the kind, unless they are kept
	// by collection; under Snapshots.mu.
	all          outcomes
	byCollection bool
}

// snapshotCounts are those of one collection.
type snapshotCounts struct {
	running  map[snapshot.Operation]int
	outcomes map[snapshot.Operation]*outcomes // of the kinds that are kept by collection
	stock    *snapshot.Stock                  // nil until it was counted
}

// idle reports whether nothing runs.
func (c *snapshotCounts) idle() bool { return len(c.running) == 0 }

func newSnapshots(now func() time.Time) *Snapshots {
	return &Snapshots{kinds: newKinds(), now: now, collections: make(map[string]*snapshotCounts)}
}

// opVerifyFull is the verification of a snapshot of the whole storage.
const opVerifyFull = snapshot.OpVerify + "_full"

// kind returns what belongs to an operation, nil if it is not exposed.
func (s *Snapshots) kind(op snapshot.Operation, collection string) *kind {
	if op == snapshot.OpVerify && collection == "" {
		op = opVerifyFull
	}
	return s.kinds[op]
}

// of returns the counts of a collection. mu is held.
func (s *Snapshots) of(collection string) *snapshotCounts {
	c := s.collections[collection]
	if c == nil {
		c = &snapshotCounts{running: make(map[snapshot.Operation]int), outcomes: make(map[snapshot.Operation]*outcomes)}
		s.collections[collection] = c
	}
	return c
}

// outcomes returns those of an operation. mu is held.
func (s *Snapshots) outcomes(op snapshot.Operation, collection string) *outcomes {
	k := s.kind(op, collection)
	if !k.byCollection {
		return &k.all
	}
	c := s.of(collection)
	if c.outcomes[op] == nil {
		c.outcomes[op] = new(outcomes)
	}
	return c.outcomes[op]
}

// Recall notes a job of an earlier run, so that it is known from the start when
// the last attempt was and what became of it. It is not counted.
func (s *Snapshots) Recall(job snapshot.JobStatus) {
	op := job.Kind.Operation()
	if s.kind(op, job.Collection) == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.outcomes(op, job.Collection)
	o.attempted(job.Started)
	switch job.State {
	case snapshot.JobDone:
		o.succeeded(snapshot.Result{At: job.Ended, Size: job.Size, Position: job.Position})
		o.judged(job.Ended, true)
	case snapshot.JobFailed, snapshot.JobInterrupted:
		o.judged(job.Ended, false)
	}
}

// Stocked notes what the store holds of a collection, or with an empty name of the
// whole storage.
func (s *Snapshots) Stocked(collection string, stock snapshot.Stock) {
	s.mu.Lock()
	defer s.mu.Unlock()
	create := snapshot.OpCreate
	if collection == "" {
		create = snapshot.OpCreateFull
		s.full = &stock
	} else {
		s.of(collection).stock = &stock
	}
	if !stock.Newest.IsZero() {
		s.outcomes(create, collection).succeeded(snapshot.Result{At: stock.Newest, Size: stock.NewestSize, Position: stock.NewestPosition})
	}
	if !stock.Verified.IsZero() {
		s.outcomes(snapshot.OpVerify, collection).succeeded(snapshot.Result{At: stock.Verified})
	}
}

// Began implements snapshot.Observer.
func (s *Snapshots) Began(op snapshot.Operation, collection string) {
	if s.kind(op, collection) == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.outcomes(op, collection)
	o.attempts++
	o.attempted(s.now())
	if collection != "" {
		s.of(collection).running[op]++
	}
}

// Passed implements snapshot.Observer.
func (s *Snapshots) Passed(op snapshot.Operation, collection string, p snapshot.Phase, took time.Duration) {
	k := s.kind(op, collection)
	switch {
	case k == nil:
	case k.instants != nil && p == k.instant:
		k.instants.Observe(took.Seconds())
	default:
		k.phases.WithLabelValues(string(p)).Observe(took.Seconds())
	}
}

// Ended implements snapshot.Observer.
func (s *Snapshots) Ended(op snapshot.Operation, collection string, r snapshot.Result) {
	k := s.kind(op, collection)
	if k == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outcomes(op, collection).ended(r)
	if r.Reason == "" {
		k.duration.Observe(r.Took.Seconds())
	}
	if collection == "" {
		return
	}
	c := s.of(collection)
	if c.running[op]--; c.running[op] <= 0 {
		delete(c.running, op)
	}
	if c.idle() && len(c.outcomes) == 0 && c.stock == nil {
		delete(s.collections, collection) // perhaps there never was such a collection
	}
}
