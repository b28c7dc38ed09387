package rest

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/transport"
)

// place says where in a request a vector stands, for texts about it.
type place struct {
	list  string // such as points
	index int    // in the list; notInList if list names the vector itself
	named bool   // in a map of names
}

const notInList = -1

// path returns the place of a part of the vector.
func (p place) path(part string) string {
	if p.index == notInList {
		return p.list + "." + part
	}
	if p.named {
		part = "?." + part
	}
	return fmt.Sprintf("%s[%d].vector.%s", p.list, p.index, part)
}

// badVector is the error of a vector of the wrong shape. detail may be empty.
func badVector(detail string) error {
	return &detailed{transport.NoVariant("VectorStruct"), detail}
}

// errInference says that the server computes no embeddings.
var errInference = tidemark.Errorf(tidemark.NotImplemented, "inference: vectors must be given as numbers, there is no model to compute them")

// readVectors reads the vectors of a point: a list for the unnamed one, or a
// map of names.
func (d *document) readVectors(at place) ([]tidemark.NamedVector, error) {
	start := len(d.slabs.vectors)
	switch d.dec.PeekKind() {
	case '[':
		if err := d.readNamed("", at); err != nil {
			return nil, err
		}
	case '{':
		at.named = true
		err := readObject(d.dec, "a map", func(key []byte) error {
			return d.readNamed(d.name(key), at)
		})
		if err != nil {
			return nil, err
		}
	default:
		return nil, d.refuse("")
	}
	return slices.Clip(d.slabs.vectors[start:]), nil
}

// refuse reads the next value and refuses it.
func (d *document) refuse(detail string) error {
	if _, err := d.dec.ReadValue(); err != nil {
		return err
	}
	return badVector(detail)
}

// readNamed reads one vector and appends it to the slab.
func (d *document) readNamed(name string, at place) error {
	if err := d.bill.spend(vectorCost); err != nil {
		return err
	}
	var v tidemark.VectorInput
	var err error
	switch d.dec.PeekKind() {
	case '[':
		v, err = d.readList(at)
	case '{':
		v, err = d.readSparse(at)
	case '"':
		if name == "text" || name == "model" || name == "image" || name == "object" {
			return errInference
		}
		err = d.refuse("a vector is a list of numbers, a list of such lists, or an object of indices and values")
	default:
		err = d.refuse("a vector is a list of numbers, a list of such lists, or an object of indices and values")
	}
	if err != nil {
		return err
	}
	d.slabs.vectors = append(d.slabs.vectors, tidemark.NamedVector{Name: name, Vector: v})
	return nil
}

// readList reads a dense or a multi vector.
func (d *document) readList(at place) (tidemark.VectorInput, error) {
	raw, err := d.dec.ReadValue()
	if err != nil {
		return tidemark.VectorInput{}, err
	}
	if i := skipSpace(raw, 1); raw[i] == '[' {
		return d.multi(raw, at)
	}
	v, err := d.floats(raw)
	if err == nil && len(v) == 0 {
		d.checks.Fail(at.path("vector"), "dense vector must not be empty")
	}
	return tidemark.VectorInput{Kind: segments.Dense, Dense: v}, err
}

// floats reads a list of numbers into the slab.
func (d *document) floats(raw []byte) ([]float32, error) {
	n := bytes.Count(raw, []byte{','}) + 1
	if err := d.bill.spend(int64(n) * floatCost); err != nil {
		return nil, err
	}
	start := len(d.slabs.floats)
	out, index, err := scanFloats(d.slabs.floats, raw)
	if err != nil {
		return nil, badVector(fmt.Sprintf("element %d %v", index, err))
	}
	d.slabs.floats = out
	return slices.Clip(out[start:]), nil
}

// multi reads a list of lists of numbers.
func (d *document) multi(raw []byte, at place) (tidemark.VectorInput, error) {
	v := tidemark.VectorInput{Kind: segments.Multi}
	for row := range rows(raw) {
		if row[0] != '[' {
			return v, badVector(fmt.Sprintf("row %d is no list", len(v.Multi)))
		}
		if err := d.bill.spend(rowCost); err != nil {
			return v, err
		}
		f, err := d.floats(row)
		if err != nil {
			return v, err
		}
		v.Multi = append(v.Multi, f)
	}
	for _, f := range v.Multi {
		if len(f) == 0 {
			d.checks.Fail(at.path("data"), "all vectors must be non-empty")
			break
		}
		if len(f) != len(v.Multi[0]) {
			d.checks.Fail(at.path("data"), fmt.Sprintf(
				"all vectors must have the same dimension, found vector with dimension %d", len(f)))
			break
		}
	}
	return v, nil
}

// rows yields the elements of a valid JSON array that holds arrays of numbers.
// An element that is no array is yielded from its first byte to the end.
func rows(raw []byte) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for i := 1; ; {
			i = skipSpace(raw, i)
			if raw[i] != '[' {
				yield(raw[i:])
				return
			}
			end := i + slices.Index(raw[i:], ']') + 1
			if !yield(raw[i:end]) {
				return
			}
			i = skipSpace(raw, end)
			if raw[i] == ']' {
				return
			}
			i++ // the comma
		}
	}
}

// readSparse reads a sparse vector.
func (d *document) readSparse(at place) (tidemark.VectorInput, error) {
	v := tidemark.VectorInput{Kind: segments.Sparse}
	var indices, values, model bool
	err := readObject(d.dec, "a map", func(key []byte) (err error) {
		switch string(key) {
		case "indices":
			indices = true
			v.Sparse.Indices, err = d.readIndices()
		case "values":
			values = true
			var raw jsontext.Value
			if raw, err = d.dec.ReadValue(); err == nil {
				v.Sparse.Values, err = d.floats(raw)
			}
		case "model":
			model = true
			err = d.dec.SkipValue()
		default:
			err = d.dec.SkipValue()
		}
		return err
	})
	switch {
	case err != nil:
		return v, err
	case model:
		return v, errInference
	case !indices || !values:
		return v, badVector("a sparse vector needs indices and values")
	}
	checkSparse(&d.checks, at, v.Sparse)
	return v, nil
}

func checkSparse(c *transport.Checks, at place, v tidemark.SparseInput) {
	if len(v.Indices) != len(v.Values) {
		c.Fail(at.path("values"), "Validation error: must be the same length as indices [{}]")
	}
	sorted := slices.Sorted(slices.Values(v.Indices))
	if len(slices.Compact(sorted)) != len(v.Indices) {
		c.Fail(at.path("indices"), "Validation error: must be unique [{}]")
	}
}

// readIndices reads a list of 32-bit integers into the slab.
func (d *document) readIndices() ([]uint32, error) {
	start := len(d.slabs.indices)
	if d.dec.PeekKind() != '[' {
		return nil, d.refuse("indices are a list of integers")
	}
	if err := d.bill.spend(int64(arrayLength(d.dec)) * indexCost); err != nil {
		return nil, err
	}
	err := readArray(d.dec, "a sequence", func(i int) error {
		raw, err := d.dec.ReadValue()
		if err != nil {
			return err
		}
		n, err := strconv.ParseUint(string(raw), 10, 32)
		if err != nil {
			return badVector(fmt.Sprintf("index %d is no integer from 0 to %d", i, uint32(math.MaxUint32)))
		}
		d.slabs.indices = append(d.slabs.indices, uint32(n))
		return nil
	})
	return slices.Clip(d.slabs.indices[start:]), err
}
