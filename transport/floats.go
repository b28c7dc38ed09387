package transport

import (
	"bytes"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// Float64 and Float32 are floats that stay floats in JSON: 2 is written as 2.0,
// as clients sent it and as the reference shows it.
type (
	Float64 float64
	Float32 float32
)

// MarshalJSONTo implements json.MarshalerTo.
func (f Float64) MarshalJSONTo(enc *jsontext.Encoder) error {
	return enc.WriteValue(floatJSON(float64(f), 64))
}

// MarshalJSONTo implements json.MarshalerTo.
func (f Float32) MarshalJSONTo(enc *jsontext.Encoder) error {
	return enc.WriteValue(floatJSON(float64(f), 32))
}

func floatJSON(f float64, bits int) jsontext.Value {
	b := strconv.AppendFloat(nil, f, 'g', -1, bits)
	if !bytes.ContainsAny(b, ".e") {
		b = append(b, ".0"...)
	}
	return b
}
