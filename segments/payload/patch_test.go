package payload_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/segments/payload"
	"github.com/tidemark-db/tidemark/segments/payload/payloadtest"
)

func TestMerge(t *testing.T) {
	for _, c := range []struct{ o, patch, want string }{
		{`{"a":1,"b":2}`, `{"b":3,"c":4}`, `{"a":1,"b":3,"c":4}`},
		{`{"a":1,"b":2}`, `{"b":null,"x":null}`, `{"a":1}`},
		{`{"a":{"x":1}}`, `{"a":{"y":null}}`, `{"a":{"y":null}}`}, // only the top level is merged
		{`{"a":1}`, `{}`, `{"a":1}`},
		{`{}`, `{"a":1}`, `{"a":1}`},
		{`{"a":1}`, `{"a":null}`, `{}`},
	} {
		got := payload.Merge(payloadtest.Object(t, c.o), payloadtest.Object(t, c.patch))
		requireObject(t, c.want, got, "%s + %s", c.o, c.patch)
	}
}

func TestMergeAt(t *testing.T) {
	const o = `{"n":1,"nested":{"x":1,"arr":[{"k":1},{"k":2},3]},"list":[1]}`
	for _, c := range []struct{ at, patch, want string }{
		{`nested`, `{"y":5}`, `{"n":1,"nested":{"x":1,"y":5,"arr":[{"k":1},{"k":2},3]},"list":[1]}`},
		{`nested`, `{"x":null}`, `{"n":1,"nested":{"arr":[{"k":1},{"k":2},3]},"list":[1]}`},
		{`nested.arr[0]`, `{"y":5}`, `{"n":1,"nested":{"x":1,"arr":[{"k":1,"y":5},{"k":2},3]},"list":[1]}`},
		{`nested.arr[]`, `{"y":6}`, `{"n":1,"nested":{"x":1,"arr":[{"k":1,"y":6},{"k":2,"y":6},{"y":6}]},"list":[1]}`},
		{`nested.arr[7]`, `{"y":6}`, o},
		{`made.up`, `{"y":7}`, `{"n":1,"nested":{"x":1,"arr":[{"k":1},{"k":2},3]},"list":[1],"made":{"up":{"y":7}}}`},
		{`n`, `{"y":7}`, `{"n":{"y":7},"nested":{"x":1,"arr":[{"k":1},{"k":2},3]},"list":[1]}`},
		{`n.m`, `{}`, `{"n":{"m":{}},"nested":{"x":1,"arr":[{"k":1},{"k":2},3]},"list":[1]}`},
		{`n[]`, `{"y":7}`, `{"n":[],"nested":{"x":1,"arr":[{"k":1},{"k":2},3]},"list":[1]}`},
		{`nested[0]`, `{"y":7}`, `{"n":1,"nested":[],"list":[1]}`},
		{`list.a`, `{"y":7}`, `{"n":1,"nested":{"x":1,"arr":[{"k":1},{"k":2},3]},"list":{"a":{"y":7}}}`},
		{`new[0].a`, `{"y":7}`, `{"n":1,"nested":{"x":1,"arr":[{"k":1},{"k":2},3]},"list":[1],"new":[]}`},
	} {
		got := payload.MergeAt(payloadtest.Object(t, o), mustPath(t, c.at), payloadtest.Object(t, c.patch))
		requireObject(t, c.want, got, "%s at %s", c.patch, c.at)
	}
}

// A patch must not make what Validate refuses, and must not fail: the result is
// then the payload as it was, and CheckMergeAt tells so before.
func TestMergeAtTooDeep(t *testing.T) {
	o, patch := payloadtest.Object(t, `{"a":1}`), payloadtest.Object(t, `{"x":[[]]}`) // depth 3
	for steps, fits := range map[int]bool{payload.MaxDepth - 3: true, payload.MaxDepth - 2: false} {
		at := mustPath(t, "b"+strings.Repeat(".b", steps-1))
		got := payload.MergeAt(o, at, patch)
		require.NoError(t, payload.Validate(got))
		require.Equal(t, fits, payload.CheckMergeAt(at, patch) == nil)
		require.Equal(t, !fits, string(got) == string(o))
	}
}

func TestRemove(t *testing.T) {
	const o = `{"n":5,"city":"Rome","nested":{"x":5,"arr":[{"k":5},{"k":6}]}}`
	for _, c := range []struct {
		paths []string
		want  string
	}{
		{[]string{`city`, `nested.x`, `nested.arr[].k`, `none`}, `{"n":5,"nested":{"arr":[{},{}]}}`},
		{[]string{}, o},
		{[]string{`n.x`, `nested.arr.k`, `nested[].x`, `nested.arr[5].k`}, o},
		{[]string{`nested.arr[1].k`}, `{"n":5,"city":"Rome","nested":{"x":5,"arr":[{"k":5},{}]}}`},
		{[]string{`nested.arr[]`}, `{"n":5,"city":"Rome","nested":{"x":5,"arr":[]}}`},
		{[]string{`nested.arr[0]`}, o},
		{[]string{`n`, `city`, `nested`}, `{}`},
	} {
		got := payload.Remove(payloadtest.Object(t, o), mustPaths(t, c.paths...))
		requireObject(t, c.want, got, "without %v", c.paths)
	}
}

func TestSelect(t *testing.T) {
	const o = `{"n":4,"tags":["a"],"nested":{"x":4,"arr":[{"k":4,"l":0},{"k":5}, 7]}}`
	for _, c := range []struct {
		kind  payload.SelectKind
		paths []string
		want  string
	}{
		{payload.SelectAll, nil, o},
		{payload.SelectNone, nil, `{}`},
		{payload.SelectInclude, nil, `{}`},
		{payload.SelectInclude, []string{`n`, `nested.x`}, `{"n":4,"nested":{"x":4}}`},
		{payload.SelectInclude, []string{`nested.arr[].k`, `nope`}, `{"nested":{"arr":[{"k":4},{"k":5},7]}}`},
		{payload.SelectInclude, []string{`nested`, `nested.x`}, `{"nested":{"x":4,"arr":[{"k":4,"l":0},{"k":5},7]}}`},
		{payload.SelectInclude, []string{`n.deeper`, `nested.nope`}, `{"n":4,"nested":{}}`},
		{payload.SelectInclude, []string{`nested.arr[0]`}, `{"nested":{"arr":[]}}`},
		{payload.SelectInclude, []string{`tags[]`}, `{"tags":["a"]}`},
		{payload.SelectExclude, nil, o},
		{payload.SelectExclude, []string{`nested`, `tags`}, `{"n":4}`},
		{payload.SelectExclude, []string{`nested.arr[].k`, `n`}, `{"tags":["a"],"nested":{"x":4,"arr":[{"l":0},{},7]}}`},
		{payload.SelectExclude, []string{`tags[]`, `nested.arr[0]`}, `{"n":4,"tags":[],"nested":{"x":4,"arr":[{"k":4,"l":0},{"k":5},7]}}`},
		{payload.SelectExclude, []string{`n`, `tags`, `nested`}, `{}`},
	} {
		got := payload.Select(payloadtest.Object(t, o), payload.Selector{Kind: c.kind, Paths: mustPaths(t, c.paths...)})
		requireObject(t, c.want, got, "kind %d of %v", c.kind, c.paths)
	}
}

func requireObject(t *testing.T, want string, got payload.Object, format string, args ...any) {
	t.Helper()
	require.NoError(t, payload.Validate(got))
	require.Equal(t, payloadtest.JSON(t, payloadtest.Object(t, want).Value()), payloadtest.JSON(t, got.Value()),
		append([]any{format}, args...)...)
}
