package transport

import (
	"maps"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/segments"
)

// CreateCollection is a request for a new collection. Absent fields get the
// server's defaults.
type CreateCollection struct {
	Vectors                VectorsConfig            `json:"vectors"`
	SparseVectors          map[string]*SparseParams `json:"sparse_vectors"`
	ShardNumber            *uint32                  `json:"shard_number"`
	ShardingMethod         *string                  `json:"sharding_method"`
	ReplicationFactor      *uint32                  `json:"replication_factor"`
	WriteConsistencyFactor *uint32                  `json:"write_consistency_factor"`
	OnDiskPayload          *bool                    `json:"on_disk_payload"`
	HNSW                   *HNSW                    `json:"hnsw_config"`
	WAL                    *WAL                     `json:"wal_config"`
	Optimizers             *Optimizers              `json:"optimizers_config"`
	Quantization           *Quantization            `json:"quantization_config"`
	StrictMode             *StrictMode              `json:"strict_mode_config"`
	Metadata               jsontext.Value           `json:"metadata"`

	// Names that older clients use.
	OptimizersOld   *Optimizers   `json:"optimizer_config"`
	QuantizationOld *Quantization `json:"quantization"`
}

// Check returns what is wrong with r.
func (r *CreateCollection) Check() error {
	r.Optimizers = first(r.Optimizers, r.OptimizersOld)
	r.Quantization = first(r.Quantization, r.QuantizationOld)
	if !oneOf(r.ShardingMethod, "auto", "custom") {
		return ShapeError("unknown variant `" + *r.ShardingMethod + "`, expected `auto` or `custom`")
	}
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
	r.Vectors.check(&c)
	AtLeast(&c, "shard_number", r.ShardNumber, 1)
	AtLeast(&c, "replication_factor", r.ReplicationFactor, 1)
	AtLeast(&c, "write_consistency_factor", r.WriteConsistencyFactor, 1)
	checkGroups(&c, r.HNSW, r.Optimizers, r.WAL, r.Quantization, r.StrictMode)
	return c.Err(InBody)
}

// Spec returns the collection that r asks for, given the server's defaults.
func (r *CreateCollection) Spec(defaults Settings) (tidemark.CreateSpec, error) {
	var spec tidemark.CreateSpec
	vectors, err := r.vectors()
	if err != nil {
		return spec, err
	}
	settings, err := r.settings(defaults)
	if err != nil {
		return spec, err
	}
	document, err := settings.Document()
	return tidemark.CreateSpec{Vectors: vectors, Settings: document}, err
}

// vectors returns the vectors in order of their names.
func (r *CreateCollection) vectors() ([]segments.VectorSpec, error) {
	var out []segments.VectorSpec
	for _, name := range slices.Sorted(maps.Keys(r.Vectors.Named)) {
		if err := CheckVectorName("dense", name); err != nil {
			return nil, err
		}
		s, err := r.Vectors.Named[name].spec(name)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	for _, name := range slices.Sorted(maps.Keys(r.SparseVectors)) {
		if err := CheckVectorName("sparse", name); err != nil {
			return nil, err
		}
		if _, taken := r.Vectors.Named[name]; taken {
			return nil, tidemark.Errorf(tidemark.BadInput,
				"Dense and sparse vector names must be unique - duplicate found with '%s'", name)
		}
		out = append(out, sparseSpec(name))
	}
	return out, nil
}

func (r *CreateCollection) settings(s Settings) (Settings, error) {
	for name, p := range r.Vectors.Named {
		set(&s.Vectors, name, p.settings())
	}
	for name, p := range r.SparseVectors {
		set(&s.SparseVectors, name, or(p, SparseParams{}))
	}
	s.ShardNumber = or(r.ShardNumber, s.ShardNumber)
	s.ShardingMethod = r.ShardingMethod
	s.ReplicationFactor = or(r.ReplicationFactor, s.ReplicationFactor)
	s.WriteConsistencyFactor = or(r.WriteConsistencyFactor, s.WriteConsistencyFactor)
	s.OnDiskPayload = or(r.OnDiskPayload, s.OnDiskPayload)
	s.HNSW = overlay(s.HNSW, or(r.HNSW, HNSW{}))
	s.WAL = overlay(s.WAL, or(r.WAL, WAL{}))
	s.Optimizers = overlay(s.Optimizers, or(r.Optimizers, Optimizers{}))
	s.Quantization = first(r.Quantization, s.Quantization)
	s.StrictMode = overlayOptional(s.StrictMode, r.StrictMode)
	if len(r.Metadata) == 0 || r.Metadata.Kind() != '{' {
		return s, nil
	}
	var err error
	s.Metadata, err = mergeMetadata(s.Metadata, r.Metadata)
	return s, err
}

// check notes values out of range.
func (h *HNSW) check(c *Checks, path string) {
	if h == nil {
		return
	}
	AtLeast(c, path+".ef_construct", h.EfConstruct, 4)
	AtLeast(c, path+".full_scan_threshold", h.FullScanThreshold, 10)
}

func checkGroups(c *Checks, h *HNSW, o *Optimizers, w *WAL, q *Quantization, s *StrictMode) {
	h.check(c, "hnsw_config")
	if w != nil {
		AtLeast(c, "wal_config.wal_capacity_mb", w.CapacityMB, 1)
	}
	if o != nil {
		BetweenFloats(c, "optimizers_config.deleted_threshold", o.DeletedThreshold, 0, 1)
		AtLeast(c, "optimizers_config.vacuum_min_vector_number", o.VacuumMinVectorNumber, 100)
		AtLeast(c, "optimizers_config.max_segment_size", o.MaxSegmentSize, 1)
	}
	q.check(c, "quantization_config")
	s.check(c, "strict_mode_config")
}

// checkMetadata returns what is wrong with a metadata document, which is an
// object or absent.
func checkMetadata(v jsontext.Value) error {
	if len(v) == 0 || v.Kind() == '{' || v.Kind() == 'n' {
		return nil
	}
	return ShapeError("invalid type for `metadata`, expected a map")
}

// first returns the first of the pointers that is not nil.
func first[T any](ps ...*T) *T {
	for _, p := range ps {
		if p != nil {
			return p
		}
	}
	return nil
}

// or returns *p, or otherwise if p is nil.
func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}
