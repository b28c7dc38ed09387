package transport

import (
	"maps"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/segments"
)

// maxDimension is the largest size of a dense vector.
const maxDimension = 65536

// VectorParams describe a dense or multi vector as clients do.
type VectorParams struct {
	Size         *uint64            `json:"size"`
	Distance     string             `json:"distance"`
	HNSW         *HNSW              `json:"hnsw_config"`
	Quantization *Quantization      `json:"quantization_config"`
	OnDisk       *bool              `json:"on_disk"`
	Datatype     *string            `json:"datatype"`
	Multivector  *MultivectorConfig `json:"multivector_config"`
}

// distances and datatypes are the names that clients use.
var (
	distances = map[string]segments.Distance{
		"Cosine": segments.Cosine, "Dot": segments.Dot,
		"Euclid": segments.Euclid, "Manhattan": segments.Manhattan,
	}
	datatypes = map[string]segments.Datatype{
		"float32": segments.Float32, "float16": segments.Float16, "uint8": segments.Uint8,
	}
)

// turbo4 is a datatype that clients may ask for and that does not exist here.
const turbo4 = "turbo4"

// wellFormed reports whether p has what it must and only values that exist.
func (p *VectorParams) wellFormed() bool {
	_, distance := distances[p.Distance]
	return p.Size != nil && distance &&
		oneOf(p.Datatype, "float32", "float16", "uint8", turbo4) &&
		(p.Multivector == nil || p.Multivector.Comparator == "max_sim")
}

// check notes values out of range.
func (p *VectorParams) check(c *Checks, path string) {
	Between(c, path+".size", p.Size, 1, maxDimension)
	p.HNSW.check(c, path+".hnsw_config")
	p.Quantization.check(c, path+".quantization_config")
}

// settings returns what the engine does not know of p.
func (p *VectorParams) settings() VectorSettings {
	return VectorSettings{p.HNSW, p.Quantization, p.OnDisk, p.Datatype, p.Multivector}
}

// spec returns what the engine knows of p.
func (p *VectorParams) spec(name string) (segments.VectorSpec, error) {
	s := segments.VectorSpec{
		Name: name, Kind: segments.Dense, Size: int(*p.Size), Distance: distances[p.Distance],
	}
	if p.Multivector != nil {
		s.Kind = segments.Multi
	}
	dt, err := datatype(p.Datatype)
	s.Datatype = dt
	return s, err
}

// datatype returns the datatype of that name, float32 if there is none.
func datatype(name *string) (segments.Datatype, error) {
	if name == nil {
		return segments.Float32, nil
	}
	if *name == turbo4 {
		return 0, tidemark.Errorf(tidemark.NotImplemented, "the datatype turbo4 is not part of this version; use float32, float16 or uint8")
	}
	return datatypes[*name], nil
}

// VectorsConfig holds the dense and multi vectors of a new collection by name.
type VectorsConfig struct {
	// Single says that there is one vector, which has no name.
	Single bool
	Named  map[string]*VectorParams
}

// UnmarshalJSONFrom implements json.UnmarshalerFrom: one vector, or a map.
func (v *VectorsConfig) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	raw, err := dec.ReadValue()
	if err != nil {
		return err
	}
	if raw.Kind() == 'n' {
		return nil
	}
	one := new(VectorParams)
	if json.Unmarshal(raw, one) == nil && one.wellFormed() && *one.Size > 0 {
		*v = VectorsConfig{true, map[string]*VectorParams{"": one}}
		return nil
	}
	*v = VectorsConfig{}
	if raw.Kind() != '{' || json.Unmarshal(raw, &v.Named) != nil {
		return NoVariant("VectorsConfig")
	}
	for _, p := range v.Named {
		if p == nil || !p.wellFormed() || *p.Size == 0 {
			return NoVariant("VectorsConfig")
		}
	}
	return nil
}

func (v *VectorsConfig) check(c *Checks) {
	for _, name := range slices.Sorted(maps.Keys(v.Named)) {
		path := "vectors"
		if !v.Single {
			path += "." + name
		}
		v.Named[name].check(c, path)
	}
}

// SparseParams describe a sparse vector as clients do.
type SparseParams = SparseVectorSettings

// checkSparse returns what is wrong with p.
func checkSparse(p *SparseParams) error {
	if !oneOf(p.Modifier, "none", "idf") {
		return ShapeError("unknown variant `" + *p.Modifier + "`, expected `none` or `idf`")
	}
	if p.Index != nil && !oneOf(p.Index.Datatype, "float32", "float16", "uint8", turbo4) {
		return ShapeError("unknown variant `" + *p.Index.Datatype + "`, expected one of `float32`, `uint8`, `float16`, `turbo4`")
	}
	return nil
}

// sparseSpec returns what the engine knows of a sparse vector. The values are
// kept as float32 whatever the datatype of the index is.
func sparseSpec(name string) segments.VectorSpec {
	return segments.VectorSpec{Name: name, Kind: segments.Sparse, Datatype: segments.Float32, Distance: segments.Dot}
}

// NewVector is a vector that is to be added to a collection. Exactly one field
// is set.
type NewVector struct {
	Dense  *VectorParams
	Sparse *SparseParams
}

// UnmarshalJSONFrom implements json.UnmarshalerFrom. If both kinds are given,
// dense counts.
func (n *NewVector) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	raw, err := dec.ReadValue()
	if err != nil {
		return err
	}
	var dense struct {
		Dense *VectorParams `json:"dense"`
	}
	if json.Unmarshal(raw, &dense) == nil && dense.Dense != nil && dense.Dense.wellFormed() {
		n.Dense = dense.Dense
		return nil
	}
	var sparse struct {
		Sparse *SparseParams `json:"sparse"`
	}
	if json.Unmarshal(raw, &sparse) == nil && sparse.Sparse != nil && checkSparse(sparse.Sparse) == nil {
		n.Sparse = sparse.Sparse
		return nil
	}
	return NoVariant("VectorNameConfig")
}

// Check returns what is out of range in n.
func (n *NewVector) Check() error {
	var c Checks
	if n.Dense != nil {
		n.Dense.check(&c, "dense")
	}
	return c.Err(InBody)
}

// Add returns the change that adds n under name to a collection, which is
// nothing if the same vector exists.
func (n *NewVector) Add(cfg *tidemark.Config, name string) (tidemark.ConfigChange, error) {
	var none tidemark.ConfigChange
	settings, err := ParseSettings(cfg.Settings)
	if err != nil {
		return none, err
	}
	spec, err := n.spec(name)
	if err != nil {
		return none, err
	}
	if old, ok := cfg.Schema.Find(name); ok {
		spec.Key = old.Key
		if old != spec {
			return none, tidemark.Errorf(tidemark.BadInput, "Vector `%s` already exists with a different configuration", name)
		}
		return none, nil
	}
	if n.Dense != nil {
		set(&settings.Vectors, name, n.Dense.settings())
	} else {
		set(&settings.SparseVectors, name, *n.Sparse)
	}
	document, err := settings.Document()
	return tidemark.ConfigChange{Settings: document, AddVectors: []segments.VectorSpec{spec}}, err
}

func (n *NewVector) spec(name string) (segments.VectorSpec, error) {
	if n.Sparse != nil {
		return sparseSpec(name), CheckVectorName("sparse", name)
	}
	if err := CheckVectorName("dense", name); err != nil {
		return segments.VectorSpec{}, err
	}
	return n.Dense.spec(name)
}

// DropVector returns the change that drops a vector, which is nothing if there
// is none of that name.
func DropVector(cfg *tidemark.Config, name string) (tidemark.ConfigChange, error) {
	if _, ok := cfg.Schema.Find(name); !ok {
		return tidemark.ConfigChange{}, nil
	}
	settings, err := ParseSettings(cfg.Settings)
	if err != nil {
		return tidemark.ConfigChange{}, err
	}
	delete(settings.Vectors, name)
	delete(settings.SparseVectors, name)
	document, err := settings.Document()
	return tidemark.ConfigChange{Settings: document, DropVectors: []string{name}}, err
}

// set is m[k] = v for a map that may be nil.
func set[V any](m *map[string]V, k string, v V) {
	if *m == nil {
		*m = map[string]V{}
	}
	(*m)[k] = v
}
