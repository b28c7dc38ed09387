package filter

import (
	"cmp"

	"github.com/tidemark-db/tidemark/segments/payload"
)

// bounds are the bounds of a range. Each of them is inclusive or not; a nil one
// bounds nothing.
type bounds[T cmp.Ordered] struct{ lt, gt, gte, lte *T }

func (b bounds[T]) contain(x T) bool {
	return (b.lt == nil || x < *b.lt) && (b.gt == nil || x > *b.gt) &&
		(b.gte == nil || x >= *b.gte) && (b.lte == nil || x <= *b.lte)
}

type numberTest bounds[float64]

func (t numberTest) holds(v payload.Value) bool {
	n, ok := v.Number()
	return ok && bounds[float64](t).contain(n)
}

type timeTest bounds[Time]

func (t timeTest) holds(v payload.Value) bool {
	if v.Kind() != payload.KindString {
		return false
	}
	moment, ok := parseTime(v.Str())
	return ok && bounds[Time](t).contain(moment)
}

// geoTest holds for a place in an area.
type geoTest struct {
	area interface{ contains(GeoPoint) bool }
}

func (t geoTest) holds(v payload.Value) bool {
	p, ok := geoPointOf(v)
	return ok && t.area.contains(p)
}

// The tests below look at the whole value at a path, arrays included.

// elementTest holds if one of the tests does, for the value or, if it is an
// array, for one of its elements.
type elementTest []test

func (t elementTest) holds(v payload.Value) bool {
	if v.Kind() != payload.KindArray {
		return t.holdsFor(v)
	}
	for e := range v.Elements() {
		if t.holdsFor(e) {
			return true
		}
	}
	return false
}

func (t elementTest) holdsFor(v payload.Value) bool {
	for _, x := range t {
		if x.holds(v) {
			return true
		}
	}
	return false
}

type countTest bounds[uint64]

func (t countTest) holds(v payload.Value) bool {
	n := uint64(1)
	switch v.Kind() {
	case payload.KindNull:
		n = 0
	case payload.KindArray:
		n = uint64(v.Len())
	}
	return bounds[uint64](t).contain(n)
}

// emptyTest holds for a value that is null or [], or is not.
type emptyTest bool

func (t emptyTest) holds(v payload.Value) bool { return isEmpty(v) == bool(t) }

func isEmpty(v payload.Value) bool {
	k := v.Kind()
	return k == payload.KindNull || k == payload.KindArray && v.Len() == 0
}

// nullTest holds for a value that is null or an array with a null in it, or is
// not.
type nullTest bool

func (t nullTest) holds(v payload.Value) bool { return anyElement(v, isNull) == bool(t) }

func isNull(v payload.Value) bool { return v.Kind() == payload.KindNull }
