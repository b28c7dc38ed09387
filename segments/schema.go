package segments

import (
	"cmp"
	"fmt"

	"github.com/tidemark-db/tidemark/wal"
)

// VectorKey is the identity of a vector: where in the log it was created. A
// vector that is dropped and created again under its old name is another one.
type VectorKey struct {
	Position wal.Position `json:"position"` // of the record that created the vector
	Ordinal  uint32       `json:"ordinal"`  // place among the vectors that the record created
}

// Compare orders keys by creation.
func (k VectorKey) Compare(other VectorKey) int {
	return cmp.Or(cmp.Compare(k.Position, other.Position), cmp.Compare(k.Ordinal, other.Ordinal))
}

// String returns the key as position/ordinal.
func (k VectorKey) String() string { return fmt.Sprintf("%d/%d", k.Position, k.Ordinal) }

// VectorKind says what the vectors under one name look like.
type VectorKind uint8

// The kinds of vectors. The numbers are part of the on-disk formats.
const (
	Dense  VectorKind = 1 // one row of numbers
	Sparse VectorKind = 2 // indices with a number each
	Multi  VectorKind = 3 // any number of rows
)

// String returns the kind in lower case.
func (k VectorKind) String() string { return nameOf(vectorKinds[:], uint8(k)) }

// Datatype says how a number of a vector is stored.
type Datatype uint8

// The datatypes. The numbers are part of the on-disk formats.
const (
	Float32 Datatype = 1
	Float16 Datatype = 2
	Uint8   Datatype = 3
)

// String returns the datatype in lower case.
func (d Datatype) String() string { return nameOf(datatypes[:], uint8(d)) }

// Size returns the bytes of one number, 0 for an unknown datatype.
func (d Datatype) Size() int {
	switch d {
	case Float32:
		return 4
	case Float16:
		return 2
	case Uint8:
		return 1
	}
	return 0
}

// Distance says how two vectors are compared.
type Distance uint8

// The distances. The numbers are part of the on-disk formats.
const (
	Cosine    Distance = 1
	Dot       Distance = 2
	Euclid    Distance = 3
	Manhattan Distance = 4
)

// String returns the name that clients use.
func (d Distance) String() string { return nameOf(distances[:], uint8(d)) }

var (
	vectorKinds = [...]string{"", "dense", "sparse", "multi"}
	datatypes   = [...]string{"", "float32", "float16", "uint8"}
	distances   = [...]string{"", "Cosine", "Dot", "Euclid", "Manhattan"}
)

func nameOf(names []string, n uint8) string {
	if n == 0 || int(n) >= len(names) {
		return fmt.Sprintf("unknown(%d)", n)
	}
	return names[n]
}

// VectorSpec describes one vector that points of a collection may have.
type VectorSpec struct {
	Key      VectorKey
	Name     string
	Kind     VectorKind
	Size     int // numbers in a row; 0 for sparse vectors
	Datatype Datatype
	Distance Distance
}

// Stride returns the bytes of one row of a dense or multi vector.
func (s VectorSpec) Stride() int { return s.Size * s.Datatype.Size() }

// Schema lists the vectors of a collection in the order of their creation,
// which is that of their keys.
type Schema []VectorSpec

// Find returns the vector of a name.
func (s Schema) Find(name string) (VectorSpec, bool) {
	for _, spec := range s {
		if spec.Name == name {
			return spec, true
		}
	}
	return VectorSpec{}, false
}

// ByKey returns the vector of a key.
func (s Schema) ByKey(key VectorKey) (VectorSpec, bool) {
	for _, spec := range s {
		if spec.Key == key {
			return spec, true
		}
	}
	return VectorSpec{}, false
}
