package payload_test

import (
	"maps"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tidemark-db/tidemark/segments/payload"
	"github.com/tidemark-db/tidemark/segments/payload/payloadtest"
)

// The model works on trees and on the steps of a path as texts: a key, or "[]",
// or "[n]". It shares nothing with the code that it judges.

func modelMerge(o, patch map[string]any) map[string]any {
	out := maps.Clone(o)
	for k, v := range patch {
		if v == nil {
			delete(out, k)
		} else {
			out[k] = v
		}
	}
	return out
}

func modelMergeAt(v any, steps []string, patch map[string]any) any {
	if len(steps) == 0 {
		o, _ := v.(map[string]any)
		if o == nil {
			o = map[string]any{}
		}
		return modelMerge(o, patch)
	}
	if strings.HasPrefix(steps[0], "[") {
		list, _ := v.([]any)
		out := []any{}
		for i, e := range list {
			if modelNames(steps[0], i) {
				e = modelMergeAt(e, steps[1:], patch)
			}
			out = append(out, e)
		}
		return out
	}
	out := map[string]any{}
	if o, ok := v.(map[string]any); ok {
		out = maps.Clone(o)
	}
	out[steps[0]] = modelMergeAt(out[steps[0]], steps[1:], patch)
	return out
}

func modelRemove(v any, steps []string) any {
	last := len(steps) == 1
	switch v := v.(type) {
	case map[string]any:
		out := maps.Clone(v)
		old, ok := out[steps[0]]
		switch {
		case !ok:
		case last:
			delete(out, steps[0])
		default:
			out[steps[0]] = modelRemove(old, steps[1:])
		}
		return out
	case []any:
		out := []any{}
		for i, e := range v {
			switch {
			case last && steps[0] == "[]":
				continue
			case !last && modelNames(steps[0], i):
				e = modelRemove(e, steps[1:])
			}
			out = append(out, e)
		}
		return out
	default:
		return v
	}
}

func modelNames(step string, i int) bool { return step == "[]" || step == "["+strconv.Itoa(i)+"]" }

// modelSelect keeps a value if keep says so of its path.
func modelSelect(v any, path []string, keep func(path []string) bool) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			if p := append(path[:len(path):len(path)], k); keep(p) {
				out[k] = modelSelect(e, p, keep)
			}
		}
		return out
	case []any:
		out := []any{}
		for _, e := range v {
			if p := append(path[:len(path):len(path)], "[]"); keep(p) {
				out = append(out, modelSelect(e, p, keep))
			}
		}
		return out
	default:
		return v
	}
}

func isPrefix(a, b []string) bool {
	for i := range a {
		if i == len(b) || a[i] != b[i] {
			return false
		}
	}
	return true
}

var (
	genKey   = rapid.SampledFrom([]string{"a", "b", "c", "ü", "x y", ""})
	genText  = rapid.SampledFrom([]string{"", "red", "ü", "a longer text than the others"})
	genInt   = rapid.OneOf(rapid.Int64(), rapid.Int64Range(-2, 2))
	genUint  = rapid.Uint64Range(1<<63, 1<<64-1)
	genFloat = rapid.Float64Range(-1e300, 1e300)
)

func genTree(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		kind := rapid.IntRange(0, 7).Draw(t, "kind")
		if depth == 0 {
			kind %= 6
		}
		switch kind {
		case 0:
			return nil
		case 1:
			return rapid.Bool().Draw(t, "bool")
		case 2:
			return genInt.Draw(t, "int")
		case 3:
			return genUint.Draw(t, "uint")
		case 4:
			return genFloat.Draw(t, "float")
		case 5:
			return genText.Draw(t, "text")
		case 6:
			return rapid.SliceOfN(genTree(depth-1), 0, 4).Draw(t, "list")
		default:
			return genObject(depth).Draw(t, "object")
		}
	})
}

func genObject(depth int) *rapid.Generator[map[string]any] {
	return rapid.MapOfN(genKey, genTree(depth-1), 0, 4)
}

func genSteps() *rapid.Generator[[]string] {
	return rapid.Custom(func(t *rapid.T) []string {
		step := rapid.OneOf(genKey, rapid.SampledFrom([]string{"[]", "[0]", "[1]", "[5]"}))
		return append([]string{genKey.Draw(t, "first")}, rapid.SliceOfN(step, 0, 3).Draw(t, "rest")...)
	})
}

func pathOf(t *rapid.T, steps []string) payload.Path {
	text := ""
	for i, s := range steps {
		switch {
		case i > 0 && strings.HasPrefix(s, "["):
			text += s
		case i > 0:
			text += `."` + s + `"`
		default:
			text += `"` + s + `"`
		}
	}
	p, err := payload.ParsePath(text)
	require.NoError(t, err, text)
	return p
}

func TestPatchesAgreeWithTheModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		tree, patchTree := genObject(4).Draw(rt, "payload"), genObject(2).Draw(rt, "patch")
		steps := genSteps().Draw(rt, "path")
		o, patch := payloadtest.FromTree(t, tree).AsObject(), payloadtest.FromTree(t, patchTree).AsObject()
		before := string(o)
		path := pathOf(rt, steps)

		check := func(want any, got payload.Object) {
			require.NoError(rt, payload.Validate(got))
			require.Equal(rt, payloadtest.FromTree(t, want).AsObject(), got)
			require.Equal(rt, before, string(o), "the payload itself never changes")
		}
		check(tree, o)
		check(modelMerge(tree, patchTree), payload.Merge(o, patch))
		check(modelMergeAt(tree, steps, patchTree), payload.MergeAt(o, path, patch))
		check(modelRemove(tree, steps), payload.Remove(o, []payload.Path{path}))
	})
}

func TestSelectAgreesWithTheModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		tree := genObject(4).Draw(rt, "payload")
		patterns := rapid.SliceOfN(genSteps(), 0, 3).Draw(rt, "paths")
		o := payloadtest.FromTree(t, tree).AsObject()
		var paths []payload.Path
		for _, steps := range patterns {
			paths = append(paths, pathOf(rt, steps))
		}
		included := func(path []string) bool {
			for _, p := range patterns {
				if isPrefix(p, path) || isPrefix(path, p) {
					return true
				}
			}
			return false
		}
		notExcluded := func(path []string) bool {
			for _, p := range patterns {
				if isPrefix(p, path) {
					return false
				}
			}
			return true
		}
		for kind, keep := range map[payload.SelectKind]func([]string) bool{
			payload.SelectInclude: included, payload.SelectExclude: notExcluded,
		} {
			want := modelSelect(tree, nil, keep)
			got := payload.Select(o, payload.Selector{Kind: kind, Paths: paths})
			require.NoError(rt, payload.Validate(got))
			require.Equal(rt, payloadtest.FromTree(t, want).AsObject(), got)
		}
	})
}

func TestTreesSurviveTheEncoding(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		tree := genTree(4).Draw(rt, "tree")
		v := payloadtest.FromTree(t, tree)
		require.NoError(rt, payload.ValidateValue(v))
		require.Equal(rt, tree, payloadtest.Tree(v))
	})
}
