package rest_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/transport/rest"
)

// TestIndexedPointsAreCounted looks at the counts of payload indexes while
// points come, change and go, in memory and in segments.
func TestIndexedPointsAreCounted(t *testing.T) {
	const headBytes = 2000 // a few points
	server := newServer(t, func(o *rest.Options) { o.Store = newStore(t, headBytes) })
	send := func(method, path, body string) {
		t.Helper()
		a := call(t, server, method, path, body)
		require.Equal(t, 200, a.status, "%s", a.body)
	}
	points := func() map[string]int {
		var v struct {
			Result struct {
				Schema map[string]struct{ Points int } `json:"payload_schema"`
			}
		}
		require.NoError(t, json.Unmarshal(call(t, server, "GET", "/collections/c", "").body, &v))
		out := map[string]int{}
		for path, index := range v.Result.Schema {
			out[path] = index.Points
		}
		return out
	}
	send("PUT", "/collections/c", `{"vectors":{"size":1,"distance":"Dot"}}`)
	for path, schema := range map[string]string{
		"k": "keyword", "i": "integer", "f": "float", "b": "bool", "g": "geo", "d": "datetime", "u": "uuid", "t": "text", "l[].x": "integer",
	} {
		send("PUT", "/collections/c/index?wait=true", fmt.Sprintf(`{"field_name":%q,"field_schema":%q}`, path, schema))
	}
	require.Equal(t, 0, points()["k"])
	var all []string
	for i := range 10 {
		all = append(all, fmt.Sprintf(`{"id":%d,"vector":[1],"payload":{"z":1,"k":["a",1],"i":%d,"f":%d.5,"b":true,"g":{"lon":1,"lat":2},
			"d":"2024-01-01","u":"550e8400-e29b-41d4-a716-446655440000","t":"x","l":[{"y":1},{"x":%d}]}}`, i, i, i, i))
	}
	all = append(all, `{"id":100,"vector":[1],"payload":{"k":1,"i":1.5,"f":"1","b":0,"g":{"lon":1},"d":"soon","u":"x","t":[],"l":{"x":1}}}`)
	send("PUT", "/collections/c/points?wait=true", `{"points":[`+strings.Join(all, ",")+`]}`)
	want := map[string]int{"k": 10, "i": 10, "f": 10, "b": 10, "g": 10, "d": 10, "u": 10, "t": 10, "l[].x": 10}
	require.Equal(t, want, points())

	send("POST", "/collections/c/points/delete?wait=true", `{"points":[0,1]}`)
	want = map[string]int{"k": 8, "i": 8, "f": 8, "b": 8, "g": 8, "d": 8, "u": 8, "t": 8, "l[].x": 8}
	require.Equal(t, want, points())
	send("POST", "/collections/c/points/payload?wait=true", `{"payload":{"k":null,"i":null},"points":[2]}`)
	want["k"], want["i"] = 7, 7
	require.Equal(t, want, points())
	require.Equal(t, want, points(), "the same state again")
	require.Eventually(t, func() bool {
		var v struct {
			Result struct{ Segments int }
		}
		require.NoError(t, json.Unmarshal(call(t, server, "GET", "/collections/c/tidemark", "").body, &v))
		return v.Result.Segments > 0
	}, time.Minute, time.Millisecond)
	require.Equal(t, want, points())
	for _, id := range []string{"9", "8"} {
		send("POST", "/collections/c/points/delete?wait=true", `{"points":[`+id+`]}`)
		for path := range want {
			want[path]--
		}
		require.Equal(t, want, points(), "rows of a segment are dead")
	}
	send("DELETE", "/collections/c/index/k?wait=true", "")
	delete(want, "k")
	require.Equal(t, want, points())
	send("PUT", "/collections/c/index?wait=true", `{"field_name":"z","field_schema":"integer"}`)
	send("PUT", "/collections/c/index?wait=true", `{"field_name":"k","field_schema":"keyword"}`)
	want["k"], want["z"] = 5, 6
	require.Equal(t, want, points(), "an index that is new")
	for id := 200; id < 203; id++ {
		send("PUT", "/collections/c/points?wait=true", fmt.Sprintf(`{"points":[{"id":%d,"vector":[1],"payload":{"z":1}}]}`, id))
		want["z"]++
		require.Equal(t, want, points(), "what is in memory grows")
	}
}
