package rest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/transport/rest"
)

// fill creates collection c with n points whose payloads have size bytes each.
func fill(t testing.TB, h http.Handler, n, size int) {
	t.Helper()
	require.Equal(t, 200, call(t, h, "PUT", "/collections/c", `{"vectors":{"size":2,"distance":"Dot"}}`).status)
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,{"id":%d,"vector":[%d,1],"payload":{"n":%d,"s":"%s"}}`, i, i, i, strings.Repeat("x", size))
	}
	a := call(t, h, "PUT", "/collections/c/points?wait=true", `{"points":[`+b.String()[1:]+`]}`)
	require.Equal(t, 200, a.status, "%s", a.body)
	a = call(t, h, "PUT", "/collections/c/index?wait=true", `{"field_name":"n","field_schema":"integer"}`)
	require.Equal(t, 200, a.status, "%s", a.body)
}

// reads are the routes that answer with many points.
var reads = map[string]string{
	"/collections/c/points/scroll":   `{"limit":100000}`,
	"/collections/c/points/scroll?o": `{"limit":100000,"order_by":"n"}`,
	"/collections/c/points/query":    `{"query":[1,1],"limit":100000,"with_payload":true}`,
	"/collections/c/points/query?s":  `{"limit":100000,"with_payload":true}`,
}

// pointsIn counts the points of an answer.
func pointsIn(t *testing.T, body []byte) int {
	t.Helper()
	var a struct {
		Result struct {
			Points []struct{ Payload struct{ S string } }
		}
		Status string
	}
	require.NoError(t, json.Unmarshal(body, &a))
	require.Equal(t, "ok", a.Status)
	return len(a.Result.Points)
}

func TestLargeAnswersAreWhole(t *testing.T) {
	server := newServer(t, nil)
	const n = 100
	fill(t, server, n, 20_000) // several parts
	for path, body := range reads {
		a := call(t, server, "POST", path, body)
		require.Equal(t, 200, a.status, "%s", a.body)
		require.Equal(t, fmt.Sprint(len(a.body)), a.header.Get("Content-Length"))
		require.Equal(t, n, pointsIn(t, a.body), path)

		a = call(t, server, "POST", path, body, "Accept-Encoding", "gzip")
		require.Equal(t, "gzip", a.header.Get("Content-Encoding"))
		gz, err := gzip.NewReader(bytes.NewReader(a.body))
		require.NoError(t, err)
		plain, err := io.ReadAll(gz)
		require.NoError(t, err)
		require.Equal(t, n, pointsIn(t, plain))

		a = call(t, server, "POST", path, body, "Accept-Encoding", "zstd")
		require.Equal(t, "zstd", a.header.Get("Content-Encoding"))
		dec, err := zstd.NewReader(bytes.NewReader(a.body))
		require.NoError(t, err)
		plain, err = io.ReadAll(dec)
		dec.Close()
		require.NoError(t, err)
		require.Equal(t, n, pointsIn(t, plain))
	}
}

// watching is a client that does something when the answer reaches it.
type watching struct {
	*httptest.ResponseRecorder
	first func()
}

func (w *watching) Write(b []byte) (int, error) {
	if w.first != nil {
		w.first()
		w.first = nil
	}
	return w.ResponseRecorder.Write(b)
}

func TestViewsAreReleasedBeforeTheAnswer(t *testing.T) {
	store := newStore(t, 0)
	server := newServer(t, func(o *rest.Options) { o.Store = store })
	fill(t, server, 10, 10)
	col, err := store.Collection("c")
	require.NoError(t, err)
	for path, body := range reads {
		looked := false
		w := &watching{httptest.NewRecorder(), func() {
			looked = true
			st, err := col.Stats(t.Context())
			require.NoError(t, err)
			require.Zero(t, st.PinnedViews, path)
		}}
		server.ServeHTTP(w, httptest.NewRequest("POST", path, strings.NewReader(body)))
		require.True(t, looked)
		require.Equal(t, 200, w.Code)
	}
}

// countedContext counts how often somebody looks whether it has ended.
type countedContext struct {
	context.Context
	looks atomic.Int64
}

func (c *countedContext) Err() error { c.looks.Add(1); return c.Context.Err() }

func TestRowsLookWhetherAnybodyWaits(t *testing.T) {
	server := newServer(t, nil)
	const n = 300
	fill(t, server, n, 10)
	for path, body := range reads {
		ctx := &countedContext{Context: t.Context()}
		a := serve(server, httptest.NewRequest("POST", path, strings.NewReader(body)).WithContext(ctx))
		require.Equal(t, 200, a.status)
		require.GreaterOrEqual(t, ctx.looks.Load(), int64(n), path)
	}
}

func TestAnswersAreBounded(t *testing.T) {
	server := newServer(t, func(o *rest.Options) { o.MaxReadBytes = 1 << 20 })
	fill(t, server, 100, 20_000)
	for path, body := range reads {
		a := call(t, server, "POST", path, body)
		require.Equal(t, 400, a.status)
		require.Contains(t, string(a.body), "ask for fewer points")
	}
	for range 20 { // nothing is lost
		a := call(t, server, "POST", "/collections/c/points/scroll", `{"limit":30}`)
		require.Equal(t, 200, a.status, "%.300s", a.body)
	}
}

func TestAnswersWaitForEachOther(t *testing.T) {
	server := newServer(t, func(o *rest.Options) { o.MaxReadBytes = 3 << 20 })
	fill(t, server, 100, 20_000) // an answer of 2 MB
	const scroll = `{"limit":100000}`
	taken, take, served := make(chan struct{}), make(chan struct{}), make(chan int)
	w := &watching{httptest.NewRecorder(), func() { close(taken); <-take }}
	go func() {
		server.ServeHTTP(w, httptest.NewRequest("POST", "/collections/c/points/scroll", strings.NewReader(scroll)))
		served <- w.Code
	}()
	<-taken
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	a := serve(server, httptest.NewRequest("POST", "/collections/c/points/scroll", strings.NewReader(scroll)).WithContext(ctx))
	require.Equal(t, 408, a.status, "it waits for the first: %.300s", a.body)
	close(take)
	require.Equal(t, 200, <-served)
	require.Equal(t, 200, call(t, server, "POST", "/collections/c/points/scroll", scroll).status)
}
