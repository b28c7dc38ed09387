package transport

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/tidemark-db/tidemark"
)

// Shown is an error as a client sees it.
type Shown struct {
	Status int    // HTTP status
	Text   string // with the prefix of its kind
}

// rules tells how errors of each kind are shown.
var rules = map[tidemark.Kind]Shown{
	tidemark.Internal:         {500, "Service internal error: "},
	tidemark.BadInput:         {400, "Wrong input: "},
	tidemark.BadRequest:       {400, "Bad request: "},
	tidemark.NotFound:         {404, "Not found: "},
	tidemark.AlreadyExists:    {409, "Wrong input: "},
	tidemark.Forbidden:        {403, "Forbidden: "},
	tidemark.Timeout:          {408, "Timeout: "},
	tidemark.Unavailable:      {503, "Shard temporarily unavailable: "},
	tidemark.ChecksumMismatch: {400, "Checksum mismatch: "},
	tidemark.NotImplemented:   {501, "Not implemented: "},
}

// hidden is what a client is told about a fault that is none of his.
const hidden = "an unexpected error; the log of the server has the details"

// Show returns how err is shown. Only texts that were written for clients
// leave the server: a cause and an error of an unknown type are for the log.
func Show(err error) Shown {
	var invalid *Invalid
	if errors.As(err, &invalid) {
		return Shown{422, invalid.Error()}
	}
	var param *ParamError
	if errors.As(err, &param) {
		return Shown{400, param.Error()}
	}
	var e *tidemark.Error
	if errors.As(err, &e) && e.Kind != tidemark.Internal {
		return shownAs(e.Kind, e.Text+because(err, e))
	}
	if shown, ok := ofMachine(err); ok {
		return shown
	}
	if e != nil {
		return shownAs(e.Kind, e.Text)
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return shownAs(tidemark.Timeout, "the operation did not finish within its timeout")
	case errors.Is(err, context.Canceled):
		return shownAs(tidemark.Unavailable, "the request was cancelled; a write may still have taken place")
	}
	return shownAs(tidemark.Internal, hidden)
}

// because adds to an error with a text of its own what of the machine brought it
// about, if its text does not say so: that a log could not be written or applied
// any more.
func because(err error, e *tidemark.Error) string {
	if lack := lackOf(err); lack != "" && ofLog(err) {
		return " (" + lack + ")"
	}
	if damage := damageOf(err); damage != "" && e.Kind == tidemark.Unavailable {
		return ": " + damage
	}
	return ""
}

// shownAs returns a text with the status and the prefix of its kind.
func shownAs(k tidemark.Kind, text string) Shown {
	r, ok := rules[k]
	if !ok {
		r = rules[tidemark.Internal]
	}
	return Shown{r.Status, r.Text + text}
}

// Place names the part of a request that a validation speaks of.
type Place string

// The parts of a request.
const (
	InBody  Place = "JSON body"
	InPath  Place = "path parameters"
	InQuery Place = "query parameters"
)

// Invalid says that a request was well-formed but has values out of range.
type Invalid struct {
	Place  Place
	Fields []FieldError
}

// FieldError is what is wrong with one field.
type FieldError struct{ Path, Text string }

// Error implements error in the form that clients know.
func (e *Invalid) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Validation error in %s: [", e.Place)
	for i, f := range e.Fields {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(f.Path + ": " + f.Text)
	}
	b.WriteByte(']')
	return b.String()
}

// Checks collects what is wrong with the fields of a request. The zero value
// is ready.
type Checks struct{ fields []FieldError }

// maxReported bounds an error text: a body may hold a million bad points.
const maxReported = 16

// Fail notes that the field at path is wrong.
func (c *Checks) Fail(path, text string) {
	if len(c.fields) < maxReported {
		c.fields = append(c.fields, FieldError{path, text})
	}
}

// Failed reports whether anything is wrong so far.
func (c *Checks) Failed() bool { return len(c.fields) > 0 }

// Err returns what is wrong as an *Invalid, or nil.
func (c *Checks) Err(place Place) error {
	if len(c.fields) == 0 {
		return nil
	}
	return &Invalid{place, c.fields}
}

// integer is any integer.
type integer interface {
	~int | ~uint8 | ~uint32 | ~uint64 | ~int64
}

// AtLeast notes an error unless v is nil or min or more.
func AtLeast[T integer](c *Checks, path string, v *T, min T) {
	if v != nil && *v < min {
		c.Fail(path, fmt.Sprintf("value %d invalid, must be %d or larger", *v, min))
	}
}

// Between notes an error unless v is nil or lies from min to max.
func Between[T integer](c *Checks, path string, v *T, min, max T) {
	if v != nil && (*v < min || *v > max) {
		c.Fail(path, fmt.Sprintf("value %d invalid, must be from %d to %d", *v, min, max))
	}
}

// BetweenFloats is Between for floats; limits are shown with one decimal.
func BetweenFloats[T ~float32 | ~float64](c *Checks, path string, v *T, min, max T) {
	if v != nil && !(*v >= min && *v <= max) {
		c.Fail(path, fmt.Sprintf("value %v invalid, must be from %.1f to %.1f", float64(*v), min, max))
	}
}

// ShapeError says that a value has not the shape that the protocol asks for.
// Who knows where the value stands adds that.
type ShapeError string

// Error implements error.
func (e ShapeError) Error() string { return string(e) }

// NoVariant is the ShapeError of a value that fits none of the forms that the
// named type has.
func NoVariant(name string) ShapeError {
	return ShapeError("data did not match any variant of untagged enum " + name)
}

// SHA256 notes an error unless text is a SHA-256 in hex.
func (c *Checks) SHA256(path, text string) {
	if _, err := hex.DecodeString(text); err != nil || len(text) != 2*sha256.Size {
		c.Fail(path, fmt.Sprintf("Validation error: invalid_sha256_hash [{\"expected_length\": 64, \"length\": %d}]", len(text)))
	}
}
