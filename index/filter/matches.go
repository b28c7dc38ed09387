package filter

import (
	"bytes"
	"strings"

	"github.com/tidemark-db/tidemark/segments/payload"
)

// test judges one value. It is called from many goroutines and does not
// allocate.
type test interface{ holds(v payload.Value) bool }

// compileMatch prepares a match for the index of its field; the zero FieldIndex
// stands for none.
func compileMatch(m Match, index FieldIndex) test {
	switch m := m.(type) {
	case MatchString:
		return stringTest(m)
	case MatchBool:
		return boolTest(m)
	case MatchInt:
		return newIntSet([]int64{int64(m)}, index)
	case MatchAny:
		if m.Ints != nil {
			return newIntSet(m.Ints, index)
		}
		return newStringSet(m.Strings)
	case MatchExcept:
		if m.Ints != nil {
			return exceptTest{newIntSet(m.Ints, index)}
		}
		return exceptTest{newStringSet(m.Strings)}
	case MatchText:
		if index.Type == Text {
			return allTokensTest{index.Text, index.Text.tokens(string(m))}
		}
		return substringTest{[]byte(m)}
	case MatchTextAny:
		if index.Type == Text {
			return anyTokenTest{index.Text, index.Text.tokens(string(m))}
		}
		return substringsOf(string(m))
	case MatchPhrase:
		if index.Type == Text {
			return phraseTest{index.Text, index.Text.tokens(string(m))}
		}
		return substringTest{[]byte(m)}
	default:
		return nil
	}
}

type stringTest string

func (t stringTest) holds(v payload.Value) bool {
	return v.Kind() == payload.KindString && string(v.Str()) == string(t)
}

type boolTest bool

func (t boolTest) holds(v payload.Value) bool {
	return v.Kind() == payload.KindBool && v.Bool() == bool(t)
}

// intSet holds for an integer of a set, under an integer index for an equal
// float too.
type intSet struct {
	set     map[int64]struct{}
	indexed bool
}

func newIntSet(ints []int64, index FieldIndex) intSet {
	s := intSet{set: make(map[int64]struct{}, len(ints)), indexed: index.Type == Integer}
	for _, i := range ints {
		s.set[i] = struct{}{}
	}
	return s
}

func (t intSet) holds(v payload.Value) bool {
	i, ok := integerOf(v)
	if !ok || !t.indexed && v.Kind() == payload.KindFloat {
		return false
	}
	_, ok = t.set[i]
	return ok
}

type stringSet map[string]struct{}

func newStringSet(list []string) stringSet {
	s := make(stringSet, len(list))
	for _, text := range list {
		s[text] = struct{}{}
	}
	return s
}

func (t stringSet) holds(v payload.Value) bool {
	if v.Kind() != payload.KindString {
		return false
	}
	_, ok := t[string(v.Str())]
	return ok
}

// exceptTest holds for every value but null and those of a set.
type exceptTest struct{ set test }

func (t exceptTest) holds(v payload.Value) bool {
	return v.Kind() != payload.KindNull && !t.set.holds(v)
}

// substringTest holds for a string that contains one of the texts.
type substringTest [][]byte

func substringsOf(text string) substringTest {
	var t substringTest
	for word := range strings.FieldsSeq(text) {
		t = append(t, []byte(word))
	}
	return t
}

func (t substringTest) holds(v payload.Value) bool {
	if v.Kind() != payload.KindString {
		return false
	}
	for _, text := range t {
		if bytes.Contains(v.Str(), text) {
			return true
		}
	}
	return false
}

// allTokensTest holds for a string that has all tokens, at least one. It looks
// for each of them in turn, because taking note of those found would need
// memory and queries have few.
type allTokensTest struct {
	params TextParams
	tokens [][]rune
}

func (t allTokensTest) holds(v payload.Value) bool {
	for _, token := range t.tokens {
		if !t.params.has(v.Str(), token) {
			return false
		}
	}
	return len(t.tokens) > 0
}

type anyTokenTest struct {
	params TextParams
	tokens [][]rune
}

func (t anyTokenTest) holds(v payload.Value) bool {
	for _, token := range t.tokens {
		if t.params.has(v.Str(), token) {
			return true
		}
	}
	return false
}

type phraseTest struct {
	params TextParams
	tokens [][]rune
}

func (t phraseTest) holds(v payload.Value) bool {
	if len(t.tokens) == 0 {
		return false
	}
	for text := v.Str(); len(text) > 0; {
		if t.params.begins(text, t.tokens) {
			return true
		}
		_, text = t.params.next(text)
	}
	return false
}
