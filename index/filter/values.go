package filter

import (
	"github.com/google/uuid"

	"github.com/tidemark-db/tidemark/segments/payload"
)

// anyElement reports whether match is true for v or, if v is an array, for one
// of its elements. Arrays inside arrays are not entered.
func anyElement(v payload.Value, match func(payload.Value) bool) bool {
	if v.Kind() != payload.KindArray {
		return match(v)
	}
	for e := range v.Elements() {
		if match(e) {
			return true
		}
	}
	return false
}

// integerOf returns the integer that v is, or that it equals as a float.
func integerOf(v payload.Value) (int64, bool) {
	switch v.Kind() {
	case payload.KindInt:
		return v.Int(), true
	case payload.KindFloat:
		f := v.Float()
		// Both bounds are exact; 2^63 itself is no int64.
		if f < -(1<<63) || f >= 1<<63 || f != float64(int64(f)) {
			return 0, false
		}
		return int64(f), true
	default:
		return 0, false
	}
}

func isUUID(text []byte) bool {
	_, err := uuid.ParseBytes(text)
	return err == nil
}
