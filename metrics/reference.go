package metrics

import "github.com/prometheus/client_golang/prometheus"

// These are Qdrant's names, labels and help texts. Those of requests, snapshots,
// memory and the process stand beside what they count.
var (
	appInfoDesc = prometheus.NewDesc("app_info",
		"information about qdrant server", []string{"name", "version"}, nil)
	recoveryModeDesc = prometheus.NewDesc("app_status_recovery_mode",
		"features enabled in qdrant server", nil, nil)
	clusterDesc = prometheus.NewDesc("cluster_enabled",
		"is cluster support enabled", nil, nil)

	collectionsDesc = prometheus.NewDesc("collections_total",
		"number of collections", nil, nil)
	vectorsTotalDesc = prometheus.NewDesc("collections_vector_total",
		"total number of vectors in all collections", nil, nil)
	vectorsDesc = prometheus.NewDesc("collection_vectors",
		"amount of vectors grouped by vector name", []string{"collection", "vector"}, nil)
	pointsDesc = prometheus.NewDesc("collection_points",
		"approximate amount of points per collection", []string{"id"}, nil)
	queueDesc = prometheus.NewDesc("collection_update_queue_length",
		"number of pending operations in update queues per collection", []string{"id"}, nil)

	replicasMinDesc = prometheus.NewDesc("collection_active_replicas_min",
		"minimum number of active replicas across all shards", nil, nil)
	replicasMaxDesc = prometheus.NewDesc("collection_active_replicas_max",
		"maximum number of active replicas across all shards", nil, nil)
	deadReplicasDesc = prometheus.NewDesc("collection_dead_replicas",
		"total amount of shard replicas in non-active state", nil, nil)
)

// collectReference exposes what Qdrant tells of collections. A collection is one
// shard with one replica, which is active while the collection serves.
func (s *scrape) collectReference(ch chan<- prometheus.Metric) {
	gauge(ch, appInfoDesc, 1, "qdrant", s.m.options.APIVersion)
	gauge(ch, recoveryModeDesc, 0)
	gauge(ch, clusterDesc, 0)
	gauge(ch, collectionsDesc, float64(len(s.collections)))
	vectors, dead := 0, 0
	for i := range s.collections {
		c := &s.collections[i]
		if !c.Serving {
			dead++
			continue
		}
		vectors += s.collectPoints(ch, c)
	}
	gauge(ch, vectorsTotalDesc, float64(vectors))
	gauge(ch, deadReplicasDesc, float64(dead))
	if n := len(s.collections); n > 0 {
		gauge(ch, replicasMinDesc, boolean(dead == 0))
		gauge(ch, replicasMaxDesc, boolean(dead < n))
	}
}

// collectPoints exposes the points of a collection and returns the number of
// its vectors.
func (s *scrape) collectPoints(ch chan<- prometheus.Metric, c *Collection) (vectors int) {
	label := s.label(c.Name)
	gauge(ch, pointsDesc, float64(c.Points), label)
	for _, v := range c.Vectors {
		gauge(ch, vectorsDesc, float64(v.Count), label, v.Name)
		vectors += v.Count
	}
	if c.Positions != nil {
		gauge(ch, queueDesc, float64(c.Positions.lag()), label)
	}
	return vectors
}
