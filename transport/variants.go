package transport

import (
	"errors"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// ThreadLimit is a number of threads, or nil for as many as fit: "auto".
type ThreadLimit struct{ Threads *uint64 }

// MarshalJSONTo implements json.MarshalerTo.
func (t ThreadLimit) MarshalJSONTo(enc *jsontext.Encoder) error {
	if t.Threads == nil {
		return enc.WriteToken(jsontext.String("auto"))
	}
	return enc.WriteToken(jsontext.Uint(*t.Threads))
}

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (t *ThreadLimit) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	v, err := dec.ReadValue()
	if err != nil {
		return err
	}
	if string(v) == `"auto"` {
		*t = ThreadLimit{}
		return nil
	}
	t.Threads = new(uint64)
	if v.Kind() != '0' || json.Unmarshal(v, t.Threads) != nil {
		return NoVariant("MaxOptimizationThreads")
	}
	return nil
}

// Quantization compresses vectors. Exactly one field is set.
type Quantization struct {
	Scalar  *ScalarQuantization  `json:"scalar,omitzero"`
	Product *ProductQuantization `json:"product,omitzero"`
	Binary  *BinaryQuantization  `json:"binary,omitzero"`
	Turbo   *TurboQuantization   `json:"turbo,omitzero"`
}

// ScalarQuantization keeps one byte for each dimension.
type ScalarQuantization struct {
	Type      string   `json:"type"`
	Quantile  *Float32 `json:"quantile,omitzero"`
	AlwaysRAM *bool    `json:"always_ram,omitzero"`
}

// ProductQuantization keeps one byte for a group of dimensions.
type ProductQuantization struct {
	Compression string `json:"compression"`
	AlwaysRAM   *bool  `json:"always_ram,omitzero"`
}

// BinaryQuantization keeps one or two bits for each dimension.
type BinaryQuantization struct {
	AlwaysRAM     *bool   `json:"always_ram,omitzero"`
	Encoding      *string `json:"encoding,omitzero"`
	QueryEncoding *string `json:"query_encoding,omitzero"`
}

// TurboQuantization keeps one to four bits for each dimension.
type TurboQuantization struct {
	AlwaysRAM *bool   `json:"always_ram,omitzero"`
	Bits      *string `json:"bits,omitzero"`
}

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (q *Quantization) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	v, err := dec.ReadValue()
	if err != nil {
		return err
	}
	type plain Quantization
	if v.Kind() != '{' || json.Unmarshal(v, (*plain)(q)) != nil || !q.known() {
		return NoVariant("QuantizationConfig")
	}
	return nil
}

// known reports whether q has a variant and only values that exist. Of several
// variants the first counts.
func (q *Quantization) known() bool {
	switch {
	case q.Scalar != nil:
		*q = Quantization{Scalar: q.Scalar}
		return q.Scalar.Type == "int8"
	case q.Product != nil:
		*q = Quantization{Product: q.Product}
		return oneOf(&q.Product.Compression, "x4", "x8", "x16", "x32", "x64")
	case q.Binary != nil:
		*q = Quantization{Binary: q.Binary}
		return oneOf(q.Binary.Encoding, "one_bit", "two_bits", "one_and_half_bits") &&
			oneOf(q.Binary.QueryEncoding, "default", "binary", "scalar4bits", "scalar8bits")
	case q.Turbo != nil:
		return oneOf(q.Turbo.Bits, "bits1", "bits1_5", "bits2", "bits4")
	}
	return false
}

// check notes values out of range.
func (q *Quantization) check(c *Checks, path string) {
	if q != nil && q.Scalar != nil {
		BetweenFloats(c, path+".scalar.quantile", q.Scalar.Quantile, 0.5, 1)
	}
}

// QuantizationChange is a Quantization that replaces another, or none.
type QuantizationChange struct{ To *Quantization }

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (q *QuantizationChange) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() == '"' {
		v, err := dec.ReadValue()
		if err == nil && string(v) != `"Disabled"` {
			err = NoVariant("QuantizationConfigDiff")
		}
		return err
	}
	q.To = new(Quantization)
	if err := q.To.UnmarshalJSONFrom(dec); err != nil {
		var shape ShapeError
		if errors.As(err, &shape) {
			return NoVariant("QuantizationConfigDiff")
		}
		return err
	}
	return nil
}

// oneOf reports whether v is absent or one of the values.
func oneOf(v *string, values ...string) bool { return v == nil || slices.Contains(values, *v) }

// StrictMode are limits on requests. As a change, it holds what changes. They
// are stored and shown, and not enforced.
type StrictMode struct {
	Enabled                       *bool                  `json:"enabled,omitzero"`
	MaxQueryLimit                 *uint64                `json:"max_query_limit,omitzero"`
	MaxTimeout                    *uint64                `json:"max_timeout,omitzero"`
	UnindexedFilteringRetrieve    *bool                  `json:"unindexed_filtering_retrieve,omitzero"`
	UnindexedFilteringUpdate      *bool                  `json:"unindexed_filtering_update,omitzero"`
	SearchMaxHNSWEf               *uint64                `json:"search_max_hnsw_ef,omitzero"`
	SearchAllowExact              *bool                  `json:"search_allow_exact,omitzero"`
	SearchMaxOversampling         *Float64               `json:"search_max_oversampling,omitzero"`
	UpsertMaxBatchsize            *uint64                `json:"upsert_max_batchsize,omitzero"`
	SearchMaxBatchsize            *uint64                `json:"search_max_batchsize,omitzero"`
	MaxCollectionVectorSizeBytes  *uint64                `json:"max_collection_vector_size_bytes,omitzero"`
	ReadRateLimit                 *uint64                `json:"read_rate_limit,omitzero"`
	WriteRateLimit                *uint64                `json:"write_rate_limit,omitzero"`
	MaxCollectionPayloadSizeBytes *uint64                `json:"max_collection_payload_size_bytes,omitzero"`
	MaxPointsCount                *uint64                `json:"max_points_count,omitzero"`
	FilterMaxConditions           *uint64                `json:"filter_max_conditions,omitzero"`
	ConditionMaxSize              *uint64                `json:"condition_max_size,omitzero"`
	Multivector                   map[string]VectorLimit `json:"multivector_config,omitzero"`
	Sparse                        map[string]SparseLimit `json:"sparse_config,omitzero"`
	MaxPayloadIndexCount          *uint64                `json:"max_payload_index_count,omitzero"`
	MaxResidentMemoryPercent      *uint8                 `json:"max_resident_memory_percent,omitzero"`
	MaxDiskUsagePercent           *uint8                 `json:"max_disk_usage_percent,omitzero"`
}

// VectorLimit bounds a multi vector.
type VectorLimit struct {
	MaxVectors *uint64 `json:"max_vectors,omitzero"`
}

// SparseLimit bounds a sparse vector.
type SparseLimit struct {
	MaxLength *uint64 `json:"max_length,omitzero"`
}

// check notes values out of range.
func (s *StrictMode) check(c *Checks, path string) {
	if s == nil {
		return
	}
	AtLeast(c, path+".max_query_limit", s.MaxQueryLimit, 1)
	AtLeast(c, path+".max_timeout", s.MaxTimeout, 1)
	AtLeast(c, path+".read_rate_limit", s.ReadRateLimit, 1)
	AtLeast(c, path+".write_rate_limit", s.WriteRateLimit, 1)
	AtLeast(c, path+".max_points_count", s.MaxPointsCount, 1)
	Between(c, path+".max_resident_memory_percent", s.MaxResidentMemoryPercent, 1, 100)
	Between(c, path+".max_disk_usage_percent", s.MaxDiskUsagePercent, 1, 100)
	for name, l := range s.Multivector {
		AtLeast(c, path+".multivector_config."+name+".max_vectors", l.MaxVectors, 1)
	}
	for name, l := range s.Sparse {
		AtLeast(c, path+".sparse_config."+name+".max_length", l.MaxLength, 1)
	}
}
