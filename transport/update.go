package transport

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/segments"
)

// UpdateCollection is a request that changes settings field by field.
type UpdateCollection struct {
	Vectors       map[string]*VectorChange `json:"vectors"` // the unnamed vector is ""
	SparseVectors map[string]*SparseParams `json:"sparse_vectors"`
	Params        *CollectionParams        `json:"params"`
	HNSW          *HNSW                    `json:"hnsw_config"`
	Optimizers    *Optimizers              `json:"optimizers_config"`
	Quantization  *QuantizationChange      `json:"quantization_config"`
	StrictMode    *StrictMode              `json:"strict_mode_config"`
	Metadata      jsontext.Value           `json:"metadata"`

	// The name that older clients use.
	OptimizersOld *Optimizers `json:"optimizer_config"`
}

// VectorChange changes the settings of one dense or multi vector.
type VectorChange struct {
	HNSW         *HNSW               `json:"hnsw_config"`
	Quantization *QuantizationChange `json:"quantization_config"`
	OnDisk       *bool               `json:"on_disk"`
}

// CollectionParams are the settings of a collection that stand under params.
type CollectionParams struct {
	ReplicationFactor      *uint32 `json:"replication_factor"`
	WriteConsistencyFactor *uint32 `json:"write_consistency_factor"`
	ReadFanOutFactor       *uint32 `json:"read_fan_out_factor"`
	ReadFanOutDelayMs      *uint64 `json:"read_fan_out_delay_ms"`
	OnDiskPayload          *bool   `json:"on_disk_payload"`
}

// Check returns what is wrong with r.
func (r *UpdateCollection) Check() error {
	r.Optimizers = first(r.Optimizers, r.OptimizersOld)
	if err := checkMetadata(r.Metadata); err != nil {
		return err
	}
	for _, p := range r.SparseVectors {
		if p != nil {
			if err := checkSparse(p); err != nil {
				return err
			}
		}
	}
	var c Checks
	if p := r.Params; p != nil {
		AtLeast(&c, "params.replication_factor", p.ReplicationFactor, 1)
		AtLeast(&c, "params.write_consistency_factor", p.WriteConsistencyFactor, 1)
	}
	for name, v := range r.Vectors {
		if v != nil {
			v.HNSW.check(&c, "vectors."+name+".hnsw_config")
			v.Quantization.target().check(&c, "vectors."+name+".quantization_config")
		}
	}
	checkGroups(&c, r.HNSW, r.Optimizers, nil, r.Quantization.target(), r.StrictMode)
	return c.Err(InBody)
}

// Change returns what r changes in cfg.
func (r *UpdateCollection) Change(cfg *tidemark.Config) (tidemark.ConfigChange, error) {
	var none tidemark.ConfigChange
	s, err := ParseSettings(cfg.Settings)
	if err != nil {
		return none, err
	}
	if err := r.changeVectors(cfg.Schema, &s); err != nil {
		return none, err
	}
	r.changeParams(&s)
	s.HNSW = overlay(s.HNSW, or(r.HNSW, HNSW{}))
	s.Optimizers = overlay(s.Optimizers, or(r.Optimizers, Optimizers{}))
	s.StrictMode = overlayOptional(s.StrictMode, r.StrictMode)
	if r.Quantization != nil {
		s.Quantization = r.Quantization.To
	}
	if len(r.Metadata) > 0 && r.Metadata.Kind() == '{' {
		if s.Metadata, err = mergeMetadata(s.Metadata, r.Metadata); err != nil {
			return none, err
		}
	}
	document, err := s.Document()
	if err != nil || string(document) == string(cfg.Settings) {
		return none, err
	}
	return tidemark.ConfigChange{Settings: document}, nil
}

func (r *UpdateCollection) changeVectors(schema segments.Schema, s *Settings) error {
	for name, change := range r.Vectors {
		if !isVector(schema, name, false) {
			return noVector(name)
		}
		if change != nil {
			set(&s.Vectors, name, change.apply(s.Vectors[name]))
		}
	}
	for name, change := range r.SparseVectors {
		if !isVector(schema, name, true) {
			return noVector(name)
		}
		if change != nil {
			v := s.SparseVectors[name]
			v.Index = overlayOptional(v.Index, change.Index)
			v.Modifier = first(change.Modifier, v.Modifier)
			set(&s.SparseVectors, name, v)
		}
	}
	return nil
}

// isVector reports whether there is a vector of that name and kind.
func isVector(schema segments.Schema, name string, sparse bool) bool {
	spec, ok := schema.Find(name)
	return ok && (spec.Kind == segments.Sparse) == sparse
}

func noVector(name string) error {
	return tidemark.Errorf(tidemark.BadInput, "Not existing vector name error: %s", name)
}

func (v *VectorChange) apply(s VectorSettings) VectorSettings {
	s.HNSW = overlayOptional(s.HNSW, v.HNSW)
	s.OnDisk = first(v.OnDisk, s.OnDisk)
	if v.Quantization != nil {
		s.Quantization = v.Quantization.To
	}
	return s
}

func (r *UpdateCollection) changeParams(s *Settings) {
	if p := r.Params; p != nil {
		s.ReplicationFactor = or(p.ReplicationFactor, s.ReplicationFactor)
		s.WriteConsistencyFactor = or(p.WriteConsistencyFactor, s.WriteConsistencyFactor)
		s.ReadFanOutFactor = first(p.ReadFanOutFactor, s.ReadFanOutFactor)
		s.ReadFanOutDelayMs = first(p.ReadFanOutDelayMs, s.ReadFanOutDelayMs)
		s.OnDiskPayload = or(p.OnDiskPayload, s.OnDiskPayload)
	}
}

// target returns what q changes to, or nil.
func (q *QuantizationChange) target() *Quantization {
	if q == nil {
		return nil
	}
	return q.To
}
