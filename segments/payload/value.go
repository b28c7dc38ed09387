package payload

import (
	"encoding/binary"
	"iter"
	"math"
)

// Value is one value in canonical form: exactly its bytes and no more. It is a
// view of bytes that somebody else owns; nobody modifies them. Only bytes that
// Validate accepts, or that this package made, may be used as a Value.
type Value []byte

// Kind says what a Value is.
type Kind uint8

// The kinds of values.
const (
	KindNull   Kind = iota
	KindBool        // true or false
	KindInt         // an integer that an int64 holds
	KindUint        // an integer above math.MaxInt64
	KindFloat       // a finite float64
	KindString      // UTF-8 text
	KindArray       // values in order
	KindObject      // values by key
)

// The tag is the first byte of a value. 0 is none, so that zeroed bytes are no
// value.
const (
	tagNull   = 0x01
	tagFalse  = 0x02
	tagTrue   = 0x03
	tagInt    = 0x04
	tagUint   = 0x05
	tagFloat  = 0x06
	tagString = 0x07
	tagArray  = 0x08
	tagObject = 0x09
)

const numberSize = 1 + 8

// kinds maps a tag to its kind.
var kinds = [...]Kind{
	0, KindNull, KindBool, KindBool, KindInt, KindUint, KindFloat, KindString, KindArray, KindObject,
}

// Kind returns what v is.
func (v Value) Kind() Kind { return kinds[v[0]] }

// Bool returns the truth of a KindBool, false for every other kind.
func (v Value) Bool() bool { return v[0] == tagTrue }

// Int returns the number of a KindInt, 0 for every other kind.
func (v Value) Int() int64 {
	if v[0] != tagInt {
		return 0
	}
	return int64(binary.LittleEndian.Uint64(v[1:]))
}

// Uint returns the number of a KindUint, 0 for every other kind.
func (v Value) Uint() uint64 {
	if v[0] != tagUint {
		return 0
	}
	return binary.LittleEndian.Uint64(v[1:])
}

// Float returns the number of a KindFloat, 0 for every other kind.
func (v Value) Float() float64 {
	if v[0] != tagFloat {
		return 0
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(v[1:]))
}

// Number returns v as a float64 if v is a number of any kind. Integers beyond
// 2^53 are rounded.
func (v Value) Number() (float64, bool) {
	switch v[0] {
	case tagFloat:
		return v.Float(), true
	case tagInt:
		return float64(v.Int()), true
	case tagUint:
		return float64(v.Uint()), true
	default:
		return 0, false
	}
}

// Str returns the text of a KindString, a view; nil for every other kind.
func (v Value) Str() []byte {
	if v[0] != tagString {
		return nil
	}
	return v.body()
}

// Len returns how many elements or fields an array or object has, 0 for every
// other kind.
func (v Value) Len() int {
	if v[0] != tagArray && v[0] != tagObject {
		return 0
	}
	n, _ := uvarint(v.body())
	return int(n)
}

// Elements iterates over the elements of an array. Other kinds have none.
func (v Value) Elements() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		for c := v.cursor(tagArray); c.left > 0; {
			if !yield(c.value()) {
				return
			}
		}
	}
}

// Fields iterates over the fields of an object in the order of its keys. Other
// kinds have none. Keys are views.
func (v Value) Fields() iter.Seq2[[]byte, Value] {
	return func(yield func([]byte, Value) bool) {
		for c := v.cursor(tagObject); c.left > 0; {
			key := c.key()
			if !yield(key, c.value()) {
				return
			}
		}
	}
}

// Field returns the field of an object. Other kinds have none.
func (v Value) Field(key string) (Value, bool) {
	for c := v.cursor(tagObject); c.left > 0; {
		k := c.key()
		value := c.value()
		if string(k) >= key { // keys ascend
			return value, string(k) == key
		}
	}
	return nil, false
}

// Element returns the element of an array at i, counted from 0. Other kinds
// have none.
func (v Value) Element(i uint64) (Value, bool) {
	c := v.cursor(tagArray)
	if i >= uint64(c.left) {
		return nil, false
	}
	for ; i > 0; i-- {
		c.value()
	}
	return c.value(), true
}

// body returns what follows the length of a string, array or object.
func (v Value) body() []byte {
	_, w := uvarint(v[1:])
	return v[1+w:]
}

// cursor walks the contents of a container.
type cursor struct {
	rest []byte
	left int // values not yet returned
}

// cursor returns a cursor over v's contents, one without any if v has another
// tag.
func (v Value) cursor(tag byte) cursor {
	if v[0] != tag {
		return cursor{}
	}
	body := v.body()
	n, w := uvarint(body)
	return cursor{rest: body[w:], left: int(n)}
}

func (c *cursor) value() Value {
	n := size(c.rest)
	v := Value(c.rest[:n:n])
	c.rest = c.rest[n:]
	c.left--
	return v
}

func (c *cursor) key() []byte {
	n, w := uvarint(c.rest)
	end := w + int(n)
	k := c.rest[w:end:end]
	c.rest = c.rest[end:]
	return k
}

// size returns how many bytes the value at the start of b takes.
func size(b []byte) int {
	switch tag := b[0]; {
	case tag < tagInt:
		return 1
	case tag < tagString:
		return numberSize
	default:
		n, w := uvarint(b[1:])
		return 1 + w + int(n)
	}
}

// uvarint is binary.Uvarint with the common case inlined.
func uvarint(b []byte) (n uint64, width int) {
	if b[0] < 0x80 {
		return uint64(b[0]), 1
	}
	return binary.Uvarint(b)
}
