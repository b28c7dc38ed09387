package filter

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/tidemark-db/tidemark/segments/payload"
)

// OrderValue is a value that points are ordered by: an integer, of which a Time
// is one, or a float.
type OrderValue struct {
	integer int64
	float   float64
	isFloat bool
}

// IntOrder returns an integer as OrderValue; for a moment, its Time.
func IntOrder(i int64) OrderValue { return OrderValue{integer: i} }

// FloatOrder returns a finite float as OrderValue.
func FloatOrder(f float64) OrderValue { return OrderValue{float: f, isFloat: true} }

// Int returns the value if it is an integer.
func (v OrderValue) Int() (int64, bool) { return v.integer, !v.isFloat }

// Float returns the value, rounded if it is an integer beyond 2^53.
func (v OrderValue) Float() float64 {
	if v.isFloat {
		return v.float
	}
	return float64(v.integer)
}

// Compare orders values by their numbers.
func (v OrderValue) Compare(w OrderValue) int {
	switch {
	case v.isFloat && w.isFloat:
		return cmp.Compare(v.float, w.float)
	case v.isFloat:
		return -compareIntFloat(w.integer, v.float)
	case w.isFloat:
		return compareIntFloat(v.integer, w.float)
	default:
		return cmp.Compare(v.integer, w.integer)
	}
}

// compareIntFloat compares without rounding i.
func compareIntFloat(i int64, f float64) int {
	switch {
	case f >= 1<<63:
		return -1
	case f < -(1 << 63):
		return 1
	}
	whole := int64(f) // towards zero; exact for what it keeps
	if c := cmp.Compare(i, whole); c != 0 {
		return c
	}
	return cmp.Compare(0, f-float64(whole))
}

// NoRangeIndexError says that points cannot be ordered by a key because no
// index of it allows that.
type NoRangeIndexError struct{ Key string }

// Error implements error.
func (e *NoRangeIndexError) Error() string {
	return fmt.Sprintf("No range index for `order_by` key: `%s`. Please create one to use `order_by`. "+
		"Check https://qdrant.tech/documentation/concepts/indexing/#payload-index to see which payload schemas support Range conditions", e.Key)
}

// Order extracts from payloads the values that points are ordered by.
type Order struct {
	path payload.Path
	is   FieldType
}

// CompileOrder prepares ordering by a key, which needs an integer, float or
// datetime index. The error is a *NoRangeIndexError.
func CompileOrder(key payload.Path, env Env) (*Order, error) {
	for text, index := range env.Indexes {
		if p, err := payload.ParsePath(text); err == nil && p.Equal(key) && index.HasRange() {
			return &Order{path: key, is: index.Type}, nil
		}
	}
	return nil, &NoRangeIndexError{Key: key.String()}
}

// AppendValues appends the values of a payload to dst, ascending and each once:
// a point appears in the order at each of its values, and nowhere if it has
// none.
func (o *Order) AppendValues(dst []OrderValue, p payload.Object) []OrderValue {
	first := len(dst)
	o.path.Any(p.Value(), func(v payload.Value) bool {
		return anyElement(v, func(e payload.Value) bool {
			if value, ok := o.value(e); ok {
				dst = append(dst, value)
			}
			return false
		})
	})
	values := dst[first:]
	slices.SortFunc(values, OrderValue.Compare)
	return dst[:first+len(slices.CompactFunc(values, func(a, b OrderValue) bool { return a.Compare(b) == 0 }))]
}

func (o *Order) value(v payload.Value) (OrderValue, bool) {
	switch o.is {
	case Integer:
		i, ok := integerOf(v)
		return IntOrder(i), ok
	case Float:
		f, ok := v.Number()
		return FloatOrder(f), ok
	default:
		t, ok := parseTime(v.Str())
		return IntOrder(int64(t)), ok
	}
}
