package metrics

import (
	"bufio"
	"bytes"
	"os"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/procfs"
)

// processCollector exposes what the kernel knows of this process: under the
// names that Qdrant has, and processor time, resident memory and start under
// those that all Prometheus clients use. What cannot be read is left out.
type processCollector struct{ pid int }

func newProcessCollector() processCollector { return processCollector{os.Getpid()} }

var (
	threadsDesc     = prometheus.NewDesc("process_threads", "count of active threads", nil, nil)
	mmapsDesc       = prometheus.NewDesc("process_open_mmaps", "count of open mmaps", nil, nil)
	maxMmapsDesc    = prometheus.NewDesc("system_max_mmaps", "system wide limit of open mmaps", nil, nil)
	fdsDesc         = prometheus.NewDesc("process_open_fds", "count of currently open file descriptors", nil, nil)
	maxFdsDesc      = prometheus.NewDesc("process_max_fds", "limit for open file descriptors", nil, nil)
	minorFaultsDesc = prometheus.NewDesc("process_minor_page_faults_total", "count of minor page faults which didn't cause a disk access", nil, nil)
	majorFaultsDesc = prometheus.NewDesc("process_major_page_faults_total", "count of disk accesses caused by a mmap page fault", nil, nil)

	cpuDesc      = prometheus.NewDesc("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", nil, nil)
	residentDesc = prometheus.NewDesc("process_resident_memory_bytes", "Resident memory size in bytes.", nil, nil)
	startDesc    = prometheus.NewDesc("process_start_time_seconds", "Start time of the process since unix epoch in seconds.", nil, nil)
)

// Describe implements prometheus.Collector.
func (processCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		threadsDesc, mmapsDesc, maxMmapsDesc, fdsDesc, maxFdsDesc,
		minorFaultsDesc, majorFaultsDesc, cpuDesc, residentDesc, startDesc,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c processCollector) Collect(ch chan<- prometheus.Metric) {
	p, err := procfs.NewProc(c.pid)
	if err != nil {
		return
	}
	if stat, err := p.Stat(); err == nil {
		gauge(ch, threadsDesc, float64(stat.NumThreads))
		counter(ch, minorFaultsDesc, float64(stat.MinFlt))
		counter(ch, majorFaultsDesc, float64(stat.MajFlt))
		counter(ch, cpuDesc, stat.CPUTime())
		gauge(ch, residentDesc, float64(stat.ResidentMemory()))
		if start, err := stat.StartTime(); err == nil {
			gauge(ch, startDesc, start)
		}
	}
	if n, err := p.FileDescriptorsLen(); err == nil {
		gauge(ch, fdsDesc, float64(n))
	}
	if limits, err := p.Limits(); err == nil {
		gauge(ch, maxFdsDesc, float64(limits.OpenFiles))
	}
	if n, err := countLines("/proc/self/maps"); err == nil {
		gauge(ch, mmapsDesc, float64(n))
	}
	if n, err := readNumber("/proc/sys/vm/max_map_count"); err == nil {
		gauge(ch, maxMmapsDesc, n)
	}
}

// countLines counts without keeping the content: there may be a mapping for
// each segment.
func countLines(path string) (n int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		n++
	}
	return n, lines.Err()
}

func readNumber(path string) (float64, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(string(bytes.TrimSpace(b)), 64)
}
