package payload_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/segments/payload"
	"github.com/tidemark-db/tidemark/segments/payload/payloadtest"
)

func TestParsePath(t *testing.T) {
	for text, want := range map[string]string{
		`a`:                         `a`,
		`a.b-c_d.9`:                 `a.b-c_d.9`,
		`ключ.ü`:                    `ключ.ü`,
		`"s"`:                       `s`,
		`"a b"."c.d"`:               `"a b"."c.d"`,
		`""`:                        `""`,
		`a[].b[0][12]`:              `a[].b[0][12]`,
		`a[007]`:                    `a[7]`,
		`a[18446744073709551615]`:   `a[18446744073709551615]`,
		`"x[]"[]`:                   `"x[]"[]`,
		"\"tab\tand 'apostrophe'\"": "\"tab\tand 'apostrophe'\"",
	} {
		p, err := payload.ParsePath(text)
		require.NoError(t, err, text)
		require.Equal(t, want, p.String())
		again, err := payload.ParsePath(p.String())
		require.NoError(t, err, text)
		require.True(t, p.Equal(again), text)
	}
}

func TestParsePathRefuses(t *testing.T) {
	for _, text := range []string{
		``, `bad..key`, `a b`, `a.`, `.a`, `[]`, `[0]`, `a[`, `a[1`, `a[x]`, `a[-1]`, `a[ 1]`, `a]`, `a[]b`, `"a`, `"a"b`,
		`a"b"`, `"a\"b"`, `"a\\b"`, `a[18446744073709551616]`, "a\xff", "\"\xff\"", `a/b`, `a:b`,
	} {
		_, err := payload.ParsePath(text)
		var pathErr *payload.PathError
		require.ErrorAs(t, err, &pathErr, text)
		require.Equal(t, "Invalid json path: '"+text+"'", err.Error())
	}
}

func TestParsePathIsBounded(t *testing.T) {
	for _, good := range []string{
		"a" + strings.Repeat("[]", payload.MaxPathSteps-1), strings.Repeat("k", payload.MaxPathBytes),
	} {
		_, err := payload.ParsePath(good)
		require.NoError(t, err)
	}
	for _, bad := range []string{
		"a" + strings.Repeat("[]", payload.MaxPathSteps), strings.Repeat("k", payload.MaxPathBytes+1),
	} {
		_, err := payload.ParsePath(bad)
		var pathErr *payload.PathError
		require.ErrorAs(t, err, &pathErr)
		require.Less(t, len(err.Error()), 400, "the text is not repeated whole")
	}
}

func TestPathValues(t *testing.T) {
	o := payloadtest.Object(t, `{"a":{"b":1},"l":[{"a":1},{"a":[2,3]},{"c":{}}, [7]],"":{"x y":null}}`)
	for path, want := range map[string][]any{
		`a.b`:      {int64(1)},
		`a.c`:      nil,
		`a.b.c`:    nil,
		`a[]`:      nil,
		`a[0]`:     nil,
		`l.a`:      nil,
		`l[].a`:    {int64(1), []any{int64(2), int64(3)}},
		`l[].a[]`:  {int64(2), int64(3)},
		`l[1].a`:   {[]any{int64(2), int64(3)}},
		`l[3][0]`:  {int64(7)},
		`l[][]`:    {int64(7)},
		`l[9]`:     nil,
		`""."x y"`: {nil},
	} {
		var got []any
		found := mustPath(t, path).Any(o.Value(), func(v payload.Value) bool {
			got = append(got, payloadtest.Tree(v))
			return false
		})
		require.False(t, found)
		require.Equal(t, want, got, path)
	}
	calls := 0
	require.True(t, mustPath(t, `l[]`).Any(o.Value(), func(payload.Value) bool { calls++; return true }))
	require.Equal(t, 1, calls, "it stops at the first match")
}

func TestPathAlgebra(t *testing.T) {
	require.Equal(t, "l[]", mustPath(t, "l").Elements().String())
	require.Equal(t, "l[]", mustPath(t, "l[]").Elements().String())
	require.Equal(t, "l[].a.b", mustPath(t, "l[]").Join(mustPath(t, "a.b")).String())
	require.True(t, payload.Path{}.IsZero())

	order := []string{"a", "a.b", "a[0]", "a[1]", "a[]", "b"}
	for i, x := range order {
		for j, y := range order {
			c := mustPath(t, x).Compare(mustPath(t, y))
			require.Equal(t, i < j, c < 0, "%s %s", x, y)
			require.Equal(t, i == j, c == 0, "%s %s", x, y)
		}
	}
}

func mustPath(tb testing.TB, text string) payload.Path {
	tb.Helper()
	p, err := payload.ParsePath(text)
	require.NoError(tb, err, text)
	return p
}

func mustPaths(tb testing.TB, texts ...string) []payload.Path {
	tb.Helper()
	paths := make([]payload.Path, len(texts))
	for i, text := range texts {
		paths[i] = mustPath(tb, text)
	}
	return paths
}
