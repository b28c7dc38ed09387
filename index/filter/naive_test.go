package filter_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tidemark-db/tidemark/index/filter"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/segments/payload/payloadtest"
)

// The naive evaluator reads the JSON of a filter against a decoded tree, as the
// guide describes the language. It shares no code with the package.

type naive struct {
	doc      any
	id       int64 // 0 for an element
	textKeys map[string]bool
	base     string
}

func (n naive) filter(f map[string]any) bool {
	for _, c := range conditions(f["must"]) {
		if !n.condition(c) {
			return false
		}
	}
	for _, c := range conditions(f["must_not"]) {
		if n.condition(c) {
			return false
		}
	}
	if should := conditions(f["should"]); len(should) > 0 && n.count(should) == 0 {
		return false
	}
	if m, ok := f["min_should"].(map[string]any); ok {
		return n.count(conditions(m["conditions"])) >= m["min_count"].(int)
	}
	return true
}

func (n naive) count(cs []map[string]any) int {
	count := 0
	for _, c := range cs {
		if n.condition(c) {
			count++
		}
	}
	return count
}

func conditions(list any) []map[string]any {
	cs, _ := list.([]map[string]any)
	return cs
}

func (n naive) condition(c map[string]any) bool {
	if ids, ok := c["has_id"].([]int64); ok {
		for _, id := range ids {
			if n.id == id {
				return true
			}
		}
		return false
	}
	if nested, ok := c["nested"].(map[string]any); ok {
		key := strings.TrimSuffix(nested["key"].(string), "[]") + "[]"
		for _, v := range valuesAt(n.doc, key) {
			if _, ok := v.(map[string]any); !ok {
				continue
			}
			inner := naive{doc: v, textKeys: n.textKeys, base: n.base + key + "."}
			if inner.filter(nested["filter"].(map[string]any)) {
				return true
			}
		}
		return false
	}
	if e, ok := c["is_empty"].(map[string]any); ok {
		for _, v := range valuesAt(n.doc, e["key"].(string)) {
			if list, ok := v.([]any); v != nil && (!ok || len(list) > 0) {
				return false
			}
		}
		return true
	}
	if key, ok := c["key"].(string); ok {
		return n.field(key, c)
	}
	return n.filter(c)
}

func (n naive) field(key string, c map[string]any) bool {
	values := valuesAt(n.doc, key)
	if want, ok := c["is_null"].(bool); ok {
		for _, v := range values {
			null := v == nil
			for _, e := range elementsOf(v) {
				null = null || e == nil
			}
			if null == want {
				return true
			}
		}
		return len(values) == 0 && !want
	}
	for _, v := range values {
		if count, ok := c["values_count"].(map[string]any); ok {
			list, isList := v.([]any)
			number := 1
			if isList {
				number = len(list)
			} else if v == nil {
				number = 0
			}
			if inRange(float64(number), count) {
				return true
			}
			continue
		}
		elements := []any{v}
		if _, isList := v.([]any); isList {
			elements = elementsOf(v)
		}
		for _, e := range elements {
			if n.element(key, e, c) {
				return true
			}
		}
	}
	return false
}

func (n naive) element(key string, v any, c map[string]any) bool {
	if r, ok := c["range"].(map[string]any); ok {
		if f, ok := number(v); ok && inRange(f, r) {
			return true
		}
	}
	m, ok := c["match"].(map[string]any)
	if !ok {
		return false
	}
	text, isText := v.(string)
	if want, ok := m["value"]; ok {
		return v == want
	}
	if list, ok := m["any"].([]any); ok {
		return in(v, list)
	}
	if list, ok := m["except"].([]any); ok {
		return v != nil && !in(v, list)
	}
	if !isText {
		return false
	}
	tokens := func(s string) []string {
		return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) })
	}
	indexed := n.textKeys[n.base+key]
	if want, ok := m["text"].(string); ok {
		if !indexed {
			return strings.Contains(text, want)
		}
		all := len(tokens(want)) > 0
		for _, token := range tokens(want) {
			all = all && strings.Contains(" "+strings.Join(tokens(text), " ")+" ", " "+token+" ")
		}
		return all
	}
	if want, ok := m["phrase"].(string); ok {
		if !indexed {
			return strings.Contains(text, want)
		}
		phrase := strings.Join(tokens(want), " ")
		return phrase != "" && strings.Contains(" "+strings.Join(tokens(text), " ")+" ", " "+phrase+" ")
	}
	words := strings.Fields(m["text_any"].(string))
	if indexed {
		words, text = tokens(m["text_any"].(string)), " "+strings.Join(tokens(text), " ")+" "
	}
	for _, w := range words {
		if indexed {
			w = " " + w + " "
		}
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

func in(v any, list []any) bool {
	for _, x := range list {
		if v == x {
			return true
		}
	}
	return false
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	default:
		return 0, false
	}
}

func inRange(f float64, r map[string]any) bool {
	bound := func(name string, otherwise float64) float64 {
		if b, ok := r[name].(int); ok {
			return float64(b)
		}
		return otherwise
	}
	inf := math.Inf(1)
	return f < bound("lt", inf) && f > bound("gt", -inf) && f <= bound("lte", inf) && f >= bound("gte", -inf)
}

func elementsOf(v any) []any {
	list, _ := v.([]any)
	return list
}

// valuesAt follows a path of keys without quotes.
func valuesAt(doc any, path string) []any {
	values := []any{doc}
	for _, part := range strings.Split(strings.ReplaceAll(path, "[", ".["), ".") {
		var next []any
		for _, v := range values {
			switch part {
			case "[]":
				next = append(next, elementsOf(v)...)
			case "[0]":
				if list := elementsOf(v); len(list) > 0 {
					next = append(next, list[0])
				}
			default:
				if o, ok := v.(map[string]any); ok {
					if e, ok := o[part]; ok {
						next = append(next, e)
					}
				}
			}
		}
		values = next
	}
	return values
}

var (
	genName   = rapid.SampledFrom([]string{"a", "b", "c"})
	genString = rapid.SampledFrom([]string{"", "red", "blue red", "Red, Blue", "red blue", "ü"})
	genNumber = rapid.Int64Range(0, 3)
	genPath   = rapid.SampledFrom([]string{"a", "b", "c", "a.b", "b.c", "a[]", "a[0]", "a[].b", "b[].c", "c[0].a"})
)

func genValue(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		kinds := 6
		if depth > 0 {
			kinds = 10
		}
		switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
		case 0:
			return nil
		case 1:
			return rapid.Bool().Draw(t, "bool")
		case 2, 3:
			return genNumber.Draw(t, "int")
		case 4:
			return float64(genNumber.Draw(t, "float"))
		case 5:
			return genString.Draw(t, "string")
		case 6, 7:
			return rapid.SliceOfN(genValue(depth-1), 0, 3).Draw(t, "list")
		default:
			return genDoc(depth-1).Draw(t, "object")
		}
	})
}

func genDoc(depth int) *rapid.Generator[map[string]any] {
	return rapid.MapOfN(genName, genValue(depth), 0, 3)
}

func genFilter(depth int) *rapid.Generator[map[string]any] {
	return rapid.Custom(func(t *rapid.T) map[string]any {
		list := rapid.SliceOfN(genCondition(depth), 0, 2)
		f := map[string]any{}
		for _, name := range []string{"must", "must_not", "should"} {
			if cs := list.Draw(t, name); len(cs) > 0 {
				f[name] = cs
			}
		}
		if cs := list.Draw(t, "min_should"); len(cs) > 0 {
			f["min_should"] = map[string]any{"conditions": cs, "min_count": rapid.IntRange(0, 2).Draw(t, "min_count")}
		}
		return f
	})
}

func genCondition(depth int) *rapid.Generator[map[string]any] {
	return rapid.Custom(func(t *rapid.T) map[string]any {
		kinds := 7
		if depth > 0 {
			kinds = 9
		}
		key := genPath.Draw(t, "key")
		switch rapid.IntRange(0, kinds-1).Draw(t, "condition") {
		case 0:
			return map[string]any{"has_id": rapid.SliceOfN(rapid.Int64Range(1, 3), 1, 2).Draw(t, "ids")}
		case 1:
			return map[string]any{"is_empty": map[string]any{"key": key}}
		case 2:
			return map[string]any{"key": key, "is_null": rapid.Bool().Draw(t, "null")}
		case 3:
			return map[string]any{"key": key, "values_count": genBounds().Draw(t, "count")}
		case 4:
			return map[string]any{"key": key, "range": genBounds().Draw(t, "range"), "match": genMatch().Draw(t, "match")}
		case 5, 6:
			return map[string]any{"key": key, "match": genMatch().Draw(t, "match")}
		case 7:
			return map[string]any{"nested": map[string]any{
				"key": strings.TrimSuffix(key, "[0]"), "filter": genFilter(depth-1).Draw(t, "nested"),
			}}
		default:
			return genFilter(depth-1).Draw(t, "filter")
		}
	})
}

func genBounds() *rapid.Generator[map[string]any] {
	return rapid.Custom(func(t *rapid.T) map[string]any {
		r := map[string]any{}
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"lt", "gt", "lte", "gte"}), 1, 2, rapid.ID[string]).Draw(t, "bounds") {
			r[name] = rapid.IntRange(0, 3).Draw(t, name)
		}
		return r
	})
}

func genMatch() *rapid.Generator[map[string]any] {
	return rapid.Custom(func(t *rapid.T) map[string]any {
		ints := rapid.SliceOfN(rapid.Map(genNumber, func(i int64) any { return i }), 1, 2)
		strs := rapid.SliceOfN(rapid.Map(genString, func(s string) any { return s }), 1, 2)
		switch rapid.IntRange(0, 6).Draw(t, "match") {
		case 0:
			return map[string]any{"value": rapid.OneOf(
				rapid.Map(genNumber, func(i int64) any { return i }), rapid.Map(genString, func(s string) any { return s }),
				rapid.Map(rapid.Bool(), func(b bool) any { return b }),
			).Draw(t, "value")}
		case 1:
			return map[string]any{"any": rapid.OneOf(ints, strs).Draw(t, "any")}
		case 2:
			return map[string]any{"except": rapid.OneOf(ints, strs).Draw(t, "except")}
		case 3:
			return map[string]any{"phrase": genString.Draw(t, "phrase")}
		case 4:
			return map[string]any{"text_any": genString.Draw(t, "text_any")}
		default:
			return map[string]any{"text": genString.Draw(t, "text")}
		}
	})
}

func TestFiltersAgreeWithTheNaiveEvaluator(t *testing.T) {
	matched, total := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		f := genFilter(2).Draw(rt, "filter")
		textKeys := map[string]bool{}
		indexes := map[string]filter.FieldIndex{}
		for _, key := range rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "a[].b", "b[].c", "a[].a"}), 0, 3).Draw(rt, "indexes") {
			textKeys[key], indexes[key] = true, filter.IndexOf(filter.Text)
		}
		doc, err := json.Marshal(f)
		require.NoError(rt, err)
		c := compile(t, string(doc), indexes)
		for range 5 {
			tree := genDoc(3).Draw(rt, "payload")
			id := rapid.Int64Range(1, 3).Draw(rt, "id")
			p := &point{id: segments.NumberID(uint64(id)), payload: payloadtest.FromTree(t, tree).AsObject()}
			want := naive{doc: tree, id: id, textKeys: textKeys}.filter(f)
			got, err := c.Match(p)
			require.NoError(rt, err)
			require.Equal(rt, want, got, "%s on %s", doc, payloadtest.JSON(t, p.payload.Value()))
			if total++; got {
				matched++
			}
		}
	})
	require.Greater(t, matched, total/20, "a fair part matches")
	require.Less(t, matched, total-total/20, "a fair part does not")
}

// FuzzTokens: tokens are not empty, come in order, and are found again.
func FuzzTokens(f *testing.F) {
	f.Add("The quick brown fox", false, 0, 0)
	f.Add("ΧΑΊΡΕ, Straße\t\xff\xfe", true, 2, 4)
	f.Fuzz(func(t *testing.T, text string, whitespace bool, least, most int) {
		params := map[string]any{"type": "text", "min_token_len": max(least, 0) % 100, "max_token_len": max(most, 0) % 100}
		if whitespace {
			params["tokenizer"] = "whitespace"
		}
		doc, err := json.Marshal(params)
		require.NoError(t, err)
		index, err := filter.ParseFieldIndex(doc)
		require.NoError(t, err)

		text = strings.ToValidUTF8(text, "?")
		env := filter.Env{Indexes: map[string]filter.FieldIndex{"a": index}}
		p := &point{payload: payloadtest.FromTree(t, map[string]any{"a": text}).AsObject()}
		holds := func(m filter.Match) bool {
			c, err := filter.Compile(&filter.Filter{Must: []filter.Condition{&filter.Field{Key: path(t, "a"), Match: m}}}, env)
			require.NoError(t, err)
			return matches(t, c, p)
		}
		found := holds(filter.MatchText(text))
		require.Equal(t, found, holds(filter.MatchPhrase(text)), "a text is its own phrase")
		require.Equal(t, found, holds(filter.MatchTextAny(text)))
		if !whitespace && least <= 1 && most <= 0 {
			hasToken := strings.ContainsFunc(text, func(r rune) bool {
				return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.Is(unicode.Other_Alphabetic, r)
			})
			require.Equal(t, hasToken, found)
		}
	})
}
