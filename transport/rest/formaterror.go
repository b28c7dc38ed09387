package rest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/segments/payload"
	"github.com/tidemark-db/tidemark/transport"
)

// formatError says that a body is no JSON, or not of the shape that the route
// asks for, and where.
type formatError struct {
	text         string
	line, column int
	pointer      jsontext.Pointer // "" is the whole document
	detail       string           // what text does not say; may be empty
}

// Error implements error. What follows " at line" is ours.
func (e *formatError) Error() string {
	s := fmt.Sprintf("Format error in JSON body: %s at line %d column %d", e.text, e.line, e.column)
	if e.pointer != "" {
		s += " (" + abbreviate(string(e.pointer)) + ")"
	}
	if e.detail != "" {
		s += ": " + e.detail
	}
	return s
}

// detailed is a ShapeError that says more than the text that clients know.
type detailed struct {
	transport.ShapeError
	detail string
}

// located turns what decoding body returned into what the client is told.
// Errors of the engine's kind and failed validations pass as they are.
func located(body []byte, dec *jsontext.Decoder, err error) error {
	var engine *tidemark.Error
	var invalid *transport.Invalid
	if err == nil || errors.As(err, &engine) || errors.As(err, &invalid) {
		return err
	}
	f := &formatError{pointer: dec.StackPointer()}
	offset := dec.InputOffset()
	var syntactic *jsontext.SyntacticError
	var semantic *json.SemanticError
	switch {
	case errors.As(err, &semantic):
		offset, f.pointer = semantic.ByteOffset, semantic.JSONPointer
		f.text = semanticText(body, semantic)
	case errors.As(err, &syntactic):
		offset, f.pointer = syntactic.ByteOffset, syntactic.JSONPointer
		f.text = syntaxText(dec, syntactic.Err)
		if errors.Is(syntactic.Err, jsontext.ErrDuplicateName) {
			f.text = fmt.Sprintf("duplicate key `%s`", f.pointer.LastToken())
		}
	default:
		f.text = syntaxText(dec, err)
	}
	var d *detailed
	if errors.As(err, &d) {
		f.detail = d.detail
	}
	f.line, f.column = lineColumn(body, offset)
	return f
}

// lineColumn counts lines from 1 and columns in bytes, as the reference does.
func lineColumn(body []byte, offset int64) (line, column int) {
	before := body[:min(max(offset, 0), int64(len(body)))]
	return 1 + bytes.Count(before, []byte{'\n'}), len(before) - 1 - bytes.LastIndexByte(before, '\n')
}

// semanticText words the errors of decoding into a struct.
func semanticText(body []byte, e *json.SemanticError) string {
	if text, ok := ownText(e.Err); ok {
		return text
	}
	expected := "another type"
	if e.GoType != nil {
		expected = expectedOf(e.GoType)
	}
	if e.JSONValue != nil {
		return wrongValue(e.JSONValue, expected).Error()
	}
	rest := body[min(max(e.ByteOffset, 0), int64(len(body))):]
	value, err := jsontext.NewDecoder(bytes.NewBuffer(rest)).ReadValue()
	if err != nil {
		return "invalid type, expected " + expected
	}
	return wrongValue(value, expected).Error()
}

// ownText returns the text of an error that our own decoders returned.
func ownText(err error) (string, bool) {
	var d *detailed
	var shape transport.ShapeError
	var path *payload.PathError
	switch {
	case errors.As(err, &d):
		return string(d.ShapeError), true
	case errors.As(err, &shape):
		return string(shape), true
	case errors.As(err, &path):
		return path.Error(), true
	case isFilterError(err):
		return err.Error(), true
	}
	return "", false
}

func expectedOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Uint64, reflect.Uint:
		return "usize"
	case reflect.Uint8:
		return "u8"
	case reflect.Uint32:
		return "u32"
	case reflect.Int64:
		return "i64"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Bool:
		return "a boolean"
	case reflect.String:
		return "a string"
	case reflect.Slice, reflect.Array:
		return "a sequence"
	case reflect.Pointer:
		return expectedOf(t.Elem())
	}
	return "a map"
}

// syntaxText words the errors of reading JSON.
func syntaxText(dec *jsontext.Decoder, err error) string {
	if text, ok := ownText(err); ok {
		return text
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return "EOF while parsing " + openContainer(dec)
	}
	if text := err.Error(); !strings.Contains(text, "at start of value") {
		return strings.TrimPrefix(text, "jsontext: ")
	}
	return "expected value"
}

// openContainer names what dec stands in.
func openContainer(dec *jsontext.Decoder) string {
	switch kind, _ := dec.StackIndex(dec.StackDepth()); kind {
	case '{':
		return "an object"
	case '[':
		return "a list"
	}
	return "a value"
}
