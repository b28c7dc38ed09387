package metrics

import "github.com/prometheus/client_golang/prometheus"

var (
	diskFreeDesc = prometheus.NewDesc("tidemark_disk_free_bytes",
		"Room that is left on the disk of the storage directory; absent if the disk does not tell.", nil, nil)
	diskReservedDesc = prometheus.NewDesc("tidemark_disk_reserved",
		"1 while the file is there that keeps room for changes of the catalog on a full disk.", nil, nil)
	diskWatermarkDesc = prometheus.NewDesc("tidemark_disk_watermark_bytes",
		"Room that a kind of work leaves free on the disk of the storage directory.", []string{"work"}, nil)
	diskOpenDesc = prometheus.NewDesc("tidemark_disk_open",
		"1 while the room on the disk suffices for a kind of work, 0 while it is refused.", []string{"work"}, nil)
	givenUpDesc = prometheus.NewDesc("tidemark_undo_given_up_total",
		"States kept for undo that were removed before their time, for want of room, since the start.", nil, nil)
	refusalsDesc = prometheus.NewDesc("tidemark_refusals_total",
		"Work that was refused since the start, by what there was too little of.", []string{"reason", "work"}, nil)
)

// collectDisk exposes what the disk lets be done, and all that was refused.
func (s *scrape) collectDisk(ch chan<- prometheus.Metric) {
	disk := s.source.Disk()
	if disk.Known {
		gauge(ch, diskFreeDesc, float64(disk.Free))
	}
	gauge(ch, diskReservedDesc, boolean(disk.Reserved))
	for _, w := range disk.Watermarks {
		gauge(ch, diskWatermarkDesc, float64(w.Bytes), w.Work)
		gauge(ch, diskOpenDesc, boolean(w.Open), w.Work)
		counter(ch, refusalsDesc, float64(w.Refused), "disk", w.Work)
	}
	counter(ch, givenUpDesc, float64(disk.GivenUp))
	counter(ch, refusalsDesc, float64(s.source.RefusedForMemory()), "memory", "write")
}
