package payload_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/segments/payload"
	"github.com/tidemark-db/tidemark/segments/payload/payloadtest"
)

// FuzzValidate: what Validate accepts can be walked, and building it again
// gives the same bytes; so there is no second form of anything.
func FuzzValidate(f *testing.F) {
	for _, c := range goldenCases {
		var b payload.Builder
		c.build(&b)
		v, err := b.Value()
		require.NoError(f, err)
		f.Add([]byte(v))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if payload.ValidateValue(data) != nil {
			require.Error(t, validateUnlessEmpty(data))
			return
		}
		v := payload.Value(data)
		again := payloadtest.FromTree(t, payloadtest.Tree(v))
		require.Equal(t, v, again)
		if o := v.AsObject(); o != nil {
			require.NoError(t, payload.Validate(o))
			for key, value := range o.Fields() {
				got, ok := o.Get(string(key))
				require.True(t, ok)
				require.Equal(t, value, got)
			}
		}
	})
}

func validateUnlessEmpty(data []byte) error {
	if len(data) == 0 {
		return payload.ErrNotCanonical
	}
	return payload.Validate(data)
}

// FuzzParsePath: a path that is accepted prints as a path that is equal, and
// patching with it keeps payloads canonical.
func FuzzParsePath(f *testing.F) {
	for _, s := range []string{"a", `a.b[].c[0]."d e"`, `""`, "a..b", "a[", "ü.9"} {
		f.Add(s)
	}
	o := payloadtest.Object(f, `{"a":{"b":[{"c":[1]}]},"":1}`)
	patch := payloadtest.Object(f, `{"x":1}`)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := payload.ParsePath(text)
		if err != nil {
			require.True(t, p.IsZero())
			return
		}
		again, err := payload.ParsePath(p.String())
		require.NoError(t, err)
		require.True(t, p.Equal(again))
		require.NoError(t, payload.Validate(payload.MergeAt(o, p, patch)))
		require.NoError(t, payload.Validate(payload.Remove(o, []payload.Path{p})))
	})
}
