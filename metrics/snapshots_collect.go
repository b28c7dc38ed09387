package metrics

import (
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	creationRunningDesc = prometheus.NewDesc("snapshot_creation_running",
		"amount of snapshot creations that are currently running", []string{"id"}, nil)
	recoveryRunningDesc = prometheus.NewDesc("snapshot_recovery_running",
		"amount of snapshot recovery operations currently running", []string{"id"}, nil)
	createdDesc = prometheus.NewDesc("snapshot_created_total",
		"total amount of snapshots created", []string{"id"}, nil)
)

// outcomeDescs describe the outcomes of one kind of operation.
type outcomeDescs struct {
	attempts, successes, failures, lastSize, lastSuccess *prometheus.Desc
}

var (
	createDescs  = newOutcomeDescs("tidemark_snapshot", "Snapshots", "snapshot", "collection")
	restoreDescs = newOutcomeDescs("tidemark_restore", "Restores", "restore")
)

func newOutcomeDescs(prefix, many, one string, labels ...string) outcomeDescs {
	desc := func(name, help string, more ...string) *prometheus.Desc {
		return prometheus.NewDesc(prefix+name, help, slices.Concat(labels, more), nil)
	}
	return outcomeDescs{
		attempts:    desc("_attempts_total", many+" that were begun."),
		successes:   desc("_successes_total", many+" that succeeded."),
		failures:    desc("_failures_total", many+" that failed, by reason.", "reason"),
		lastSize:    desc("_last_size_bytes", "Size of the archive of the last "+one+" that succeeded."),
		lastSuccess: desc("_last_success_timestamp_seconds", "When the last "+one+" that succeeded ended, in Unix time."),
	}
}

func (d *outcomeDescs) collect(ch chan<- prometheus.Metric, o *outcomes, labels ...string) {
	counter(ch, d.attempts, float64(o.attempts), labels...)
	counter(ch, d.successes, float64(o.successes), labels...)
	reasons := maps.Clone(o.failures)
	if reasons == nil {
		reasons = make(map[string]int)
	}
	for _, reason := range failureReasons {
		reasons[reason] += 0
	}
	for reason, n := range reasons {
		counter(ch, d.failures, float64(n), slices.Concat(labels, []string{reason})...)
	}
	if !o.lastSuccess.IsZero() { // else an age would be computed from 1970
		gauge(ch, d.lastSize, float64(o.lastSize), labels...)
		gauge(ch, d.lastSuccess, float64(o.lastSuccess.UnixMilli())/1000, labels...)
	}
}

func (d *outcomeDescs) describe(ch chan<- *prometheus.Desc) {
	for _, one := range []*prometheus.Desc{d.attempts, d.successes, d.failures, d.lastSize, d.lastSuccess} {
		ch <- one
	}
}

func (s *Snapshots) histograms() []prometheus.Collector {
	return []prometheus.Collector{s.freeze, s.createPhases, s.createDuration, s.restorePhases, s.restoreDuration}
}

// Describe implements prometheus.Collector.
func (s *Snapshots) Describe(ch chan<- *prometheus.Desc) {
	for _, h := range s.histograms() {
		h.Describe(ch)
	}
	restoreDescs.describe(ch)
}

// Collect implements prometheus.Collector. It exposes what does not belong to a
// collection.
func (s *Snapshots) Collect(ch chan<- prometheus.Metric) {
	for _, h := range s.histograms() {
		h.Collect(ch)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	restoreDescs.collect(ch, &s.restores)
}

// collectBy exposes what belongs to the collections of a scrape. Those for which
// something runs are named too: a restore may be about to make one.
func (s *Snapshots) collectBy(ch chan<- prometheus.Metric, v *scrape) {
	s.prune(v)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range v.collections {
		s.of(c.Name)
	}
	for name, c := range s.collections {
		if c.idle() && !v.listed[name] {
			continue // made after the list
		}
		label := v.label(name)
		gauge(ch, creationRunningDesc, float64(c.creating), label)
		gauge(ch, recoveryRunningDesc, float64(c.restoring), label)
		if v.listed[name] {
			counter(ch, createdDesc, float64(c.creates.attempts), label)
			createDescs.collect(ch, &c.creates, label)
		}
	}
}

// prune forgets collections that are gone. The source is asked without the
// lock: what it waits for may itself report to s.
func (s *Snapshots) prune(v *scrape) {
	s.mu.Lock()
	names := slices.Collect(maps.Keys(s.collections))
	s.mu.Unlock()
	for _, name := range names {
		if v.exists(name) {
			continue
		}
		s.mu.Lock()
		if c := s.collections[name]; c != nil && c.idle() {
			delete(s.collections, name)
		}
		s.mu.Unlock()
	}
}
