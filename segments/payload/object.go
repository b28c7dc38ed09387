package payload

import "iter"

// Object is the payload of a point: nil if it is empty, otherwise the canonical
// form of an object with at least one key. Like a Value it is a view that
// nobody modifies.
type Object []byte

// emptyObject is the canonical form of {} as a value inside a payload.
var emptyObject = Value{tagObject, 1, 0}

// Value returns o as a value; that of the empty payload is an object without
// fields.
func (o Object) Value() Value {
	if len(o) == 0 {
		return emptyObject
	}
	return Value(o)
}

// IsEmpty reports whether o has no keys.
func (o Object) IsEmpty() bool { return len(o) == 0 }

// Get returns the value of a top level key.
func (o Object) Get(key string) (Value, bool) { return o.Value().Field(key) }

// Fields iterates over the top level in the order of keys.
func (o Object) Fields() iter.Seq2[[]byte, Value] { return o.Value().Fields() }

// AsObject returns v as a payload. It is nil if v is an object without keys or
// not an object.
func (v Value) AsObject() Object {
	if v.Len() == 0 || v[0] != tagObject {
		return nil
	}
	return Object(v)
}
