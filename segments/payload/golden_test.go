package payload_test

import (
	"encoding/hex"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/segments/payload"
)

var update = flag.Bool("update", false, "write the golden file instead of comparing with it")

// TestGolden fixes the encoding: payloads that were stored once must be read
// for ever. A difference is a change of every format that holds payloads.
func TestGolden(t *testing.T) {
	var out strings.Builder
	for _, c := range goldenCases {
		var b payload.Builder
		c.build(&b)
		v, err := b.Value()
		require.NoError(t, err, c.name)
		require.NoError(t, payload.ValidateValue(v), c.name)
		out.WriteString(c.name + "\n" + hex.EncodeToString(v) + "\n")
	}
	path := filepath.Join("testdata", "encoding.golden")
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(out.String()), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), out.String())
}

var goldenCases = []struct {
	name  string
	build func(b *payload.Builder)
}{
	{"null", func(b *payload.Builder) { b.Null() }},
	{"false", func(b *payload.Builder) { b.Bool(false) }},
	{"true", func(b *payload.Builder) { b.Bool(true) }},
	{"int 0", func(b *payload.Builder) { b.Int(0) }},
	{"int -2", func(b *payload.Builder) { b.Int(-2) }},
	{"int max", func(b *payload.Builder) { b.Int(math.MaxInt64) }},
	{"int max given as uint", func(b *payload.Builder) { b.Uint(math.MaxInt64) }},
	{"uint max+1", func(b *payload.Builder) { b.Uint(math.MaxInt64 + 1) }},
	{"float 1.5", func(b *payload.Builder) { b.Float(1.5) }},
	{"float 1", func(b *payload.Builder) { b.Float(1) }},
	{"float -0", func(b *payload.Builder) { b.Float(math.Copysign(0, -1)) }},
	{"string empty", func(b *payload.Builder) { b.String("") }},
	{"string München", func(b *payload.Builder) { b.String("München") }},
	{"string of 200 a", func(b *payload.Builder) { b.String(strings.Repeat("a", 200)) }},
	{"array empty", func(b *payload.Builder) { b.BeginArray(); b.End() }},
	{"array [1,null,[]]", func(b *payload.Builder) {
		b.BeginArray()
		b.Int(1)
		b.Null()
		b.BeginArray()
		b.End()
		b.End()
	}},
	{"array of 130 nulls", func(b *payload.Builder) {
		b.BeginArray()
		for range 130 {
			b.Null()
		}
		b.End()
	}},
	{"object empty", func(b *payload.Builder) { b.BeginObject(); b.End() }},
	{`object {"b":{"y":true,"x":"s"},"":1,"a":[2.5],"ä":null}`, func(b *payload.Builder) {
		b.BeginObject()
		b.Key("b")
		b.BeginObject()
		b.Key("y")
		b.Bool(true)
		b.Key("x")
		b.String("s")
		b.End()
		b.Key("")
		b.Int(1)
		b.Key("a")
		b.BeginArray()
		b.Float(2.5)
		b.End()
		b.Key("ä")
		b.Null()
		b.End()
	}},
}
