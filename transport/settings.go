package transport

import (
	"reflect"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Settings are what clients configure on a collection beside its vectors and
// payload indexes. The engine stores them as a JSON document with the
// collection's configuration. Most of them tune indexes that Tidemark does not
// have: they are kept so that clients find what they set.
type Settings struct {
	// Vectors and SparseVectors hold what clients set per vector, by name.
	Vectors       map[string]VectorSettings       `json:"vectors,omitempty"`
	SparseVectors map[string]SparseVectorSettings `json:"sparse_vectors,omitempty"`

	ShardNumber            uint32  `json:"shard_number"`
	ShardingMethod         *string `json:"sharding_method,omitzero"`
	ReplicationFactor      uint32  `json:"replication_factor"`
	WriteConsistencyFactor uint32  `json:"write_consistency_factor"`
	ReadFanOutFactor       *uint32 `json:"read_fan_out_factor,omitzero"`
	ReadFanOutDelayMs      *uint64 `json:"read_fan_out_delay_ms,omitzero"`
	OnDiskPayload          bool    `json:"on_disk_payload"`

	HNSW         HNSW           `json:"hnsw_config"`
	Optimizers   Optimizers     `json:"optimizer_config"`
	WAL          WAL            `json:"wal_config"`
	Quantization *Quantization  `json:"quantization_config"`
	StrictMode   *StrictMode    `json:"strict_mode_config,omitzero"`
	Metadata     jsontext.Value `json:"metadata,omitzero"` // an object
}

// VectorSettings are the settings of one dense or multi vector.
type VectorSettings struct {
	HNSW         *HNSW              `json:"hnsw_config,omitzero"`
	Quantization *Quantization      `json:"quantization_config,omitzero"`
	OnDisk       *bool              `json:"on_disk,omitzero"`
	Datatype     *string            `json:"datatype,omitzero"`
	Multivector  *MultivectorConfig `json:"multivector_config,omitzero"`
}

// SparseVectorSettings are the settings of one sparse vector.
type SparseVectorSettings struct {
	Index    *SparseIndex `json:"index,omitzero"`
	Modifier *string      `json:"modifier,omitzero"`
}

// MultivectorConfig says how two multi vectors are compared.
type MultivectorConfig struct {
	Comparator string `json:"comparator"`
}

// SparseIndex are the settings of the index of a sparse vector.
type SparseIndex struct {
	FullScanThreshold *uint64 `json:"full_scan_threshold,omitzero"`
	OnDisk            *bool   `json:"on_disk,omitzero"`
	Datatype          *string `json:"datatype,omitzero"`
}

// HNSW are the settings of a graph index. As a change, it holds what changes.
type HNSW struct {
	M                  *uint64 `json:"m,omitzero"`
	EfConstruct        *uint64 `json:"ef_construct,omitzero"`
	FullScanThreshold  *uint64 `json:"full_scan_threshold,omitzero"`
	MaxIndexingThreads *uint64 `json:"max_indexing_threads,omitzero"`
	OnDisk             *bool   `json:"on_disk,omitzero"`
	PayloadM           *uint64 `json:"payload_m,omitzero"`
	InlineStorage      *bool   `json:"inline_storage,omitzero"`
}

// Optimizers are the settings of background work on segments. As a change, it
// holds what changes.
type Optimizers struct {
	DeletedThreshold       *Float64     `json:"deleted_threshold"`
	VacuumMinVectorNumber  *uint64      `json:"vacuum_min_vector_number"`
	DefaultSegmentNumber   *uint64      `json:"default_segment_number"`
	MaxSegmentSize         *uint64      `json:"max_segment_size"`
	MemmapThreshold        *uint64      `json:"memmap_threshold"`
	IndexingThreshold      *uint64      `json:"indexing_threshold"`
	FlushIntervalSec       *uint64      `json:"flush_interval_sec"`
	MaxOptimizationThreads *ThreadLimit `json:"max_optimization_threads"`
	PreventUnoptimized     *bool        `json:"prevent_unoptimized"`
}

// WAL are the settings of the reference's log. As a change, it holds what
// changes.
type WAL struct {
	CapacityMB    *uint64 `json:"wal_capacity_mb,omitzero"`
	SegmentsAhead *uint64 `json:"wal_segments_ahead,omitzero"`
	RetainClosed  *uint64 `json:"wal_retain_closed,omitzero"`
}

// DefaultSettings returns the settings of a collection of which nothing was
// said. The caller owns them.
func DefaultSettings() Settings {
	return Settings{
		ShardNumber: 1, ReplicationFactor: 1, WriteConsistencyFactor: 1, OnDiskPayload: true,
		HNSW: HNSW{
			M: new(uint64(16)), EfConstruct: new(uint64(100)), FullScanThreshold: new(uint64(10000)),
			MaxIndexingThreads: new(uint64(0)), OnDisk: new(false),
		},
		Optimizers: Optimizers{
			DeletedThreshold: new(Float64(0.2)), VacuumMinVectorNumber: new(uint64(1000)),
			DefaultSegmentNumber: new(uint64(0)), IndexingThreshold: new(uint64(10000)),
			FlushIntervalSec: new(uint64(5)),
		},
		WAL: WAL{CapacityMB: new(uint64(32)), SegmentsAhead: new(uint64(0)), RetainClosed: new(uint64(1))},
	}
}

// ParseSettings reads what Document wrote.
func ParseSettings(document []byte) (Settings, error) {
	var s Settings
	if len(document) == 0 {
		return DefaultSettings(), nil
	}
	err := json.Unmarshal(document, &s)
	return s, err
}

// Document returns s as the document that the engine stores: equal settings
// are equal bytes.
func (s Settings) Document() ([]byte, error) {
	return json.Marshal(s, json.Deterministic(true))
}

// overlay returns base with every field replaced that change sets. The fields
// of T are pointers, maps and slices.
func overlay[T any](base, change T) T {
	b, c := reflect.ValueOf(&base).Elem(), reflect.ValueOf(change)
	for i := range c.NumField() {
		if f := c.Field(i); !f.IsNil() {
			b.Field(i).Set(f)
		}
	}
	return base
}

// overlayOptional is overlay where base or change may be absent.
func overlayOptional[T any](base, change *T) *T {
	switch {
	case change == nil:
		return base
	case base == nil:
		return change
	}
	merged := overlay(*base, *change)
	return &merged
}

// mergeMetadata returns base with the keys of change set, and those that
// change gives as null removed. Both are JSON objects or absent. The result has
// its keys in order, so that equal metadata are equal bytes.
func mergeMetadata(base, change jsontext.Value) (jsontext.Value, error) {
	var merged, changes map[string]jsontext.Value
	if len(change) == 0 {
		return base, nil
	}
	if len(base) > 0 {
		if err := json.Unmarshal(base, &merged); err != nil {
			return nil, err
		}
	}
	if err := json.Unmarshal(change, &changes); err != nil {
		return nil, err
	}
	for key, value := range changes {
		if value.Kind() == 'n' {
			delete(merged, key)
		} else {
			set(&merged, key, value)
		}
	}
	return json.Marshal(merged, json.Deterministic(true), json.FormatNilMapAsNull(false))
}
