package payload_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/segments/payload"
	"github.com/tidemark-db/tidemark/segments/payload/payloadtest"
)

func TestValueReadsWhatTheBuilderWrote(t *testing.T) {
	o := payloadtest.Object(t, `{"n":null,"t":true,"f":false,"i":-7,"u":18446744073709551615,"x":1.0,"s":"ü",
		"a":[1,[2],{}],"o":{"k":"v"}}`)
	get := func(key string) payload.Value {
		v, ok := o.Get(key)
		require.True(t, ok, key)
		return v
	}
	require.Equal(t, payload.KindNull, get("n").Kind())
	require.Equal(t, payload.KindBool, get("f").Kind())
	require.True(t, get("t").Bool())
	require.False(t, get("f").Bool())
	require.Equal(t, int64(-7), get("i").Int())
	require.Equal(t, payload.KindUint, get("u").Kind())
	require.Equal(t, uint64(math.MaxUint64), get("u").Uint())
	require.Equal(t, payload.KindFloat, get("x").Kind(), "1.0 stays a float")
	require.Equal(t, 1.0, get("x").Float())
	require.Equal(t, "ü", string(get("s").Str()))
	require.Equal(t, 3, get("a").Len())
	require.Equal(t, 1, get("o").Len())

	second, ok := get("a").Element(1)
	require.True(t, ok)
	require.Equal(t, []any{int64(2)}, payloadtest.Tree(second))
	_, ok = get("a").Element(3)
	require.False(t, ok)
	_, ok = o.Get("m")
	require.False(t, ok)
	_, ok = o.Get("zz")
	require.False(t, ok)
}

// Every accessor is defined for every kind, so that a filter need not ask
// first.
func TestAccessorsOfOtherKinds(t *testing.T) {
	for _, doc := range []string{`null`, `true`, `1`, `18446744073709551615`, `1.5`, `"s"`, `[1]`, `{"a":1}`} {
		v := payloadtest.Value(t, doc)
		k := v.Kind()
		require.Equal(t, k == payload.KindInt, v.Int() != 0, doc)
		require.Equal(t, k == payload.KindUint, v.Uint() != 0, doc)
		require.Equal(t, k == payload.KindFloat, v.Float() != 0, doc)
		require.Equal(t, k == payload.KindBool, v.Bool(), doc)
		require.Equal(t, k == payload.KindString, v.Str() != nil, doc)
		require.Equal(t, k == payload.KindArray || k == payload.KindObject, v.Len() == 1, doc)
		_, ok := v.Field("a")
		require.Equal(t, k == payload.KindObject, ok, doc)
		_, ok = v.Element(0)
		require.Equal(t, k == payload.KindArray, ok, doc)
		_, ok = v.Number()
		require.Equal(t, k == payload.KindInt || k == payload.KindUint || k == payload.KindFloat, ok, doc)
		require.Equal(t, k == payload.KindObject, v.AsObject() != nil, doc)
	}
}

func TestEmptyPayloadIsNil(t *testing.T) {
	require.Nil(t, payloadtest.Object(t, `{}`))
	var o payload.Object
	require.True(t, o.IsEmpty())
	require.Equal(t, map[string]any{}, payloadtest.Tree(o.Value()))
	_, ok := o.Get("a")
	require.False(t, ok)
	for range o.Fields() {
		t.Fatal("a field")
	}
}

func TestOrderOfKeysDoesNotMatter(t *testing.T) {
	require.Equal(t,
		build(t, func(b *payload.Builder) {
			b.BeginObject()
			b.Key("a")
			b.Int(1)
			b.Key("b")
			b.Null()
			b.End()
		}),
		build(t, func(b *payload.Builder) {
			b.BeginObject()
			b.Key("b")
			b.Null()
			b.Key("a")
			b.Int(1)
			b.End()
		}))
}

func TestIterationStopsEarly(t *testing.T) {
	for range payloadtest.Value(t, `[1,2,3]`).Elements() {
		break
	}
	for range payloadtest.Value(t, `{"a":1,"b":2}`).Fields() {
		break
	}
}

func TestBuilderErrors(t *testing.T) {
	deep := func(n int) func(*payload.Builder) {
		return func(b *payload.Builder) {
			for range n {
				b.BeginArray()
			}
			for range n {
				b.End()
			}
		}
	}
	cases := []struct {
		name  string
		build func(b *payload.Builder)
		err   error
	}{
		{"NaN", func(b *payload.Builder) { b.Float(math.NaN()) }, payload.ErrNotFinite},
		{"infinity", func(b *payload.Builder) { b.Float(math.Inf(-1)) }, payload.ErrNotFinite},
		{"bad text", func(b *payload.Builder) { b.String("a\xff") }, payload.ErrNotUTF8},
		{"surrogate", func(b *payload.Builder) { b.StringBytes([]byte("\xed\xa0\x80")) }, payload.ErrNotUTF8},
		{"bad key", func(b *payload.Builder) { b.BeginObject(); b.KeyBytes([]byte{0xff}) }, payload.ErrNotUTF8},
		{"depth 128", deep(128), nil},
		{"depth 129", deep(129), payload.ErrTooDeep},
		{"nothing", func(*payload.Builder) {}, payload.ErrMisuse},
		{"open", func(b *payload.Builder) { b.BeginArray() }, payload.ErrMisuse},
		{"two values", func(b *payload.Builder) { b.Null(); b.Null() }, payload.ErrMisuse},
		{"key alone", func(b *payload.Builder) { b.Key("a") }, payload.ErrMisuse},
		{"key in array", func(b *payload.Builder) { b.BeginArray(); b.Key("a") }, payload.ErrMisuse},
		{"two keys", func(b *payload.Builder) { b.BeginObject(); b.Key("a"); b.Key("b") }, payload.ErrMisuse},
		{"no key", func(b *payload.Builder) { b.BeginObject(); b.Null() }, payload.ErrMisuse},
		{"end after key", func(b *payload.Builder) { b.BeginObject(); b.Key("a"); b.End() }, payload.ErrMisuse},
		{"end alone", func(b *payload.Builder) { b.End() }, payload.ErrMisuse},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var b payload.Builder
			c.build(&b)
			_, err := b.Value()
			require.ErrorIs(t, err, c.err)
			b.Reset()
			b.Bool(true)
			v, err := b.Value()
			require.NoError(t, err, "after Reset")
			require.True(t, v.Bool())
		})
	}
}

func TestDuplicateKeyIsNamed(t *testing.T) {
	var b payload.Builder
	b.BeginObject()
	for _, k := range []string{"z", "b", "a", "b"} {
		b.Key(k)
		b.Null()
	}
	b.End()
	_, err := b.Object()
	var dup *payload.DuplicateKeyError
	require.ErrorAs(t, err, &dup)
	require.Equal(t, "b", dup.Key)
	require.ErrorAs(t, b.Err(), &dup)
}

func TestObjectRefusesOtherValues(t *testing.T) {
	var b payload.Builder
	b.Int(1)
	_, err := b.Object()
	require.ErrorIs(t, err, payload.ErrMisuse)
}

func TestBuiltBytesBelongToTheCaller(t *testing.T) {
	var b payload.Builder
	b.String("first")
	first, err := b.Value()
	require.NoError(t, err)
	b.Reset()
	b.String("other")
	require.Equal(t, "first", string(first.Str()))
}

func TestValidateRefuses(t *testing.T) {
	nest := func(n int) []byte {
		v := []byte{0x08, 1, 0}
		for range n - 1 {
			v = append([]byte{0x08, byte(1 + len(v)), 1}, v...)
		}
		return v
	}
	require.NoError(t, payload.ValidateValue(nest(20)))
	cases := map[string]struct {
		bytes []byte
		err   error
	}{
		"zeros":             {[]byte{0, 0}, payload.ErrNotCanonical},
		"unknown tag":       {[]byte{0x0a}, payload.ErrNotCanonical},
		"nothing":           {nil, payload.ErrNotCanonical},
		"after the end":     {[]byte{1, 1}, payload.ErrNotCanonical},
		"cut number":        {[]byte{4, 1, 2}, payload.ErrNotCanonical},
		"cut string":        {[]byte{7, 2, 'a'}, payload.ErrNotCanonical},
		"cut length":        {[]byte{7, 0x80}, payload.ErrNotCanonical},
		"long length":       {[]byte{7, 0x81, 0x00, 'a'}, payload.ErrNotCanonical},
		"huge length":       {append([]byte{7}, []byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02")...), payload.ErrNotCanonical},
		"bad UTF-8":         {[]byte{7, 1, 0xff}, payload.ErrNotUTF8},
		"bad key":           {[]byte{9, 4, 1, 1, 0xff, 1}, payload.ErrNotUTF8},
		"NaN":               {[]byte{6, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f}, payload.ErrNotFinite},
		"infinity":          {[]byte{6, 0, 0, 0, 0, 0, 0, 0xf0, 0x7f}, payload.ErrNotFinite},
		"small uint":        {[]byte{5, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, payload.ErrNotCanonical},
		"count too large":   {[]byte{8, 2, 2, 1}, payload.ErrNotCanonical},
		"count too small":   {[]byte{8, 3, 1, 1, 1}, payload.ErrNotCanonical},
		"no count":          {[]byte{8, 0}, payload.ErrNotCanonical},
		"keys not sorted":   {[]byte{9, 7, 2, 1, 'b', 1, 1, 'a', 1}, payload.ErrNotCanonical},
		"key twice":         {[]byte{9, 7, 2, 1, 'a', 1, 1, 'a', 1}, payload.ErrNotCanonical},
		"key without value": {[]byte{9, 3, 1, 1, 'a'}, payload.ErrNotCanonical},
	}
	for name, c := range cases {
		require.ErrorIs(t, payload.ValidateValue(c.bytes), c.err, name)
	}
	require.NoError(t, payload.Validate(nil))
	require.NoError(t, payload.Validate([]byte{9, 4, 1, 1, 'a', 1}))
	require.ErrorIs(t, payload.Validate([]byte{9, 1, 0}), payload.ErrNotCanonical, "{} has no bytes")
	require.ErrorIs(t, payload.Validate([]byte{1}), payload.ErrNotCanonical, "not an object")
}

func TestValidateDepth(t *testing.T) {
	nested := func(depth int) []byte {
		v := []byte(payloadtest.Value(t, strings.Repeat("[", 120)+strings.Repeat("]", 120)))
		for range depth - 120 {
			body := append([]byte{1}, v...)
			v = append([]byte{0x08, byte(len(body)) | 0x80, byte(len(body) >> 7)}, body...)
		}
		return v
	}
	require.NoError(t, payload.ValidateValue(nested(payload.MaxDepth)))
	require.ErrorIs(t, payload.ValidateValue(nested(payload.MaxDepth+1)), payload.ErrTooDeep)
}

func build(t *testing.T, calls func(*payload.Builder)) payload.Value {
	t.Helper()
	var b payload.Builder
	calls(&b)
	v, err := b.Value()
	require.NoError(t, err)
	return v
}

func TestBuilderStopsAtItsBound(t *testing.T) {
	build := func(maximum, n int) (int, error) {
		b := payload.Builder{MaxBytes: maximum}
		b.BeginObject()
		b.Key("k")
		b.BeginArray()
		taken := 0
		for ; taken < n && b.Err() == nil; taken++ {
			b.Int(1)
		}
		b.End()
		b.End()
		o, err := b.Object()
		return max(taken, len(o)), err
	}
	size, err := build(0, 1000)
	require.NoError(t, err)
	_, err = build(size, 1000)
	require.NoError(t, err)
	_, err = build(size-1, 1000)
	require.ErrorIs(t, err, payload.ErrTooLarge, "the headers of the containers count")
	taken, err := build(90, 1000)
	require.ErrorIs(t, err, payload.ErrTooLarge)
	require.Equal(t, 10, taken, "of what follows nothing is kept")

	for name, add := range map[string]func(*payload.Builder, string){
		"string": func(b *payload.Builder, s string) { b.Key("k"); b.String(s) },
		"key":    func(b *payload.Builder, s string) { b.Key(s) }, // before there is a value
	} {
		b := payload.Builder{MaxBytes: 100}
		b.BeginObject()
		add(&b, strings.Repeat("x", 101))
		require.ErrorIs(t, b.Err(), payload.ErrTooLarge, name)
		b.Reset()
		b.BeginObject()
		add(&b, "short")
		require.NoError(t, b.Err(), name)
	}
}
