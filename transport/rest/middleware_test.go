package rest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/transport/rest"
)

func TestPanicsBecomeErrors(t *testing.T) {
	var log bytes.Buffer
	server := newServer(t, func(o *rest.Options) {
		o.Logger = slog.New(slog.NewTextHandler(&log, nil))
		o.Metrics = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a secret") })
	})
	a := call(t, server, "GET", "/metrics", "")
	require.Equal(t, 500, a.status)
	require.Contains(t, string(a.body), `{"status":{"error":"Service internal error: `)
	require.NotContains(t, string(a.body), "secret")
	require.Contains(t, log.String(), "a secret")
	require.Contains(t, log.String(), "middleware_test.go", "the stack is in the log")
	require.Equal(t, 200, call(t, server, "GET", "/collections", "").status)
}

func TestOneLogLineForEachRequest(t *testing.T) {
	var log bytes.Buffer
	server := newServer(t, func(o *rest.Options) {
		o.Logger = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	call(t, server, "GET", "//collections/", "", "User-Agent", "me")
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	require.Len(t, lines, 1)
	var line map[string]any
	require.NoError(t, json.Unmarshal([]byte(lines[0]), &line))
	require.Equal(t, "DEBUG", line["level"])
	require.Equal(t, "/collections", line["path"])
	require.EqualValues(t, 200, line["status"])
	require.Equal(t, "me", line["agent"])

	log.Reset()
	call(t, server, "GET", "/collections/none", "")
	require.Equal(t, 1, strings.Count(log.String(), "\n"))
	require.Contains(t, log.String(), "Collection `none` doesn't exist!")

	log.Reset()
	quiet := newServer(t, func(o *rest.Options) { o.Logger = slog.New(slog.NewJSONHandler(&log, nil)) })
	call(t, quiet, "GET", "/collections", "")
	require.Empty(t, log.String())
}

// recorder is an Observer that remembers.
type recorder struct {
	mu   sync.Mutex
	seen []string
}

func (*recorder) MemoryHeld(int64, int64) {}

func (*recorder) MemoryRefused() {}

func (r *recorder) Answered(method, route, collection string, status int, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if took < 0 {
		route = "negative time"
	}
	r.seen = append(r.seen, fmt.Sprintf("%s %s %s %d", method, route, collection, status))
}

func TestObserverAndTelemetry(t *testing.T) {
	var seen recorder
	server := newServer(t, func(o *rest.Options) { o.Observer = &seen })
	call(t, server, "PUT", "/collections/c", "{}")
	call(t, server, "GET", "/collections/none", "")
	call(t, server, "GET", "/nope", "")
	call(t, server, "BREW", "/nope", "")
	require.Equal(t, []string{
		"PUT /collections/{collection_name} c 200", "GET /collections/{collection_name} none 404", "GET   404", "OTHER   404",
	}, seen.seen)

	var v struct {
		Result struct {
			Requests struct {
				Rest struct {
					Responses map[string]map[string]struct {
						Count int `json:"count"`
					}
				}
			}
		}
	}
	require.NoError(t, json.Unmarshal(call(t, server, "GET", "/telemetry", "").body, &v))
	require.Equal(t, 1, v.Result.Requests.Rest.Responses["PUT /collections/{collection_name}"]["200"].Count)
	require.Equal(t, 1, v.Result.Requests.Rest.Responses["GET unknown"]["404"].Count)
}

// TestRequestsEndWithTheirContext sends requests whose client is gone.
func TestRequestsEndWithTheirContext(t *testing.T) {
	server := newServer(t, nil)
	require.Equal(t, 200, call(t, server, "PUT", "/collections/c", `{"vectors":{"size":1,"distance":"Dot"}}`).status)
	require.Equal(t, 200, call(t, server, "PUT", "/collections/c/points?wait=true", `{"points":[{"id":1,"vector":[1]}]}`).status)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, do := range []string{"POST /collections/c/points/scroll", "POST /collections/c/points"} {
		method, path, _ := strings.Cut(do, " ")
		r, err := http.NewRequestWithContext(ctx, method, path, strings.NewReader(`{"ids":[1],"filter":{"must":[{"key":"a","match":{"value":1}}]}}`))
		require.NoError(t, err)
		a := serve(server, r)
		require.Contains(t, []int{200, 503}, a.status, do)
		require.NotEmpty(t, a.body)
	}
}

// TestConcurrentRequests mixes writes and reads of one collection, so that the
// race detector sees what they share.
func TestConcurrentRequests(t *testing.T) {
	server := newServer(t, nil)
	require.Equal(t, 200, call(t, server, "PUT", "/collections/c", `{"vectors":{"size":2,"distance":"Cosine"}}`).status)
	require.Equal(t, 200, call(t, server, "PUT", "/collections/c/index?wait=true", `{"field_name":"n","field_schema":"integer"}`).status)
	const workers, rounds = 6, 30
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range rounds {
				id := w*rounds + i
				body := fmt.Sprintf(`{"points":[{"id":%d,"vector":[%d,1],"payload":{"n":%d,"w":"%d"}}]}`, id, id, id, w)
				a := call(t, server, "PUT", "/collections/c/points?wait="+fmt.Sprint(i%2 == 0), body)
				if a.status != 200 {
					t.Errorf("%d %s", a.status, a.body)
				}
				mine := fmt.Sprintf(`{"filter":{"must":[{"key":"w","match":{"value":"%d"}}]}}`, w)
				if a := call(t, server, "POST", "/collections/c/points/count", mine); !strings.Contains(string(a.body), fmt.Sprintf(`"count":%d}`, i+1)) {
					t.Errorf("after %d acknowledged writes: %s", i+1, a.body)
				}
				call(t, server, "POST", "/collections/c/points/query", `{"query":[1,2],"limit":3,"with_vector":true,"with_payload":true}`)
				call(t, server, "GET", "/collections/c", "")
			}
		})
	}
	wg.Wait()
	require.Contains(t, string(call(t, server, "POST", "/collections/c/points/count", "{}").body), fmt.Sprintf(`"count":%d}`, workers*rounds))
}
