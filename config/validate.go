package config

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// bound is the range of a number, and what to do if it is exceeded.
type bound struct {
	key      string
	min, max float64
	advice   string
}

const (
	maxPort = 65535
	maxMB   = 1 << 20 // 1 TiB, to keep sums of bytes far from overflow
	maxInt  = 1 << 31
	day     = 24 * 60 * 60
)

var bounds = []bound{
	{"storage.wal.wal_capacity_mb", 1, maxMB, "32 is usual"},
	{"storage.wal.wal_segments_ahead", 0, maxInt, "0 is usual"},
	{"storage.wal.wal_retain_closed", 1, maxInt, "1 is usual"},
	{"storage.optimizers.deleted_threshold", 0, 1, "it is the fraction of a segment's points, 0.2 is usual"},
	{"storage.optimizers.vacuum_min_vector_number", 100, maxInt, "1000 is usual"},
	{"storage.optimizers.default_segment_number", 0, maxInt, "0 chooses by the number of cores"},
	{"storage.optimizers.max_segment_size_kb", 1, maxInt, "remove the key to have no limit"},
	{"storage.optimizers.memmap_threshold_kb", 0, maxInt, "remove the key to get the default"},
	{"storage.optimizers.indexing_threshold_kb", 0, maxInt, "10000 is usual"},
	{"storage.optimizers.flush_interval_sec", 1, day, "5 is usual"},
	{"storage.optimizers.max_optimization_threads", 0, maxInt, "remove the key to have no limit"},
	{"storage.hnsw_index.m", 0, 10000, "16 is usual"},
	{"storage.hnsw_index.ef_construct", 4, 10000, "100 is usual"},
	{"storage.hnsw_index.full_scan_threshold_kb", 0, maxInt, "10000 is usual"},
	{"storage.hnsw_index.max_indexing_threads", 0, maxInt, "0 chooses by the number of cores"},
	{"storage.hnsw_index.payload_m", 0, 10000, "remove the key to use m"},
	{"storage.collection.replication_factor", 1, maxInt, "1 is usual"},
	{"storage.collection.write_consistency_factor", 1, maxInt, "1 is usual"},
	{"service.http_port", 0, maxPort, "6333 is usual, 0 takes any free port"},
	{"service.grpc_port", 0, maxPort, "6334 is usual, null turns gRPC off"},
	{"service.max_request_size_mb", 1, 2048, "32 is usual"},
	{"service.http_client_request_timeout_sec", 1, day, "5 is usual"},
	{"service.http_keep_alive_timeout_sec", 1, day, "5 is usual"},
	{"tidemark.budget_mb", 0, maxMB, "0 takes a quarter of the memory"},
	{"tidemark.read_memory_mb", 0, maxMB, "0 takes an eighth of the memory"},
	{"tidemark.head_mb", 1, 4096, "64 is usual"},
	{"tidemark.head_log_mb", 1, maxMB, "256 is usual"},
	{"tidemark.log_segment_mb", 1, 1024, "16 is usual"},
	{"tidemark.disk_reserve_mb", 0, maxMB, "0 takes tidemark.head_mb"},
	{"tidemark.pprof_port", 0, maxPort, "0 turns profiles off"},
	{"tidemark.shutdown_timeout_sec", 1, day, "30 is usual"},
	{"tidemark.snapshot_staging_mb_per_sec", 0, maxMB, "200 is usual, 0 sets no limit"},
	{"tidemark.max_concurrent_snapshots", 1, 1024, "2 is usual"},
	{"tidemark.snapshot_url_idle_timeout_sec", 1, day, "60 is usual"},
	{"tidemark.snapshots.undo_retention_sec", 0, maxInt, "3600 is usual, 0 keeps nothing to undo a restore"},
	{"tidemark.snapshots.undo_mb", 0, 64 * maxMB, "16384 is usual, 0 keeps nothing to undo a restore"},
	{"tidemark.s3.bandwidth_mb_per_sec", 0, maxMB, "0 sets no limit"},
	{"tidemark.s3.concurrent_parts", 1, 64, "4 is usual"},
	{"tidemark.s3.orphan_upload_hours", 0, maxInt / 4000, "24 is usual, 0 aborts at the start whatever is there"},
}

// minBudgetMB is the least memory with which the heads of a few collections and
// the bodies of requests get on.
const minBudgetMB = 256

// readBodyFactor is how many bytes of memory a byte of a body takes while it is
// read.
const readBodyFactor = 4

// LogLevels are the values of log_level, in any case. TRACE is DEBUG here.
var LogLevels = []string{"OFF", "ERROR", "WARN", "INFO", "DEBUG", "TRACE"}

// validate returns everything that is wrong with the values as they stand.
func (l *Loaded) validate(s schema) []Problem {
	v := &validator{loaded: l, schema: s}
	for _, b := range bounds {
		v.bound(b)
	}
	v.oneOf("log_level", LogLevels)
	v.oneOf("logger.format", []string{"text", "json"})
	v.service()
	v.paths()
	v.bucket()
	v.memory()
	return v.problems
}

type validator struct {
	loaded   *Loaded
	schema   schema
	problems []Problem
}

// fail notes what is wrong with a key.
func (v *validator) fail(key, format string, args ...any) {
	f := v.schema.byKey[key]
	v.problems = append(v.problems, Problem{
		Key:    key,
		Value:  f.show(f.get(&v.loaded.Config)),
		Source: v.loaded.source(key),
		Text:   fmt.Sprintf(format, args...),
	})
}

func (v *validator) bound(b bound) {
	var x float64
	switch n := v.schema.byKey[b.key].get(&v.loaded.Config).(type) {
	case int:
		x = float64(n)
	case float64:
		x = n
	default:
		return // not set
	}
	if x < b.min || x > b.max {
		v.fail(b.key, "must be from %.0f to %.0f; %s", b.min, b.max, b.advice)
	}
}

func (v *validator) oneOf(key string, allowed []string) {
	given, _ := v.schema.byKey[key].get(&v.loaded.Config).(string)
	if !slices.ContainsFunc(allowed, func(a string) bool { return strings.EqualFold(a, given) }) {
		v.fail(key, "must be one of %s", strings.Join(allowed, ", "))
	}
}

// metricsPrefix are the names that Prometheus allows, and nothing.
var metricsPrefix = regexp.MustCompile(`^([a-zA-Z_][a-zA-Z0-9_]*)?$`)

func (v *validator) service() {
	c := v.loaded.Config.Service
	if strings.TrimSpace(c.Host) == "" {
		v.fail("service.host", "may not be empty; 127.0.0.1 serves this machine, 0.0.0.0 every network")
	}
	if !metricsPrefix.MatchString(c.MetricsPrefix) {
		v.fail("service.metrics_prefix", "must consist of letters, digits and underscores and not begin with a digit")
	}
	keys := map[string]*Secret{
		"service.api_key": c.APIKey, "service.alt_api_key": c.AltAPIKey, "service.read_only_api_key": c.ReadOnlyAPIKey,
	}
	for _, key := range []string{"service.api_key", "service.alt_api_key", "service.read_only_api_key"} {
		if k := keys[key]; k != nil && *k == "" {
			v.fail(key, "is empty; set a key, or remove it to let everybody in")
		}
	}
	if c.GRPCPort != nil && *c.GRPCPort == c.HTTPPort && c.HTTPPort != 0 {
		v.fail("service.grpc_port", "is service.http_port too; choose another port")
	}
	if p := v.loaded.Config.Tidemark.PprofPort; p != 0 && (p == c.HTTPPort || (c.GRPCPort != nil && p == *c.GRPCPort)) {
		v.fail("tidemark.pprof_port", "is used by the service too; choose another port")
	}
}

// paths keeps what one part sweeps apart from what another one owns.
func (v *validator) paths() {
	c := v.loaded.Config.Storage
	if strings.TrimSpace(c.StoragePath) == "" {
		v.fail("storage.storage_path", "may not be empty; ./storage is the default")
		return
	}
	if strings.TrimSpace(c.SnapshotsPath) == "" {
		v.fail("storage.snapshots_path", "may not be empty; ./snapshots is the default")
		return
	}
	v.apart("storage.snapshots_path", c.SnapshotsPath)
	if c.TempPath != nil {
		v.apart("storage.temp_path", *c.TempPath)
	}
}

// apart checks that a path is neither the storage nor in a part of it that the
// engine owns.
func (v *validator) apart(key, path string) {
	storage := filepath.Clean(v.loaded.Config.Storage.StoragePath)
	path = filepath.Clean(path)
	if path == storage {
		v.fail(key, "is storage.storage_path too; choose another folder")
		return
	}
	for _, own := range []string{"collections", "quarantine", "trash"} {
		dir := filepath.Join(storage, own)
		if path == dir || strings.HasPrefix(path, dir+string(filepath.Separator)) {
			v.fail(key, "lies in %s, whose content belongs to the engine; choose another folder", dir)
			return
		}
	}
}

func (v *validator) memory() {
	c := v.loaded.Config.Tidemark
	if c.BudgetMB > 0 && c.BudgetMB < minBudgetMB {
		v.fail("tidemark.budget_mb", "must be 0 or at least %d; 0 takes a quarter of the memory", minBudgetMB)
	}
	if least := readBodyFactor * v.loaded.Config.Service.MaxRequestSizeMB; c.ReadMemoryMB > 0 && c.ReadMemoryMB < least {
		v.fail("tidemark.read_memory_mb", "must be 0 or at least %d, %d times service.max_request_size_mb: the largest body could not be read", least, readBodyFactor)
	}
	if c.BudgetMB > 0 && c.HeadMB*2 > c.BudgetMB {
		v.fail("tidemark.head_mb", "is more than half of tidemark.budget_mb, so that no head could fill while another one is written; lower it to %d or less", c.BudgetMB/2)
	}
}
