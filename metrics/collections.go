package metrics

import "github.com/prometheus/client_golang/prometheus"

// ours makes a description of a series that belongs to a collection.
func ours(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("tidemark_"+name, help, []string{"collection"}, nil)
}

var (
	readyDesc = prometheus.NewDesc("tidemark_ready",
		"1 once all collections that can be opened are recovered.", nil, nil)
	budgetUsedDesc = prometheus.NewDesc("tidemark_budget_used_bytes",
		"Memory that queues, heads and deaths take now.", nil, nil)
	budgetLimitDesc = prometheus.NewDesc("tidemark_budget_limit_bytes",
		"Memory that queues, heads and deaths may take; writes are slowed before and refused beyond it.", nil, nil)

	servingDesc = ours("collection_serving", "0 while the collection recovers, or if it could not be opened or stopped applying its log.")

	previousBytesDesc = ours("previous_bytes", "Disk that the state takes which a restore replaced and an undo can bring back.")

	durableDesc = ours("durable_position", "Position of the last record that is durable.")
	appliedDesc = ours("applied_position", "Position of the last record that is applied.")
	flushedDesc = ours("flushed_position", "Position up to which segments hold everything; replay starts here.")
	lagDesc     = ours("apply_lag_positions", "Positions that are durable but not applied.")

	pinnedDesc      = ours("pinned_views", "Number of views that reads, snapshots and merges hold.")
	pinnedBytesDesc = ours("pinned_bytes", "Size of segments that merges have replaced and held views keep.")
	pinnedAgeDesc   = ours("oldest_pinned_view_age_seconds", "Age of the oldest view that is held, 0 if there is none.")

	headsDesc        = ours("heads", "Number of heads, the parts in memory.")
	headBytesDesc    = ours("head_bytes", "Memory that heads take.")
	segmentsDesc     = ours("segments", "Number of segments, the parts on disk.")
	segmentBytesDesc = ours("segment_bytes", "Size of the segments.")
	deadRowsDesc     = ours("dead_rows", "Rows of segments that were replaced or removed; a merge drops them.")
	deathsDesc       = ours("deaths", "Deaths of points that are kept for checkpoints and merges.")
	deathsBytesDesc  = ours("deaths_bytes", "Memory that deaths take.")
)

// collectStore exposes what belongs to the store as a whole.
func (s *scrape) collectStore(ch chan<- prometheus.Metric) {
	gauge(ch, readyDesc, boolean(s.source.Ready()))
	used, limit := s.source.Budget()
	gauge(ch, budgetUsedDesc, float64(used))
	gauge(ch, budgetLimitDesc, float64(limit))
	s.collectDisk(ch)
}

// collectState exposes the state of a collection.
func (s *scrape) collectState(ch chan<- prometheus.Metric, c *Collection) {
	label := s.label(c.Name)
	gauge(ch, servingDesc, boolean(c.Serving), label)
	gauge(ch, previousBytesDesc, float64(c.PreviousBytes), label)
	if p := c.Positions; p != nil {
		gauge(ch, durableDesc, float64(p.Durable), label)
		gauge(ch, appliedDesc, float64(p.Applied), label)
		gauge(ch, flushedDesc, float64(p.Flushed), label)
		gauge(ch, lagDesc, float64(p.lag()), label)
	}
	if p := c.Pins; p != nil {
		gauge(ch, pinnedDesc, float64(p.Views), label)
		gauge(ch, pinnedBytesDesc, float64(p.Bytes), label)
		gauge(ch, pinnedAgeDesc, p.age(s.now).Seconds(), label)
	}
	if !c.Serving {
		return
	}
	gauge(ch, headsDesc, float64(c.Heads), label)
	gauge(ch, headBytesDesc, float64(c.HeadBytes), label)
	gauge(ch, segmentsDesc, float64(c.Segments), label)
	gauge(ch, segmentBytesDesc, float64(c.SegmentBytes), label)
	gauge(ch, deadRowsDesc, float64(c.DeadRows), label)
	gauge(ch, deathsDesc, float64(c.Deaths), label)
	gauge(ch, deathsBytesDesc, float64(c.DeathsBytes), label)
}
