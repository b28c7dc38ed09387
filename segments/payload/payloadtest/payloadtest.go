// Package payloadtest helps tests to write payloads as JSON and to compare them
// as trees.
package payloadtest

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/segments/payload"
)

// Object returns the payload that doc, a JSON object, describes. Numbers
// without point and exponent are integers if 64 bits hold them.
func Object(tb testing.TB, doc string) payload.Object {
	tb.Helper()
	var b payload.Builder
	add(tb, &b, decode(tb, doc))
	o, err := b.Object()
	require.NoError(tb, err, doc)
	return o
}

// Value returns the value that doc describes.
func Value(tb testing.TB, doc string) payload.Value {
	tb.Helper()
	return FromTree(tb, decode(tb, doc))
}

// FromTree returns the value that tree describes: nil, bool, int64, uint64,
// float64, string, []any, map[string]any or json.Number.
func FromTree(tb testing.TB, tree any) payload.Value {
	tb.Helper()
	var b payload.Builder
	add(tb, &b, tree)
	v, err := b.Value()
	require.NoError(tb, err)
	return v
}

// Tree returns v as nil, bool, int64, uint64, float64, string, []any or
// map[string]any.
func Tree(v payload.Value) any {
	switch v.Kind() {
	case payload.KindBool:
		return v.Bool()
	case payload.KindInt:
		return v.Int()
	case payload.KindUint:
		return v.Uint()
	case payload.KindFloat:
		return v.Float()
	case payload.KindString:
		return string(v.Str())
	case payload.KindArray:
		list := []any{}
		for e := range v.Elements() {
			list = append(list, Tree(e))
		}
		return list
	case payload.KindObject:
		m := map[string]any{}
		for k, e := range v.Fields() {
			m[string(k)] = Tree(e)
		}
		return m
	default:
		return nil
	}
}

// JSON returns v as JSON, for failure texts.
func JSON(tb testing.TB, v payload.Value) string {
	tb.Helper()
	doc, err := json.Marshal(Tree(v))
	require.NoError(tb, err)
	return string(doc)
}

func decode(tb testing.TB, doc string) any {
	tb.Helper()
	d := json.NewDecoder(strings.NewReader(doc))
	d.UseNumber()
	var tree any
	require.NoError(tb, d.Decode(&tree), doc)
	return tree
}

func add(tb testing.TB, b *payload.Builder, tree any) {
	tb.Helper()
	switch v := tree.(type) {
	case nil:
		b.Null()
	case bool:
		b.Bool(v)
	case int64:
		b.Int(v)
	case uint64:
		b.Uint(v)
	case float64:
		b.Float(v)
	case json.Number:
		addNumber(tb, b, string(v))
	case string:
		b.String(v)
	case []any:
		b.BeginArray()
		for _, e := range v {
			add(tb, b, e)
		}
		b.End()
	case map[string]any:
		b.BeginObject()
		for k, e := range v {
			b.Key(k)
			add(tb, b, e)
		}
		b.End()
	default:
		require.Failf(tb, "no payload value", "%T", tree)
	}
}

func addNumber(tb testing.TB, b *payload.Builder, s string) {
	tb.Helper()
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		b.Int(i)
		return
	}
	if u, err := strconv.ParseUint(s, 10, 64); err == nil {
		b.Uint(u)
		return
	}
	f, err := strconv.ParseFloat(s, 64)
	require.NoError(tb, err)
	b.Float(f)
}
