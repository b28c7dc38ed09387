package payload

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"
)

// Builder makes one Value out of a stream of calls, such as a JSON decoder
// makes them, without a tree in between. The zero Builder is ready; Reset makes
// it ready again and keeps its memory. It is not safe for concurrent use.
//
// The methods return nothing: the first error is kept, later calls do nothing,
// and Object or Value returns it.
type Builder struct {
	// MaxBytes bounds a value in its stored form; 0 does not. A value is refused
	// as soon as it is larger.
	MaxBytes int

	buf    []byte  // the values so far; those of open containers without header
	open   []frame // open containers, outermost first
	fields []field // of the open objects, in the order of calls
	moved  []byte  // scratch for sorting
	err    error
	done   bool // a whole value has been made
}

// frame is an open container.
type frame struct {
	start  int  // its first byte in buf
	object bool // else an array
	count  int  // values that are complete
	fields int  // its first entry in Builder.fields
	keyed  bool // a key waits for its value
}

// field says where a field lies in Builder.buf: from start to end, its key from
// key to keyEnd. sortFields fills in the end.
type field struct{ start, key, keyEnd, end int }

// Reset makes b ready for another value.
func (b *Builder) Reset() {
	b.buf, b.open, b.fields = b.buf[:0], b.open[:0], b.fields[:0]
	b.err, b.done = nil, false
}

// Err returns the first error so far, so that a decoder can stop early.
func (b *Builder) Err() error { return b.err }

// BeginObject opens an object; End closes it.
func (b *Builder) BeginObject() { b.begin(true) }

// BeginArray opens an array; End closes it.
func (b *Builder) BeginArray() { b.begin(false) }

// Key names the next value of the innermost object.
func (b *Builder) Key(key string) { addKey(b, key) }

// KeyBytes is Key for bytes, which it copies.
func (b *Builder) KeyBytes(key []byte) { addKey(b, key) }

// Null adds null.
func (b *Builder) Null() { b.constant(tagNull) }

// Bool adds a truth value.
func (b *Builder) Bool(v bool) {
	if v {
		b.constant(tagTrue)
	} else {
		b.constant(tagFalse)
	}
}

// Int adds an integer.
func (b *Builder) Int(v int64) { b.number(tagInt, uint64(v)) }

// Uint adds an integer.
func (b *Builder) Uint(v uint64) {
	if v <= math.MaxInt64 {
		b.number(tagInt, v)
	} else {
		b.number(tagUint, v)
	}
}

// Float adds a float, which must be finite.
func (b *Builder) Float(v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		b.fail(ErrNotFinite)
		return
	}
	b.number(tagFloat, math.Float64bits(v))
}

// String adds a text.
func (b *Builder) String(s string) { addString(b, s) }

// StringBytes is String for bytes, which it copies.
func (b *Builder) StringBytes(s []byte) { addString(b, s) }

// Object returns what was built as a payload, nil if it is {}. The caller owns
// the bytes.
func (b *Builder) Object() (Object, error) {
	v, err := b.result()
	if err != nil {
		return nil, err
	}
	if v[0] != tagObject {
		return nil, fmt.Errorf("%w: not an object", ErrMisuse)
	}
	return bytes.Clone(v.AsObject()), nil
}

// Value returns what was built. The caller owns the bytes.
func (b *Builder) Value() (Value, error) {
	v, err := b.result()
	return bytes.Clone(v), err
}

// result returns a view of buf.
func (b *Builder) result() (Value, error) {
	if b.err == nil && !b.done {
		return nil, fmt.Errorf("%w: it is not complete", ErrMisuse)
	}
	if b.err != nil {
		return nil, b.err
	}
	return Value(b.buf), nil
}

func (b *Builder) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// expectValue reports whether a value may come now.
func (b *Builder) expectValue() bool {
	switch n := len(b.open); {
	case b.err != nil:
		return false
	case n == 0 && b.done:
		b.fail(fmt.Errorf("%w: a second value", ErrMisuse))
	case n > 0 && b.open[n-1].object && !b.open[n-1].keyed:
		b.fail(fmt.Errorf("%w: a value without a key", ErrMisuse))
	}
	return b.err == nil
}

// valueDone takes note that the value at the end of buf is complete.
func (b *Builder) valueDone() {
	b.checkSize(0)
	if len(b.open) == 0 {
		b.done = true
		return
	}
	f := &b.open[len(b.open)-1]
	f.count++
	f.keyed = false
}

// checkSize fails unless there is room for n more bytes.
func (b *Builder) checkSize(n int) {
	if b.MaxBytes > 0 && len(b.buf)+n > b.MaxBytes {
		b.fail(ErrTooLarge)
	}
}

func (b *Builder) constant(tag byte) {
	if b.expectValue() {
		b.buf = append(b.buf, tag)
		b.valueDone()
	}
}

func (b *Builder) number(tag byte, bits uint64) {
	if b.expectValue() {
		b.buf = binary.LittleEndian.AppendUint64(append(b.buf, tag), bits)
		b.valueDone()
	}
}

// raw adds a value that is canonical already.
func (b *Builder) raw(v Value) {
	if b.expectValue() {
		b.buf = append(b.buf, v...)
		b.valueDone()
	}
}

func addString[T string | []byte](b *Builder, s T) {
	if !b.expectValue() {
		return
	}
	b.buf = append(b.buf, tagString)
	addText(b, s)
	b.valueDone()
}

func addKey[T string | []byte](b *Builder, key T) {
	if b.err != nil {
		return
	}
	if len(b.open) == 0 || !b.open[len(b.open)-1].object || b.open[len(b.open)-1].keyed {
		b.fail(fmt.Errorf("%w: a key without an object or after a key", ErrMisuse))
		return
	}
	start := len(b.buf)
	addText(b, key)
	if b.err != nil {
		return
	}
	b.fields = append(b.fields, field{start: start, key: len(b.buf) - len(key), keyEnd: len(b.buf)})
	b.open[len(b.open)-1].keyed = true
}

// addText adds the length and the bytes of s.
func addText[T string | []byte](b *Builder, s T) {
	if b.checkSize(len(s)); b.err != nil {
		return
	}
	b.buf = append(binary.AppendUvarint(b.buf, uint64(len(s))), s...)
	if !utf8.Valid(b.buf[len(b.buf)-len(s):]) {
		b.fail(ErrNotUTF8)
	}
}

func (b *Builder) begin(object bool) {
	if !b.expectValue() {
		return
	}
	if len(b.open) == MaxDepth {
		b.fail(ErrTooDeep)
		return
	}
	b.open = append(b.open, frame{start: len(b.buf), object: object, fields: len(b.fields)})
}

// End closes the innermost container. In an object it sorts the keys and
// refuses one that was given twice.
func (b *Builder) End() {
	if b.err != nil {
		return
	}
	if len(b.open) == 0 || b.open[len(b.open)-1].keyed {
		b.fail(fmt.Errorf("%w: an end without a beginning or after a key", ErrMisuse))
		return
	}
	f := b.open[len(b.open)-1]
	tag := byte(tagArray)
	if f.object {
		tag = tagObject
		b.sortFields(f)
	}
	if b.err != nil {
		return
	}
	b.fields = b.fields[:f.fields]
	b.open = b.open[:len(b.open)-1]
	b.insertHeader(f, tag)
	b.valueDone()
}

// insertHeader puts tag, length and count before the contents of f, which are
// the end of buf.
func (b *Builder) insertHeader(f frame, tag byte) {
	var count [binary.MaxVarintLen64]byte
	var head [1 + 2*binary.MaxVarintLen64]byte
	n := binary.PutUvarint(count[:], uint64(f.count))
	length := len(b.buf) - f.start + n
	header := append(binary.AppendUvarint(append(head[:0], tag), uint64(length)), count[:n]...)
	b.buf = slices.Insert(b.buf, f.start, header...)
}

// sortFields puts the fields of f in the order of their keys. Most objects come
// sorted or are small.
func (b *Builder) sortFields(f frame) {
	fields := b.fields[f.fields:]
	end := len(b.buf)
	for i := len(fields) - 1; i >= 0; i-- {
		fields[i].end = end
		end = fields[i].start
	}
	byKey := func(x, y field) int { return bytes.Compare(b.keyOf(x), b.keyOf(y)) }
	sorted := slices.IsSortedFunc(fields, byKey)
	if !sorted {
		slices.SortFunc(fields, byKey)
	}
	for i := 1; i < len(fields); i++ {
		if byKey(fields[i-1], fields[i]) == 0 {
			b.fail(&DuplicateKeyError{Key: string(b.keyOf(fields[i]))})
			return
		}
	}
	if sorted {
		return
	}
	b.moved = b.moved[:0]
	for _, x := range fields {
		b.moved = append(b.moved, b.buf[x.start:x.end]...)
	}
	copy(b.buf[f.start:], b.moved)
}

func (b *Builder) keyOf(f field) []byte { return b.buf[f.key:f.keyEnd] }
