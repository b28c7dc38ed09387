package rest

import (
	"errors"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/segments/payload"
	"github.com/tidemark-db/tidemark/transport"
)

// readPayload reads a payload, straight into the form in which it is stored. A
// null is the empty payload.
func (d *document) readPayload() (payload.Object, error) {
	if skipNull(d.dec) {
		return nil, nil
	}
	if d.dec.PeekKind() != '{' {
		return nil, mismatch(d.dec, "a map")
	}
	d.builder.Reset()
	if err := buildValue(d.dec, &d.builder); err != nil {
		return nil, err
	}
	o, err := d.builder.Object()
	if err != nil {
		return nil, err
	}
	return o, d.bill.spend(payloadFactor * int64(len(o)))
}

// buildValue adds the next value to b.
func buildValue(dec *jsontext.Decoder, b *payload.Builder) error {
	switch dec.PeekKind() {
	case '{':
		return buildObject(dec, b)
	case '[':
		return buildArray(dec, b)
	}
	raw, err := dec.ReadValue()
	if err != nil {
		return err
	}
	switch raw.Kind() {
	case 'n':
		b.Null()
	case 't', 'f':
		b.Bool(raw[0] == 't')
	case '"':
		text, err := unquote(raw)
		if err != nil {
			return err
		}
		b.StringBytes(text)
	default:
		return buildNumber(raw, b)
	}
	return buildError(b)
}

func buildObject(dec *jsontext.Decoder, b *payload.Builder) error {
	b.BeginObject()
	if err := buildError(b); err != nil {
		return err
	}
	err := readObject(dec, "a map", func(key []byte) error {
		b.KeyBytes(key)
		return buildValue(dec, b)
	})
	if err != nil {
		return err
	}
	b.End()
	return buildError(b)
}

func buildArray(dec *jsontext.Decoder, b *payload.Builder) error {
	b.BeginArray()
	if err := buildError(b); err != nil {
		return err
	}
	err := readArray(dec, "a sequence", func(int) error { return buildValue(dec, b) })
	if err != nil {
		return err
	}
	b.End()
	return buildError(b)
}

// buildNumber adds a number: an integer if it is written as one and fits 64
// bits, else a float.
func buildNumber(raw []byte, b *payload.Builder) error {
	if isInteger(raw) && string(raw) != "-0" {
		if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
			b.Int(n)
			return buildError(b)
		}
		if n, err := strconv.ParseUint(string(raw), 10, 64); err == nil {
			b.Uint(n)
			return buildError(b)
		}
	}
	f, err := parseFloat64(raw)
	if err != nil {
		return transport.ShapeError("number out of range: " + abbreviate(string(raw)))
	}
	b.Float(f)
	return buildError(b)
}

// buildError returns the first error of b as one that a client understands.
func buildError(b *payload.Builder) error {
	err := b.Err()
	if errors.Is(err, payload.ErrTooLarge) {
		return tidemark.Errorf(tidemark.BadInput, "the payload of a point has more than %d bytes: split it", tidemark.MaxPointBytes)
	}
	if err != nil {
		return transport.ShapeError("payload: " + err.Error())
	}
	return nil
}

// appendPayload appends the JSON of a payload.
func appendPayload(dst []byte, o payload.Object) []byte {
	if o.IsEmpty() {
		return append(dst, "{}"...)
	}
	return appendValue(dst, o.Value())
}

// appendValue appends the JSON of v.
func appendValue(dst []byte, v payload.Value) []byte {
	switch v.Kind() {
	case payload.KindBool:
		return strconv.AppendBool(dst, v.Bool())
	case payload.KindInt:
		return strconv.AppendInt(dst, v.Int(), 10)
	case payload.KindUint:
		return strconv.AppendUint(dst, v.Uint(), 10)
	case payload.KindFloat:
		return appendFloat64(dst, v.Float())
	case payload.KindString:
		return appendText(dst, v.Str())
	case payload.KindArray:
		dst = append(dst, '[')
		sep := false
		for e := range v.Elements() {
			dst = appendValue(appendComma(dst, &sep), e)
		}
		return append(dst, ']')
	case payload.KindObject:
		dst = append(dst, '{')
		sep := false
		for key, e := range v.Fields() {
			dst = append(appendText(appendComma(dst, &sep), key), ':')
			dst = appendValue(dst, e)
		}
		return append(dst, '}')
	}
	return append(dst, "null"...)
}

// appendComma appends a comma unless it is asked for the first time.
func appendComma(dst []byte, sep *bool) []byte {
	if *sep {
		dst = append(dst, ',')
	}
	*sep = true
	return dst
}

// appendText appends s as a JSON string. All texts of the server are valid
// UTF-8; if one is not, the replacement character stands for what is wrong.
func appendText[T []byte | string](dst []byte, s T) []byte {
	dst, _ = jsontext.AppendQuote(dst, s)
	return dst
}
