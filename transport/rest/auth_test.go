package rest_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/transport"
	"github.com/tidemark-db/tidemark/transport/rest"
)

func withKeys(o *rest.Options) {
	o.Keys = transport.Keys{APIKey: "secret", AltAPIKey: "other", ReadOnlyAPIKey: "reader"}
}

// TestAuthReplay replays what was recorded on a server with keys. Snapshots are
// judged by their refusals only.
func TestAuthReplay(t *testing.T) {
	server := newServer(t, withKeys)
	spec := loadSpec(t)
	for _, e := range recording(t, "auth") {
		path := strings.Fields(e.Do)[1]
		if strings.Contains(path, "snapshots") && e.Status == http.StatusOK || strings.Contains(e.text(), "larger than allowed") {
			continue
		}
		a := exchangeOnce(t, server, &e)
		if a.status == http.StatusUnauthorized {
			require.Equal(t, "text/plain; charset=utf-8", a.header.Get("Content-Type"))
		} else {
			spec.validate(t, &e, a)
		}
		if path == "/metrics" && a.status != e.Status {
			t.Errorf("%s: %d", e.Do, a.status)
		}
		compareAnswer(t, &e, a)
	}
}

// text returns the text of the error that was recorded.
func (e *exchange) text() string {
	b, err := json.Marshal(e.Answer)
	if err != nil {
		return ""
	}
	return string(b)
}

func TestKeys(t *testing.T) {
	server := newServer(t, withKeys)
	cases := []struct {
		method, path string
		header       []string
		status       int
	}{
		{"GET", "/collections", []string{"api-key", "secret"}, 200},
		{"GET", "/collections", []string{"api-key", "other"}, 200},
		{"GET", "/collections", []string{"Authorization", "Bearer other"}, 200},
		{"GET", "/collections", []string{"Authorization", "bearer other"}, 401},
		{"GET", "/collections", []string{"api-key", "secre"}, 401},
		{"GET", "/collections", []string{"api-key", "secret "}, 401},
		{"GET", "/nope", nil, 401},
		{"GET", "/nope", []string{"api-key", "reader"}, 404},
		{"GET", "//healthz/", nil, 200},
		{"GET", "/telemetry", []string{"api-key", "reader"}, 200},
		{"DELETE", "/issues", []string{"api-key", "reader"}, 403},
		{"POST", "/collections/x/points/scroll", []string{"api-key", "reader"}, 404},
		{"POST", "/collections/x/points/delete", []string{"api-key", "reader"}, 403},
		{"POST", "/collections/x/points/search", []string{"api-key", "reader"}, 501},
	}
	for _, c := range cases {
		a := call(t, server, c.method, c.path, "{}", c.header...)
		require.Equal(t, c.status, a.status, "%s %s %v: %s", c.method, c.path, c.header, a.body)
	}
}

// TestEveryWriteNeedsTheManagingKey holds the route table against the methods:
// whoever adds a route must decide.
func TestEveryWriteNeedsTheManagingKey(t *testing.T) {
	server := newServer(t, withKeys)
	for _, op := range operations(t) {
		reads := op.method == http.MethodGet && !strings.HasSuffix(op.path, "/shards/0/snapshot") // which takes one
		for _, part := range []string{"/points/scroll", "/points/count", "/search", "/recommend", "/discover", "/query", "/facet"} {
			reads = reads || strings.Contains(op.path, part)
		}
		reads = reads || op.method == http.MethodPost && strings.HasSuffix(op.path, "/points")
		a := call(t, server, op.method, op.path, "{}", "api-key", "reader")
		require.Equal(t, reads, a.status != http.StatusForbidden, "%s %s: %d", op.method, op.path, a.status)
	}
}

func TestBodyLimit(t *testing.T) {
	server := newServer(t, func(o *rest.Options) { o.MaxRequestBytes = 100 })
	long := `{"vectors":{"size":4,"distance":"Dot"}}` + strings.Repeat(" ", 80)
	a := call(t, server, "PUT", "/collections/c", long)
	require.Equal(t, 400, a.status)
	require.Contains(t, string(a.body), `"JSON payload (119 bytes) is larger than allowed (limit: 100 bytes)."`)

	r := httptest.NewRequest("PUT", "/collections/c", strings.NewReader(long))
	r.ContentLength = -1 // sent in chunks
	w := httptest.NewRecorder()
	server.ServeHTTP(w, r)
	require.Equal(t, 400, w.Code)
	require.Contains(t, w.Body.String(), "JSON payload has exceeded limit (100 bytes).")

	require.Equal(t, 200, call(t, server, "PUT", "/collections/c", long[:100]).status)
}
