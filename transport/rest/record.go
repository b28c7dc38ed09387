package rest

import (
	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/segments/payload"
)

// shape says what of a point an answer shows.
type shape struct {
	payload payload.Selector
	vectors []segments.VectorSpec // nil shows none, and no map of vectors
}

// shapeOf returns the shape that a request asks for, given the vectors that the
// collection has.
func shapeOf(schema segments.Schema, p payload.Selector, v vectorSelector) (shape, error) {
	s := shape{payload: p}
	switch {
	case v.all:
		s.vectors = append([]segments.VectorSpec{}, schema...)
	case v.names != nil:
		s.vectors = []segments.VectorSpec{}
		for _, name := range v.names {
			spec, ok := schema.Find(name)
			if !ok {
				return s, tidemark.Errorf(tidemark.BadInput, "Not existing vector name error: %s", name)
			}
			s.vectors = append(s.vectors, spec)
		}
	}
	return s, nil
}

// writeRow writes a point.
func (s *shape) writeRow(a *answer, row segments.Row) (err error) {
	if a.b, err = s.appendRow(append(a.b, '{'), row); err == nil {
		a.b = append(a.b, '}')
	}
	return err
}

// appendRow appends the fields of a point, without the braces around them.
func (s *shape) appendRow(dst []byte, row segments.Row) ([]byte, error) {
	dst = appendID(append(dst, `"id":`...), row.ID())
	if s.payload.Kind != payload.SelectNone {
		p, err := row.Payload()
		if err != nil {
			return dst, err
		}
		dst = appendPayload(append(dst, `,"payload":`...), payload.Select(p, s.payload))
	}
	if s.vectors == nil {
		return dst, nil
	}
	return s.appendVectors(append(dst, `,"vector":`...), row)
}

// appendVectors appends the vectors of a point: a list if it has only the
// unnamed one, else a map of names.
func (s *shape) appendVectors(dst []byte, row segments.Row) ([]byte, error) {
	start := len(dst)
	dst = append(dst, '{')
	sep := false
	found, unnamed := 0, 0 // unnamed is where the data of that vector begins
	for _, spec := range s.vectors {
		data, ok, err := row.Vector(spec.Key)
		if err != nil {
			return dst, err
		}
		if !ok {
			continue
		}
		found++
		dst = append(appendText(appendComma(dst, &sep), spec.Name), ':')
		if spec.Name == "" {
			unnamed = len(dst)
		}
		if dst, err = appendVector(dst, spec, data); err != nil {
			return dst, err
		}
	}
	if found == 1 && unnamed > 0 {
		return dst[:start+copy(dst[start:], dst[unnamed:])], nil
	}
	return append(dst, '}'), nil
}

// appendVector appends the JSON of a stored vector.
func appendVector(dst []byte, spec segments.VectorSpec, data []byte) ([]byte, error) {
	switch spec.Kind {
	case segments.Sparse:
		indices, values, err := segments.DecodeSparse(spec.Datatype, data)
		if err != nil {
			return dst, err
		}
		dst = appendUints(append(dst, `{"indices":`...), indices)
		dst = appendFloats(append(dst, `,"values":`...), values)
		return append(dst, '}'), nil
	case segments.Multi:
		rows, err := segments.DecodeMulti(spec.Datatype, spec.Size, data)
		if err != nil {
			return dst, err
		}
		dst = append(dst, '[')
		sep := false
		for _, row := range rows {
			dst = appendFloats(appendComma(dst, &sep), row)
		}
		return append(dst, ']'), nil
	}
	values, err := segments.DecodeDense(spec.Datatype, data, nil)
	return appendFloats(dst, values), err
}
