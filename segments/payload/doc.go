// Package payload holds the payload of a point, a JSON object, in its one
// canonical binary form, and everything that works on these bytes: building,
// checking, walking, paths, patches and selections.
//
// Two payloads are equal exactly if their bytes are: keys are sorted by their
// UTF-8 bytes and unique, every length has its shortest form, and a number has
// one encoding. Integers and floats are different values, null is a value, and
// the empty object as a whole payload is no bytes at all.
//
// Events, heads, segments and snapshots store these bytes as they are, and
// filters read them where they lie, without decoding or allocating. The
// enclosing formats carry a version; this encoding has none of its own.
// docs/format/payload.md describes it.
package payload

import (
	"errors"
	"fmt"
)

// MaxDepth is how many containers may lie inside each other; the payload
// itself is the first.
const MaxDepth = 128

// Errors of Builder and Validate, to be tested with errors.Is.
var (
	// ErrTooDeep says that containers are nested more than MaxDepth deep.
	ErrTooDeep = fmt.Errorf("the payload is nested more than %d levels deep", MaxDepth)
	// ErrTooLarge says that a value is larger than Builder.MaxBytes.
	ErrTooLarge = errors.New("the payload is too large")
	// ErrNotFinite says that a float is NaN or infinite.
	ErrNotFinite = errors.New("a number in the payload is not finite")
	// ErrNotUTF8 says that a key or string is not valid UTF-8.
	ErrNotUTF8 = errors.New("a text in the payload is not valid UTF-8")
	// ErrMisuse says that the methods of a Builder were called in an order
	// that makes no value.
	ErrMisuse = errors.New("the calls do not make a payload value")
	// ErrNotCanonical says that bytes are not what a Builder writes.
	ErrNotCanonical = errors.New("the payload is not in canonical form")
)

// DuplicateKeyError says that an object has a key twice.
type DuplicateKeyError struct{ Key string }

// Error implements error.
func (e *DuplicateKeyError) Error() string {
	return fmt.Sprintf("duplicate key %q in the payload", e.Key)
}
