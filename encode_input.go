package tidemark

import (
	"slices"

	"github.com/tidemark-db/tidemark/index/vector"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/segments/payload"
)

// storedVectors checks vectors against the schema and brings them into their
// stored form: normalised, rounded, sorted. After this no number is computed
// any more, so that every replay gives the same bytes.
func (c *Config) storedVectors(in []NamedVector) ([]segments.Vector, error) {
	out := make([]segments.Vector, 0, len(in))
	for i := range in {
		spec, ok := c.Schema.Find(in[i].Name)
		if !ok {
			return nil, Errorf(BadInput, "Not existing vector name error: %s", in[i].Name)
		}
		data, err := storedVector(spec, &in[i].Vector)
		if err != nil {
			return nil, err
		}
		out = append(out, segments.Vector{Key: spec.Key, Data: data})
	}
	slices.SortFunc(out, func(a, b segments.Vector) int { return a.Key.Compare(b.Key) })
	for i := 1; i < len(out); i++ {
		if out[i].Key == out[i-1].Key {
			return nil, Errorf(BadInput, "a point names the same vector twice")
		}
	}
	return out, nil
}

func storedVector(spec segments.VectorSpec, v *VectorInput) ([]byte, error) {
	if v.Kind == segments.Dense && spec.Kind == segments.Multi {
		v = &VectorInput{Kind: segments.Multi, Multi: [][]float32{v.Dense}}
	}
	if v.Kind != spec.Kind {
		return nil, conversionError(spec.Kind, v.Kind)
	}
	switch spec.Kind {
	case segments.Sparse:
		return storedSparse(spec, v.Sparse)
	case segments.Multi:
		rows := make([][]float32, len(v.Multi))
		for i, row := range v.Multi {
			if err := checkDimension(spec, len(row)); err != nil {
				return nil, err
			}
			rows[i] = normalised(spec, row)
		}
		return inSchema(spec)(segments.EncodeMulti(spec.Datatype, rows))
	default:
		if err := checkDimension(spec, len(v.Dense)); err != nil {
			return nil, err
		}
		return inSchema(spec)(segments.EncodeDense(spec.Datatype, normalised(spec, v.Dense)))
	}
}

func storedSparse(spec segments.VectorSpec, v SparseInput) ([]byte, error) {
	order := make([]int, len(v.Indices))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return int(int64(v.Indices[a]) - int64(v.Indices[b])) })
	indices, values := make([]uint32, len(order)), make([]float32, len(order))
	for i, j := range order {
		indices[i], values[i] = v.Indices[j], v.Values[j]
	}
	return inSchema(spec)(segments.EncodeSparse(spec.Datatype, indices, values))
}

// inSchema gives an encoding error the name of the vector.
func inSchema(spec segments.VectorSpec) func([]byte, error) ([]byte, error) {
	return func(data []byte, err error) ([]byte, error) {
		if err != nil {
			return nil, &Error{Kind: BadInput, Text: "vector " + quotedName(spec.Name) + ": " + err.Error()}
		}
		return data, nil
	}
}

func quotedName(name string) string { return "'" + name + "'" }

func checkDimension(spec segments.VectorSpec, got int) error {
	if got == spec.Size {
		return nil
	}
	suffix := ""
	if spec.Name != "" {
		suffix = " for vector " + quotedName(spec.Name)
	}
	return Errorf(BadInput, "Vector dimension error: expected dim: %d, got %d%s", spec.Size, got, suffix)
}

func conversionError(want, got segments.VectorKind) error {
	word := func(k segments.VectorKind) string {
		switch k {
		case segments.Sparse:
			return "sparse"
		case segments.Multi:
			return "multi"
		default:
			return "regular"
		}
	}
	a, b := word(got), word(want)
	if a == "regular" {
		a, b = b, a
	}
	return Errorf(BadInput, "Conversion between %s and %s vectors failed", a, b)
}

// normalised returns v scaled to length 1 if the vector is compared by cosine.
// A vector of bytes stays as it is, because it has no room for fractions.
func normalised(spec segments.VectorSpec, v []float32) []float32 {
	if spec.Distance != segments.Cosine || spec.Datatype == segments.Uint8 {
		return v
	}
	return vector.Normalise(v)
}

// pointSize is the size of a point as MaxPointBytes counts it.
func pointSize(p payload.Object, vs []segments.Vector) int {
	n := len(p)
	for _, v := range vs {
		n += len(v.Data)
	}
	return n
}

func checkPointSize(id segments.PointID, size int) error {
	if size <= MaxPointBytes {
		return nil
	}
	return Errorf(BadInput, "point %v has %d bytes, at most %d are allowed: split its payload or its vectors", id, size, MaxPointBytes)
}
