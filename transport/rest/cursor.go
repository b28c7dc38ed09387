package rest

import (
	"bytes"
	"errors"
	"io"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/tidemark-db/tidemark/transport"
)

// The functions of this file walk a document without building a tree. They
// return transport.ShapeError for what is well-formed and not wanted; where in
// the document that was, the caller learns from the decoder.

// readObject calls field for each field of the next value, which must be an
// object. field must read the value. The key is valid until then.
func readObject(dec *jsontext.Decoder, expected string, field func(key []byte) error) error {
	if dec.PeekKind() != '{' {
		return mismatch(dec, expected)
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != '}' {
		raw, err := dec.ReadValue()
		if err != nil {
			return err
		}
		key, err := unquote(raw)
		if err != nil {
			return err
		}
		if err := field(key); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}

// readArray calls element before each element of the next value, which must be
// an array. element must read the value.
func readArray(dec *jsontext.Decoder, expected string, element func(i int) error) error {
	if dec.PeekKind() != '[' {
		return mismatch(dec, expected)
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for i := 0; dec.PeekKind() != ']'; i++ {
		if err := element(i); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}

// skipNull reads the next value if it is null and reports whether it was.
func skipNull(dec *jsontext.Decoder) bool {
	if dec.PeekKind() != 'n' {
		return false
	}
	_, err := dec.ReadToken()
	return err == nil
}

func readString(dec *jsontext.Decoder, expected string) (string, error) {
	if dec.PeekKind() != '"' {
		return "", mismatch(dec, expected)
	}
	raw, err := dec.ReadValue()
	if err != nil {
		return "", err
	}
	s, err := unquote(raw)
	return string(s), err
}

// readStrings reads an array of strings.
func readStrings(dec *jsontext.Decoder, b *bill) ([]string, error) {
	out := []string{}
	err := readArray(dec, "a sequence", func(int) error {
		if err := b.spend(pathCost); err != nil {
			return err
		}
		s, err := readString(dec, "a string")
		out = append(out, s)
		return err
	})
	return out, err
}

func readBool(dec *jsontext.Decoder) (bool, error) {
	switch dec.PeekKind() {
	case 't', 'f':
		t, err := dec.ReadToken()
		return err == nil && t.Bool(), err
	}
	return false, mismatch(dec, "a boolean")
}

// readUint reads an integer from 0 to max, which expected names.
func readUint(dec *jsontext.Decoder, expected string, max uint64) (uint64, error) {
	if dec.PeekKind() != '0' {
		return 0, mismatch(dec, expected)
	}
	raw, err := dec.ReadValue()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(string(raw), 10, 64)
	if err != nil || n > max {
		return 0, wrongValue(raw, expected)
	}
	return n, nil
}

func readFloat(dec *jsontext.Decoder) (float64, error) {
	if dec.PeekKind() != '0' {
		return 0, mismatch(dec, "f64")
	}
	raw, err := dec.ReadValue()
	if err != nil {
		return 0, err
	}
	f, err := parseFloat64(raw)
	if err != nil || math.IsInf(f, 0) {
		return 0, transport.ShapeError("number out of range: " + string(raw))
	}
	return f, nil
}

// unquote returns the text of a JSON string; without escapes it is a view.
func unquote(raw jsontext.Value) ([]byte, error) {
	if len(raw) >= 2 && bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1], nil
	}
	return jsontext.AppendUnquote(nil, raw)
}

// mismatch says that the next value is not what was expected. It reads the
// value, so that a syntax error in it comes first.
func mismatch(dec *jsontext.Decoder, expected string) error {
	raw, err := dec.ReadValue()
	if err != nil {
		return err
	}
	return wrongValue(raw, expected)
}

// integerTypes are the names of integers in error texts.
var integerTypes = [...]string{"usize", "u8", "u32", "u64", "i64"}

// wrongValue describes raw as clients of the reference know it.
func wrongValue(raw jsontext.Value, expected string) error {
	kind := "type"
	if raw.Kind() == '0' && isInteger(raw) && slices.Contains(integerTypes[:], expected) {
		kind = "value" // an integer out of range
	}
	return transport.ShapeError("invalid " + kind + ": " + describe(raw) + ", expected " + expected)
}

// describe names a value and its kind.
func describe(raw jsontext.Value) string {
	switch raw.Kind() {
	case 'n':
		return "null"
	case 't', 'f':
		return "boolean `" + string(raw) + "`"
	case '"':
		return "string " + abbreviate(string(raw))
	case '{':
		return "map"
	case '[':
		return "sequence"
	}
	if isInteger(raw) {
		return "integer `" + abbreviate(string(raw)) + "`"
	}
	return "floating point `" + abbreviate(string(raw)) + "`"
}

// isInteger reports whether a JSON number has neither point nor exponent.
func isInteger(raw []byte) bool { return !bytes.ContainsAny(raw, ".eE") }

// abbreviate bounds what an error text repeats of a request.
func abbreviate(s string) string {
	const limit = 100
	if len(s) <= limit {
		return s
	}
	cut := limit
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// atEnd returns an error unless nothing but space follows.
func atEnd(dec *jsontext.Decoder) error {
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return errTrailing
	}
	return nil
}

// errTrailing says that something follows the value of a document.
const errTrailing = transport.ShapeError("trailing characters")
