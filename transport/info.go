package transport

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/segments"
)

// CollectionInfo describes a collection: what it is configured to be and how
// much it holds. Its JSON is what clients parse.
type CollectionInfo struct {
	Status              string               `json:"status"`
	OptimizerStatus     any                  `json:"optimizer_status"`
	IndexedVectorsCount int                  `json:"indexed_vectors_count"`
	PointsCount         int                  `json:"points_count"`
	SegmentsCount       int                  `json:"segments_count"`
	Config              CollectionConfig     `json:"config"`
	PayloadSchema       map[string]IndexInfo `json:"payload_schema"`
	UpdateQueue         UpdateQueue          `json:"update_queue"`
}

// optimizerError takes the place of "ok" where something is wrong.
type optimizerError struct {
	Error string `json:"error"`
}

// Failed shows that the collection applies nothing and accepts no writes any
// more, and why.
func (i *CollectionInfo) Failed(why error) {
	i.Status, i.OptimizerStatus = "red", optimizerError{Show(why).Text}
}

// CollectionConfig is the configuration as it is shown.
type CollectionConfig struct {
	Params       CollectionParamsInfo `json:"params"`
	HNSW         HNSW                 `json:"hnsw_config"`
	Optimizers   Optimizers           `json:"optimizer_config"`
	WAL          WAL                  `json:"wal_config"`
	Quantization *Quantization        `json:"quantization_config"`
	StrictMode   *StrictMode          `json:"strict_mode_config,omitzero"`
	Metadata     jsontext.Value       `json:"metadata,omitzero"`
}

// CollectionParamsInfo is the part of the configuration under params.
type CollectionParamsInfo struct {
	Vectors                any                             `json:"vectors"` // one VectorInfo, or a map of them
	ShardNumber            uint32                          `json:"shard_number"`
	ShardingMethod         *string                         `json:"sharding_method,omitzero"`
	ReplicationFactor      uint32                          `json:"replication_factor"`
	WriteConsistencyFactor uint32                          `json:"write_consistency_factor"`
	ReadFanOutFactor       *uint32                         `json:"read_fan_out_factor,omitzero"`
	ReadFanOutDelayMs      *uint64                         `json:"read_fan_out_delay_ms,omitzero"`
	OnDiskPayload          bool                            `json:"on_disk_payload"`
	SparseVectors          map[string]SparseVectorSettings `json:"sparse_vectors,omitzero"`
}

// VectorInfo describes a dense or multi vector.
type VectorInfo struct {
	Size     int    `json:"size"`
	Distance string `json:"distance"`
	VectorSettings
}

// IndexInfo describes a payload index.
type IndexInfo struct {
	DataType string         `json:"data_type"`
	Params   jsontext.Value `json:"params,omitzero"`
	Points   int            `json:"points"`
}

// UpdateQueue tells how many writes wait to be applied.
type UpdateQueue struct {
	Length int `json:"length"`
}

// Describe returns what is shown of the configuration cfg. The counts are the
// caller's to fill in.
func Describe(cfg *tidemark.Config) (*CollectionInfo, error) {
	s, err := ParseSettings(cfg.Settings)
	if err != nil {
		return nil, err
	}
	info := &CollectionInfo{
		Status: "green", OptimizerStatus: "ok", PayloadSchema: map[string]IndexInfo{},
		Config: CollectionConfig{
			Params: CollectionParamsInfo{
				Vectors: vectorInfos(cfg.Schema, &s), ShardNumber: s.ShardNumber, ShardingMethod: s.ShardingMethod,
				ReplicationFactor: s.ReplicationFactor, WriteConsistencyFactor: s.WriteConsistencyFactor,
				ReadFanOutFactor: s.ReadFanOutFactor, ReadFanOutDelayMs: s.ReadFanOutDelayMs, OnDiskPayload: s.OnDiskPayload,
			},
			HNSW: s.HNSW, Optimizers: s.Optimizers, WAL: s.WAL, Quantization: s.Quantization,
			StrictMode: s.StrictMode, Metadata: s.Metadata,
		},
	}
	for _, spec := range cfg.Schema {
		if spec.Kind == segments.Sparse {
			set(&info.Config.Params.SparseVectors, spec.Name, s.SparseVectors[spec.Name])
		}
	}
	for path, index := range cfg.Indexes {
		info.PayloadSchema[path] = IndexInfo{DataType: string(index.Type), Params: jsontext.Value(index.Params)}
	}
	return info, nil
}

// vectorInfos describes the dense and multi vectors: the unnamed one alone, or
// all by name.
func vectorInfos(schema segments.Schema, s *Settings) any {
	named := map[string]VectorInfo{}
	for _, spec := range schema {
		if spec.Kind != segments.Sparse {
			named[spec.Name] = VectorInfo{spec.Size, distanceName(spec.Distance), s.Vectors[spec.Name]}
		}
	}
	if one, ok := named[""]; ok && len(named) == 1 {
		return one
	}
	return named
}

func distanceName(d segments.Distance) string {
	for name, distance := range distances {
		if distance == d {
			return name
		}
	}
	return d.String()
}
