package filter_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/index/filter"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/segments/payload/payloadtest"
)

const benchDoc = `{"city":"Berlin","price":4.5,"count":17,"open":true,"tags":["a","b","c"],"n":null,
	"address":{"street":"Unter den Linden","number":77,"location":{"lon":13.38,"lat":52.51}},
	"title":"A text of the length that titles have, ÄÖÜ included","created":"2024-01-02T03:04:05Z",
	"offers":[{"price":1,"size":"S"},{"price":2,"size":"M"},{"price":3,"size":"L"}]}`

// benchFilters has at least one filter for each kind of condition. All of them
// match benchDoc.
var benchFilters = []struct{ name, filter string }{
	{"string", `{"must":[{"key":"city","match":{"value":"Berlin"}}]}`},
	{"int", `{"must":[{"key":"count","match":{"value":17}}]}`},
	{"any", `{"must":[{"key":"city","match":{"any":["Rome","Paris","Berlin"]}}]}`},
	{"except", `{"must":[{"key":"city","match":{"except":["Rome","Paris"]}}]}`},
	{"element", `{"must":[{"key":"tags","match":{"value":"c"}}]}`},
	{"range", `{"must":[{"key":"price","range":{"gte":4,"lt":5}}]}`},
	{"time", `{"must":[{"key":"created","range":{"gte":"2024-01-01"}}]}`},
	{"substring", `{"must":[{"key":"address.street","match":{"text":"Linden"}}]}`},
	{"tokens", `{"must":[{"key":"title","match":{"text":"titles äöü INCLUDED"}}]}`},
	{"phrase", `{"must":[{"key":"title","match":{"phrase":"length that titles"}}]}`},
	{"text any", `{"must":[{"key":"title","match":{"text_any":"none äöü"}}]}`},
	{"geo radius", `{"must":[{"key":"address.location","geo_radius":{"center":{"lon":13.4,"lat":52.5},"radius":5000}}]}`},
	{"geo box", `{"must":[{"key":"address.location","geo_bounding_box":{"top_left":{"lon":13,"lat":53},"bottom_right":{"lon":14,"lat":52}}}]}`},
	{"geo polygon", `{"must":[{"key":"address.location","geo_polygon":{"exterior":{"points":[{"lon":13,"lat":52},{"lon":14,"lat":52},{"lon":13.5,"lat":53},{"lon":13,"lat":52}]}}}]}`},
	{"values count", `{"must":[{"key":"tags","values_count":{"gt":2}}]}`},
	{"is empty", `{"must":[{"is_empty":{"key":"none"}}]}`},
	{"is null", `{"must":[{"is_null":{"key":"n"}},{"key":"none","is_null":false}]}`},
	{"nested", `{"must":[{"nested":{"key":"offers","filter":{"must":[{"key":"price","match":{"value":2}},{"key":"size","match":{"value":"M"}}]}}}]}`},
	{"wildcard", `{"must":[{"key":"offers[].size","match":{"value":"L"}}]}`},
	{"has id", `{"must":[{"has_id":[1,2,3]}]}`},
	{"has vector", `{"must":[{"has_vector":""}]}`},
	{"min should", `{"min_should":{"min_count":2,"conditions":[{"key":"city","match":{"value":"Rome"}},{"key":"open","match":{"value":true}},{"has_id":[1]}]}}`},
	{"combined", `{"must":[{"key":"city","match":{"value":"Berlin"}},{"key":"price","range":{"lt":10}}],"must_not":[{"key":"open","match":{"value":false}}],"should":[{"must":[{"key":"count","match":{"value":17}}]}]}`},
}

func benchIndexes() map[string]filter.FieldIndex {
	return map[string]filter.FieldIndex{"title": filter.IndexOf(filter.Text)}
}

func benchPoint(tb testing.TB) *point {
	return &point{id: segments.NumberID(1), payload: payloadtest.Object(tb, benchDoc), vectors: []string{""}}
}

func BenchmarkMatch(b *testing.B) {
	for _, c := range benchFilters {
		b.Run(c.name, func(b *testing.B) {
			compiled, p := compile(b, c.filter, benchIndexes()), benchPoint(b)
			b.ReportAllocs()
			for b.Loop() {
				_, _ = compiled.Match(p)
			}
		})
	}
}

func BenchmarkOrderValues(b *testing.B) {
	p := benchPoint(b)
	order, err := filter.CompileOrder(path(b, "created"), filter.Env{
		Indexes: map[string]filter.FieldIndex{"created": filter.IndexOf(filter.Datetime)},
	})
	require.NoError(b, err)
	var values []filter.OrderValue
	b.ReportAllocs()
	for b.Loop() {
		values = order.AppendValues(values[:0], p.payload)
	}
}

// TestMatchDoesNotAllocate: a scan judges millions of points.
func TestMatchDoesNotAllocate(t *testing.T) {
	for _, c := range benchFilters {
		p := benchPoint(t)
		compiled := compile(t, c.filter, benchIndexes())
		require.True(t, matches(t, compiled, p), c.name)
		allocs := testing.AllocsPerRun(100, func() { _, _ = compiled.Match(p) })
		require.Zero(t, allocs, c.name)
	}
}
