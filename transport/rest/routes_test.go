package rest_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/transport/rest"
)

// operation is a documented route with its parameters filled in.
type operation struct{ method, path, pattern string }

var parameter = regexp.MustCompile(`\{(\w+)\}`)

// operations returns what the OpenAPI document has.
func operations(t testing.TB) []operation {
	t.Helper()
	values := map[string]string{"collection_name": "c", "id": "1", "shard_id": "0", "peer_id": "1"}
	var out []operation
	for pattern, item := range loadSpec(t).doc.Paths.Map() {
		path := parameter.ReplaceAllStringFunc(pattern, func(p string) string {
			if v, ok := values[strings.Trim(p, "{}")]; ok {
				return v
			}
			return "x"
		})
		for method := range item.Operations() {
			out = append(out, operation{method, path, pattern})
		}
	}
	slices.SortFunc(out, func(a, b operation) int { return strings.Compare(a.path+a.method, b.path+b.method) })
	return out
}

// TestEveryDocumentedRouteAnswers sends an empty object to all documented
// routes: each answers something that the document allows, none says that it
// is not there.
func TestEveryDocumentedRouteAnswers(t *testing.T) {
	server := newServer(t, func(o *rest.Options) {
		o.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			_, err := w.Write([]byte("# HELP x y\n"))
			require.NoError(t, err)
		})
	})
	spec := loadSpec(t)
	all := operations(t)
	require.Len(t, all, 75)
	for _, op := range all {
		create := call(t, server, "PUT", "/collections/c", `{"vectors":{"size":2,"distance":"Dot"}}`)
		require.Contains(t, []int{200, 409}, create.status)
		a := call(t, server, op.method, op.path, "{}")
		if a.status == http.StatusNotImplemented {
			require.Contains(t, string(a.body), "Not implemented: ")
		}
		require.NotEmpty(t, a.body, "%s %s: %d", op.method, op.pattern, a.status)
		spec.validate(t, &exchange{Do: op.method + " " + op.path}, a)
	}
}

func TestUnknownRoutesAreEmpty404s(t *testing.T) {
	server := newServer(t, nil)
	for _, do := range []string{
		"GET /nope", "POST /collections", "PUT /", "DELETE /healthz", "GET /collections/c/points/scroll/x", "HEAD /collections",
		"PATCH /collections/c/points", "OPTIONS /collections", "GET /dashboard", "POST /collections/c/snapshots/x",
	} {
		method, path, _ := strings.Cut(do, " ")
		a := call(t, server, method, path, "")
		require.Equal(t, 404, a.status, do)
		require.Empty(t, a.body, do)
		require.Equal(t, "tidemark/test", a.header.Get("Server"))
	}
}

func TestPathsAreNormalised(t *testing.T) {
	server := newServer(t, nil)
	create := func(path string) answer {
		return call(t, server, "PUT", path, `{"vectors":{"size":2,"distance":"Dot"}}`)
	}
	require.Equal(t, 200, create("//collections///c/").status)
	require.Equal(t, 200, call(t, server, "POST", "/collections/c//points/count/", "{}").status)
	require.Equal(t, 200, create("/collections/a%20+b").status)
	require.Equal(t, 200, create("/collections/a+%26").status)
	require.Equal(t, 422, create("/collections/a%2Fb").status)
	require.Equal(t, 422, create("/collections/.staging").status)
	require.Equal(t, 422, create("/collections/%ff").status)
	var list struct {
		Result struct {
			Collections []struct{ Name string }
		}
	}
	require.NoError(t, json.Unmarshal(call(t, server, "GET", "/collections", "").body, &list))
	var names []string
	for _, c := range list.Result.Collections {
		names = append(names, c.Name)
	}
	require.Equal(t, []string{"a +b", "a+&", "c"}, names)
}

func TestCORS(t *testing.T) {
	server := newServer(t, nil)
	a := call(t, server, "OPTIONS", "/collections/x", "", "Origin", "http://x", "Access-Control-Request-Method", "PUT",
		"Access-Control-Request-Headers", "api-key, content-type")
	require.Equal(t, 200, a.status)
	require.Equal(t, "*", a.header.Get("Access-Control-Allow-Origin"))
	require.Contains(t, a.header.Get("Access-Control-Allow-Methods"), "PUT")
	require.Equal(t, "api-key, content-type", a.header.Get("Access-Control-Allow-Headers"))
	require.Equal(t, "*", call(t, server, "GET", "/collections", "", "Origin", "http://x").header.Get("Access-Control-Allow-Origin"))

	closed := newServer(t, func(o *rest.Options) { o.DisableCORS = true })
	a = call(t, closed, "OPTIONS", "/collections/x", "", "Origin", "http://x", "Access-Control-Request-Method", "PUT")
	require.Equal(t, 404, a.status)
	require.Empty(t, a.header.Get("Access-Control-Allow-Origin"))
}

func TestCompression(t *testing.T) {
	server := newServer(t, nil)
	require.Equal(t, 200, call(t, server, "PUT", "/collections/c", `{"metadata":{"a":"`+strings.Repeat("x", 10000)+`"}}`).status)
	plain := call(t, server, "GET", "/collections/c", "")
	require.Empty(t, plain.header.Get("Content-Encoding"))
	result := func(b []byte) string {
		var v struct{ Result json.RawMessage }
		require.NoError(t, json.Unmarshal(b, &v))
		return string(v.Result)
	}

	packed := call(t, server, "GET", "/collections/c", "", "Accept-Encoding", "br, gzip;q=0.8")
	require.Equal(t, "gzip", packed.header.Get("Content-Encoding"))
	require.Less(t, len(packed.body), len(plain.body)/2)
	r, err := gzip.NewReader(strings.NewReader(string(packed.body)))
	require.NoError(t, err)
	var b strings.Builder
	_, err = r.WriteTo(&b)
	require.NoError(t, err)
	require.Equal(t, result(plain.body), result([]byte(b.String())))

	packed = call(t, server, "GET", "/collections/c", "", "Accept-Encoding", "gzip, zstd")
	require.Equal(t, "zstd", packed.header.Get("Content-Encoding"))
	dec, err := zstd.NewReader(nil)
	require.NoError(t, err)
	defer dec.Close()
	unpacked, err := dec.DecodeAll(packed.body, nil)
	require.NoError(t, err)
	require.Equal(t, result(plain.body), result(unpacked))

	require.Empty(t, call(t, server, "GET", "/collections/c", "", "Accept-Encoding", "gzip;q=0, identity").header.Get("Content-Encoding"))
	require.Empty(t, call(t, server, "GET", "/collections", "", "Accept-Encoding", "gzip").header.Get("Content-Encoding"), "small answers")
}

func TestReadiness(t *testing.T) {
	ready := false
	server := newServer(t, func(o *rest.Options) { o.Ready = func() bool { return ready } })
	require.Equal(t, 503, call(t, server, "GET", "/readyz", "").status)
	require.Equal(t, 200, call(t, server, "GET", "/livez", "").status)
	ready = true
	require.Equal(t, 200, call(t, server, "GET", "/readyz", "").status)
}

// TestTidemark tells that the state of a collection follows its writes.
func TestTidemark(t *testing.T) {
	server := newServer(t, nil)
	require.Equal(t, 200, call(t, server, "PUT", "/collections/c", `{"vectors":{"size":2,"distance":"Dot"}}`).status)
	type state struct {
		Position uint64 `json:"position"`
		Durable  uint64 `json:"durable_position"`
		Count    int    `json:"count"`
		Digest   string `json:"digest"`
	}
	get := func() state {
		var v struct{ Result state }
		a := call(t, server, "GET", "/collections/c/tidemark", "")
		require.Equal(t, 200, a.status)
		require.NoError(t, json.Unmarshal(a.body, &v))
		return v.Result
	}
	empty := get()
	require.Equal(t, 200, call(t, server, "PUT", "/collections/c/points?wait=true", `{"points":[{"id":1,"vector":[1,2]}]}`).status)
	one := get()
	require.Equal(t, 1, one.Count)
	require.Greater(t, one.Position, empty.Position)
	require.GreaterOrEqual(t, one.Durable, one.Position)
	require.Len(t, one.Digest, 32)
	require.NotEqual(t, empty.Digest, one.Digest)
	require.Equal(t, 200, call(t, server, "POST", "/collections/c/points/delete?wait=true", `{"points":[1]}`).status)
	require.Equal(t, empty.Digest, get().Digest)
}
