package filter

import (
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/segments/payload"
)

// Filter selects points: those for which all of Must and none of MustNot hold,
// at least one of Should, and as many of MinShould as it says. An empty list
// demands nothing, so the zero Filter selects every point. A *Filter is itself a
// Condition.
//
// A Filter is data: it is not modified after it was compiled.
type Filter struct {
	Should    []Condition
	MinShould *MinShould
	Must      []Condition
	MustNot   []Condition
}

// MinShould demands that at least MinCount of Conditions hold.
type MinShould struct {
	Conditions []Condition
	MinCount   uint64
}

// Condition is one of *Field, *IsEmpty, *IsNull, *HasID, *HasVector, *Nested
// and *Filter.
type Condition interface{ isCondition() }

// Field looks at the values at Key. At least one of the other fields must be
// set. The given ones are alternatives, not demands: it is enough that one of
// them holds. If ValuesCount is set, only it counts; else if IsEmpty is set,
// only it; else if IsNull is set, only it.
//
// If the value at Key is an array, Match, Range, Times and the geo conditions
// look at its elements, one of which must satisfy them.
type Field struct {
	Key            payload.Path
	Match          Match
	Range          *Range
	Times          *TimeRange
	GeoBoundingBox *GeoBoundingBox
	GeoRadius      *GeoRadius
	GeoPolygon     *GeoPolygon
	ValuesCount    *ValuesCount
	IsEmpty        *bool // the value is missing, null or []
	IsNull         *bool // the value is null, or an array with a null in it
}

// IsEmpty holds if every value at Key is null or [], or there is none.
type IsEmpty struct{ Key payload.Path }

// IsNull holds if a value at Key is null. A missing one is not.
type IsNull struct{ Key payload.Path }

// HasID holds for the points with these ids.
type HasID struct{ IDs []segments.PointID }

// HasVector holds for the points that have a vector of this name. The unnamed
// vector has the name "".
type HasVector struct{ Name string }

// Nested holds if one element of the array at Key, taken for itself, satisfies
// Filter; the keys in Filter are relative to the element. Elements that are no
// objects are passed over. Inside Filter, HasID and HasVector never hold: an
// element has neither.
type Nested struct {
	Key    payload.Path
	Filter *Filter
}

func (*Field) isCondition()     {}
func (*IsEmpty) isCondition()   {}
func (*IsNull) isCondition()    {}
func (*HasID) isCondition()     {}
func (*HasVector) isCondition() {}
func (*Nested) isCondition()    {}
func (*Filter) isCondition()    {}

// Match is one of MatchString, MatchInt, MatchBool, MatchText, MatchTextAny,
// MatchPhrase, MatchAny and MatchExcept.
type Match interface{ isMatch() }

// MatchString holds for a string that is equal.
type MatchString string

// MatchInt holds for an integer that is equal. Under an integer index it holds
// for an equal float too.
type MatchInt int64

// MatchBool holds for a truth value that is equal.
type MatchBool bool

// MatchText holds for a string that contains this text. Under a text index it
// holds for a string that has all tokens of this text, at least one.
type MatchText string

// MatchTextAny holds for a string that contains one of the words, separated by
// white space, of this text. Under a text index it holds for a string that has
// one of its tokens.
type MatchTextAny string

// MatchPhrase holds for a string that contains this text. Under a text index it
// holds for a string that has the tokens of this text, at least one, one after
// the other.
type MatchPhrase string

// MatchAny holds for a value that is one of the set; an empty set matches
// nothing. Only one of the lists is used: Ints if it is not nil.
type MatchAny struct {
	Strings []string
	Ints    []int64
}

// MatchExcept holds for a value that is none of the set and not null; an empty
// set matches every other value. Only one of the lists is used: Ints if it is
// not nil. Values of another type are none of the set.
type MatchExcept struct {
	Strings []string
	Ints    []int64
}

func (MatchString) isMatch()  {}
func (MatchInt) isMatch()     {}
func (MatchBool) isMatch()    {}
func (MatchText) isMatch()    {}
func (MatchTextAny) isMatch() {}
func (MatchPhrase) isMatch()  {}
func (MatchAny) isMatch()     {}
func (MatchExcept) isMatch()  {}

// Range bounds a number, integer or float. Bounds that are nil bound nothing.
type Range struct{ LT, GT, GTE, LTE *float64 }

// TimeRange bounds a string that ParseTime reads. Bounds that are nil bound
// nothing.
type TimeRange struct{ LT, GT, GTE, LTE *Time }

// ValuesCount bounds the number of values: of an array its elements, of null
// none, of anything else one. A missing value has no number.
type ValuesCount struct{ LT, GT, GTE, LTE *uint64 }
