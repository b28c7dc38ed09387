package payload_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/segments/payload"
	"github.com/tidemark-db/tidemark/segments/payload/payloadtest"
)

const benchDoc = `{"city":"Berlin","price":4.5,"count":17,"open":true,"tags":["a","b","c"],
	"address":{"street":"Unter den Linden","number":77,"location":{"lon":13.38,"lat":52.51}},
	"title":"A text of the length that titles have","created":"2024-01-02T03:04:05Z"}`

func BenchmarkGet(b *testing.B) {
	o := payloadtest.Object(b, benchDoc)
	for b.Loop() {
		o.Get("title")
	}
}

func BenchmarkPathAny(b *testing.B) {
	o := payloadtest.Object(b, benchDoc)
	p := mustPath(b, "address.location.lat")
	for b.Loop() {
		p.Any(o.Value(), func(v payload.Value) bool { return v.Float() > 50 })
	}
}

func BenchmarkValidate(b *testing.B) {
	o := payloadtest.Object(b, benchDoc)
	b.SetBytes(int64(len(o)))
	for b.Loop() {
		_ = payload.Validate(o)
	}
}

func BenchmarkBuild(b *testing.B) {
	var builder payload.Builder
	for b.Loop() {
		builder.Reset()
		builder.BeginObject()
		builder.Key("city")
		builder.String("Berlin")
		builder.Key("tags")
		builder.BeginArray()
		builder.String("a")
		builder.String("b")
		builder.End()
		builder.Key("count")
		builder.Int(17)
		builder.Key("address")
		builder.BeginObject()
		builder.Key("number")
		builder.Int(77)
		builder.End()
		builder.End()
		_, _ = builder.Object()
	}
}

func BenchmarkMerge(b *testing.B) {
	o, patch := payloadtest.Object(b, benchDoc), payloadtest.Object(b, `{"count":18,"new":null}`)
	for b.Loop() {
		payload.Merge(o, patch)
	}
}

// TestReadingDoesNotAllocate holds what filters rely on.
func TestReadingDoesNotAllocate(t *testing.T) {
	o := payloadtest.Object(t, benchDoc)
	lat, tags := mustPath(t, "address.location.lat"), mustPath(t, "tags[]")
	found := 0
	allocs := testing.AllocsPerRun(100, func() {
		v, _ := o.Get("tags")
		for e := range v.Elements() {
			found += e.Len()
		}
		for k, e := range o.Fields() {
			found += len(k) + len(e)
		}
		lat.Any(o.Value(), func(v payload.Value) bool { found++; return v.Float() > 50 })
		tags.Any(o.Value(), func(v payload.Value) bool { found++; return string(v.Str()) == "c" })
	})
	require.Zero(t, allocs)
	require.NotZero(t, found)
}
