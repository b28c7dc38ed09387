package payload

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"
)

// Validate checks bytes from outside completely: it accepts exactly what
// Builder.Object returns, no bytes included.
func Validate(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	if b[0] != tagObject {
		return fmt.Errorf("%w: it does not begin an object", ErrNotCanonical)
	}
	if err := ValidateValue(b); err != nil {
		return err
	}
	if Value(b).Len() == 0 {
		return fmt.Errorf("%w: an empty payload has no bytes", ErrNotCanonical)
	}
	return nil
}

// ValidateValue checks bytes from outside completely: it accepts exactly what
// Builder.Value returns.
func ValidateValue(b []byte) error {
	rest, err := validate(b, 0)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return fmt.Errorf("%w: %d bytes after its end", ErrNotCanonical, len(rest))
	}
	return nil
}

var errCut = fmt.Errorf("%w: it ends too early", ErrNotCanonical)

// validate checks the value at the start of b, which lies in depth containers,
// and returns what follows it.
func validate(b []byte, depth int) (rest []byte, err error) {
	if len(b) == 0 {
		return nil, errCut
	}
	switch tag := b[0]; tag {
	case tagNull, tagFalse, tagTrue:
		return b[1:], nil
	case tagInt, tagUint, tagFloat:
		return validateNumber(b)
	case tagString:
		text, rest, err := validateLength(b[1:])
		if err == nil && !utf8.Valid(text) {
			err = ErrNotUTF8
		}
		return rest, err
	case tagArray, tagObject:
		body, rest, err := validateLength(b[1:])
		if err != nil {
			return nil, err
		}
		if depth == MaxDepth {
			return nil, ErrTooDeep
		}
		return rest, validateContents(body, tag == tagObject, depth+1)
	default:
		return nil, fmt.Errorf("%w: unknown tag %#02x", ErrNotCanonical, tag)
	}
}

func validateNumber(b []byte) (rest []byte, err error) {
	if len(b) < numberSize {
		return nil, errCut
	}
	bits := binary.LittleEndian.Uint64(b[1:])
	switch b[0] {
	case tagUint:
		if bits <= math.MaxInt64 {
			return nil, fmt.Errorf("%w: a small integer stored as a large one", ErrNotCanonical)
		}
	case tagFloat:
		if f := math.Float64frombits(bits); math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, ErrNotFinite
		}
	}
	return b[numberSize:], nil
}

// validateContents checks a count and the values, with their keys if object.
func validateContents(b []byte, object bool, depth int) error {
	count, b, err := validateUvarint(b)
	if err != nil {
		return err
	}
	var last []byte
	for i := range count {
		if object {
			key, rest, err := validateLength(b)
			switch {
			case err != nil:
				return err
			case !utf8.Valid(key):
				return ErrNotUTF8
			case i > 0 && bytes.Compare(last, key) >= 0:
				return fmt.Errorf("%w: key %q does not come after key %q", ErrNotCanonical, key, last)
			}
			last, b = key, rest
		}
		if b, err = validate(b, depth); err != nil {
			return err
		}
	}
	if len(b) > 0 {
		return fmt.Errorf("%w: a container of %d values goes on after them", ErrNotCanonical, count)
	}
	return nil
}

// validateLength splits b into the bytes whose length it begins with and what
// follows them.
func validateLength(b []byte) (part, rest []byte, err error) {
	n, b, err := validateUvarint(b)
	if err != nil {
		return nil, nil, err
	}
	if n > uint64(len(b)) {
		return nil, nil, errCut
	}
	return b[:n], b[n:], nil
}

// validateUvarint reads a varint in its shortest form.
func validateUvarint(b []byte) (n uint64, rest []byte, err error) {
	n, w := binary.Uvarint(b)
	switch {
	case w == 0:
		return 0, nil, errCut
	case w < 0 || w > 1 && b[w-1] == 0:
		return 0, nil, fmt.Errorf("%w: a length is not in its shortest form", ErrNotCanonical)
	}
	return n, b[w:], nil
}
