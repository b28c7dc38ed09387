package tidemark

import (
	"errors"
	"fmt"
)

// Kind classifies an Error for callers that must choose, such as a transport
// that picks a status code.
type Kind uint8

// The kinds of Error.
const (
	Internal         Kind = iota // a fault of ours or of the machine
	BadInput                     // the request contradicts the collection or itself
	BadRequest                   // the request is incomplete or not supported
	NotFound                     // a collection, alias, point or snapshot is not there
	AlreadyExists                // a name is taken
	Forbidden                    // not allowed by configuration
	Timeout                      // the deadline of the request passed
	Unavailable                  // cannot be done now: recovering, read-only, over budget
	ChecksumMismatch             // given and computed checksums differ
	NotImplemented               // known, but not part of this version
)

var kindNames = [...]string{
	"internal", "bad input", "bad request", "not found", "already exists", "forbidden",
	"timeout", "unavailable", "checksum mismatch", "not implemented",
}

// String returns the kind in words.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Error is an error with a text that is meant for the one who sent the
// request. It hides nothing that he needs and names nothing of the host.
type Error struct {
	Kind Kind
	Text string
	Err  error // the cause, for the log; may be nil
}

// Error implements error.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Text
	}
	return e.Text + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error without a cause.
func Errorf(k Kind, format string, args ...any) *Error {
	return &Error{Kind: k, Text: fmt.Sprintf(format, args...)}
}

// KindOf returns the kind of the first Error in err's chain, else Internal.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}
