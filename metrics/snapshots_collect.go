package metrics

import (
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tidemark-db/tidemark/snapshot"
)

var (
	creationRunningDesc = prometheus.NewDesc("snapshot_creation_running",
		"amount of snapshot creations that are currently running", []string{"id"}, nil)
	recoveryRunningDesc = prometheus.NewDesc("snapshot_recovery_running",
		"amount of snapshot recovery operations currently running", []string{"id"}, nil)
	createdDesc = prometheus.NewDesc("snapshot_created_total",
		"total amount of snapshots created", []string{"id"}, nil)
)

// stockDescs describe what is stored.
type stockDescs struct{ count, bytes, damaged *prometheus.Desc }

var (
	storedDescs     = newStockDescs("tidemark_snapshots", "collection")
	fullStoredDescs = newStockDescs("tidemark_full_snapshots")
)

func newStockDescs(prefix string, labels ...string) stockDescs {
	desc := describer(prefix, labels)
	return stockDescs{
		count:   desc("_stored", "Snapshots that are kept."),
		bytes:   desc("_stored_bytes", "Size of the snapshots that are kept; what two of them share counts for both."),
		damaged: desc("_damaged", "Snapshots that are kept and were found damaged by their last verification."),
	}
}

func (d stockDescs) collect(ch chan<- prometheus.Metric, s *snapshot.Stock, labels ...string) {
	if s == nil {
		return // nobody has counted yet
	}
	gauge(ch, d.count, float64(s.Snapshots), labels...)
	gauge(ch, d.bytes, float64(s.Bytes), labels...)
	gauge(ch, d.damaged, float64(s.Damaged), labels...)
}

// Describe implements prometheus.Collector.
func (s *Snapshots) Describe(ch chan<- *prometheus.Desc) {
	for _, k := range s.kinds {
		for _, h := range k.histograms() {
			h.Describe(ch)
		}
		if !k.byCollection {
			k.descs.describe(ch)
		}
	}
	for _, d := range []*prometheus.Desc{fullStoredDescs.count, fullStoredDescs.bytes, fullStoredDescs.damaged} {
		ch <- d
	}
}

// Collect implements prometheus.Collector. It exposes what does not belong to a
// collection.
func (s *Snapshots) Collect(ch chan<- prometheus.Metric) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.kinds {
		for _, h := range k.histograms() {
			h.Collect(ch)
		}
		if !k.byCollection {
			k.descs.collect(ch, &k.all)
		}
	}
	fullStoredDescs.collect(ch, s.full)
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
		gauge(ch, creationRunningDesc, float64(c.running[snapshot.OpCreate]), label)
		gauge(ch, recoveryRunningDesc, float64(c.running[snapshot.OpRestore]), label)
		if v.listed[name] {
			s.collectListed(ch, name, label)
		}
	}
}

// collectListed exposes what is kept by collection. mu is held.
func (s *Snapshots) collectListed(ch chan<- prometheus.Metric, name, label string) {
	for op, k := range s.kinds {
		if k.byCollection {
			k.descs.collect(ch, s.outcomes(op, name), label)
		}
	}
	counter(ch, createdDesc, float64(s.outcomes(snapshot.OpCreate, name).successes), label)
	storedDescs.collect(ch, s.collections[name].stock, label)
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
