// Package config reads the configuration: files, environment and flags into one
// validated struct. Keys, their order of precedence and their defaults are those
// of Qdrant where Tidemark has the thing; what is Tidemark's own stands below
// "tidemark". Only the command reads a Config; it fills the options of every
// other package from it.
package config

// Config is the whole configuration. Keys that end in _mb are MiB, keys that end
// in _kb KiB. A nil pointer is a key that was not given and has no default.
type Config struct {
	LogLevel string   `koanf:"log_level"`
	Logger   Logger   `koanf:"logger"`
	Storage  Storage  `koanf:"storage"`
	Service  Service  `koanf:"service"`
	Tidemark Tidemark `koanf:"tidemark"`
}

// Logger says how the log is written.
type Logger struct {
	Format string `koanf:"format"` // text or json
}

// Storage says where data lies, and what new collections begin with.
type Storage struct {
	StoragePath   string  `koanf:"storage_path"`
	SnapshotsPath string  `koanf:"snapshots_path"`
	TempPath      *string `koanf:"temp_path"` // nil: staging beside the snapshots

	SnapshotsConfig SnapshotsConfig `koanf:"snapshots_config"`

	OnDiskPayload bool               `koanf:"on_disk_payload"`
	WAL           WAL                `koanf:"wal"`
	Optimizers    Optimizers         `koanf:"optimizers"`
	HNSWIndex     HNSWIndex          `koanf:"hnsw_index"`
	Collection    CollectionDefaults `koanf:"collection"`
}

// SnapshotsConfig says in what kind of place snapshots are kept.
type SnapshotsConfig struct {
	SnapshotsStorage string   `koanf:"snapshots_storage"` // local or s3
	S3Config         S3Config `koanf:"s3_config"`
}

// The values of SnapshotsConfig.SnapshotsStorage, in any case.
const (
	SnapshotsLocal = "local"
	SnapshotsS3    = "s3"
)

// S3Config names the bucket of snapshots. Tidemark.S3 has more about it.
type S3Config struct {
	Bucket      *string `koanf:"bucket"`
	Region      *string `koanf:"region"` // nil: that of the environment
	AccessKey   *Secret `koanf:"access_key"`
	SecretKey   *Secret `koanf:"secret_key"`
	EndpointURL *string `koanf:"endpoint_url"` // nil: Amazon's
}

// Given reports whether anything is said of S3.
func (s S3Config) Given() bool {
	return s.Bucket != nil || s.Region != nil || s.AccessKey != nil || s.SecretKey != nil || s.EndpointURL != nil
}

// WAL holds defaults that a collection echoes. How Tidemark cuts its own log is
// said by Tidemark.LogSegmentMB.
type WAL struct {
	CapacityMB    int `koanf:"wal_capacity_mb"`
	SegmentsAhead int `koanf:"wal_segments_ahead"`
	RetainClosed  int `koanf:"wal_retain_closed"`
}

// Optimizers holds defaults that a collection echoes.
type Optimizers struct {
	DeletedThreshold       float64 `koanf:"deleted_threshold"`
	VacuumMinVectorNumber  int     `koanf:"vacuum_min_vector_number"`
	DefaultSegmentNumber   int     `koanf:"default_segment_number"`
	MaxSegmentSizeKB       *int    `koanf:"max_segment_size_kb"`
	MemmapThresholdKB      *int    `koanf:"memmap_threshold_kb"`
	IndexingThresholdKB    int     `koanf:"indexing_threshold_kb"`
	FlushIntervalSec       int     `koanf:"flush_interval_sec"`
	MaxOptimizationThreads *int    `koanf:"max_optimization_threads"`
}

// HNSWIndex holds defaults that a collection echoes.
type HNSWIndex struct {
	M                  int  `koanf:"m"`
	EfConstruct        int  `koanf:"ef_construct"`
	FullScanThreshold  int  `koanf:"full_scan_threshold_kb"`
	MaxIndexingThreads int  `koanf:"max_indexing_threads"`
	OnDisk             bool `koanf:"on_disk"`
	PayloadM           *int `koanf:"payload_m"`
}

// CollectionDefaults holds defaults that a collection echoes.
type CollectionDefaults struct {
	ReplicationFactor      int `koanf:"replication_factor"`
	WriteConsistencyFactor int `koanf:"write_consistency_factor"`
}

// Service says where the interfaces listen and whom they let in.
type Service struct {
	Host                        string  `koanf:"host"`
	HTTPPort                    int     `koanf:"http_port"` // 0: any free port
	GRPCPort                    *int    `koanf:"grpc_port"` // nil: no gRPC
	MaxRequestSizeMB            int     `koanf:"max_request_size_mb"`
	MetricsPrefix               string  `koanf:"metrics_prefix"`
	EnableCORS                  bool    `koanf:"enable_cors"`
	APIKey                      *Secret `koanf:"api_key"`
	AltAPIKey                   *Secret `koanf:"alt_api_key"`
	ReadOnlyAPIKey              *Secret `koanf:"read_only_api_key"`
	HTTPClientRequestTimeoutSec int     `koanf:"http_client_request_timeout_sec"` // to send the head of a request
	HTTPKeepAliveTimeoutSec     int     `koanf:"http_keep_alive_timeout_sec"`
	EnableSnapshotURLRecovery   bool    `koanf:"enable_snapshot_url_recovery"`
}

// Tidemark holds what the reference has no name for.
type Tidemark struct {
	BudgetMB               int `koanf:"budget_mb"`      // memory for what is not yet in segments; 0: a quarter of the memory
	ReadMemoryMB           int `koanf:"read_memory_mb"` // memory for bodies and answers of reads; 0: an eighth of the memory
	HeadMB                 int `koanf:"head_mb"`        // a head of this size is written to a segment
	HeadLogMB              int `koanf:"head_log_mb"`    // so is one with this much log behind it
	LogSegmentMB           int `koanf:"log_segment_mb"`
	DiskReserveMB          int `koanf:"disk_reserve_mb"` // between two watermarks of free space; 0: HeadMB
	PprofPort              int `koanf:"pprof_port"`      // on the loopback interface; 0: off
	ShutdownTimeoutSec     int `koanf:"shutdown_timeout_sec"`
	SnapshotStagingMBPerS  int `koanf:"snapshot_staging_mb_per_sec"` // 10^6 bytes, while writes wait; 0: no limit
	MaxConcurrentSnapshots int `koanf:"max_concurrent_snapshots"`

	// Snapshots that are fetched from a URL, or uploaded.
	SnapshotURLPrivateAddresses bool `koanf:"snapshot_url_private_addresses"`
	SnapshotURLIdleTimeoutSec   int  `koanf:"snapshot_url_idle_timeout_sec"`
	KeepUploadedSnapshots       bool `koanf:"keep_uploaded_snapshots"`

	Snapshots Snapshots `koanf:"snapshots"`
	S3        S3        `koanf:"s3"`
}

// Snapshots says what is kept of a collection that a restore has replaced. If
// either is 0 nothing is, and no restore can be undone.
type Snapshots struct {
	UndoRetentionSec int `koanf:"undo_retention_sec"`
	UndoMB           int `koanf:"undo_mb"` // of disk, of all collections together
}

// S3 says how the bucket of Storage.SnapshotsConfig is used.
type S3 struct {
	Prefix            *string `koanf:"prefix"` // before all keys
	CAFile            *string `koanf:"ca_file"`
	PathStyle         *bool   `koanf:"path_style"` // nil: if there is an endpoint URL
	Checksums         string  `koanf:"checksums"`  // when_supported or when_required
	StorageClass      *string `koanf:"storage_class"`
	BandwidthMBPerSec int     `koanf:"bandwidth_mb_per_sec"` // 10^6 bytes; 0: no limit
	ConcurrentParts   int     `koanf:"concurrent_parts"`
	OrphanUploadHours int     `koanf:"orphan_upload_hours"` // age from which an upload was left over; 0: any at the start
}

// Default returns the compiled defaults.
func Default() Config {
	grpcPort := 6334
	return Config{
		LogLevel: "INFO",
		Logger:   Logger{Format: "text"},
		Storage: Storage{
			StoragePath:   "./storage",
			SnapshotsPath: "./snapshots",
			OnDiskPayload: true,

			SnapshotsConfig: SnapshotsConfig{SnapshotsStorage: SnapshotsLocal},

			WAL: WAL{CapacityMB: 32, RetainClosed: 1},
			Optimizers: Optimizers{
				DeletedThreshold:      0.2,
				VacuumMinVectorNumber: 1000,
				IndexingThresholdKB:   10000,
				FlushIntervalSec:      5,
			},
			HNSWIndex:  HNSWIndex{M: 16, EfConstruct: 100, FullScanThreshold: 10000},
			Collection: CollectionDefaults{ReplicationFactor: 1, WriteConsistencyFactor: 1},
		},
		Service: Service{
			Host:                        "127.0.0.1",
			HTTPPort:                    6333,
			GRPCPort:                    &grpcPort,
			MaxRequestSizeMB:            32,
			EnableCORS:                  true,
			HTTPClientRequestTimeoutSec: 5,
			HTTPKeepAliveTimeoutSec:     5,
			EnableSnapshotURLRecovery:   true,
		},
		Tidemark: Tidemark{
			HeadMB:                 64,
			HeadLogMB:              256,
			LogSegmentMB:           16,
			ShutdownTimeoutSec:     30,
			SnapshotStagingMBPerS:  200,
			MaxConcurrentSnapshots: 2,

			SnapshotURLPrivateAddresses: true,
			SnapshotURLIdleTimeoutSec:   60,

			Snapshots: Snapshots{UndoRetentionSec: 3600, UndoMB: 16384},
			S3:        S3{Checksums: "when_supported", ConcurrentParts: 4, OrphanUploadHours: 24},
		},
	}
}
