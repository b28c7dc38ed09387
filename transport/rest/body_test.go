package rest_test

import (
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/transport/rest"
	"github.com/tidemark-db/tidemark/wal"
	"github.com/tidemark-db/tidemark/wal/local"
)

// smallStore opens a store with a budget of that many bytes, whose writes do
// not wait for it.
func smallStore(t *testing.T, budget int64) *tidemark.Store {
	t.Helper()
	store, err := tidemark.Open(t.Context(), tidemark.Options{
		Dir: t.TempDir(), Budget: budget, Patience: 1,
		OpenLog: func(o tidemark.LogOptions) (wal.Log, error) {
			log, _, err := local.Open(o.Dir, local.Options{Logger: o.Logger})
			return log, err
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close(t.Context())) })
	return store
}

// watchedBody tells what happens when it is read first.
type watchedBody struct {
	io.Reader
	first func()
}

func (b *watchedBody) Read(p []byte) (int, error) {
	if b.first != nil {
		b.first()
		b.first = nil
	}
	return b.Reader.Read(p)
}

// TestBodiesOfWritesAreInTheBudget looks at the budget when the first byte of a
// body is read, and after the answer.
func TestBodiesOfWritesAreInTheBudget(t *testing.T) {
	store := smallStore(t, 8<<20)
	server := newServer(t, func(o *rest.Options) { o.Store = store })
	require.Equal(t, 200, call(t, server, "PUT", "/collections/c", `{"vectors":{}}`).status)
	before, _ := store.Budget()
	text := `{"points":[],"other":"` + strings.Repeat("x", 1<<20) + `"}`
	for _, length := range []int64{int64(len(text)), -1} { // announced, and in chunks
		var during int64
		r := httptest.NewRequest("PUT", "/collections/c/points?wait=true", nil)
		head, rest := strings.NewReader(text[:len(text)-1]), strings.NewReader(text[len(text)-1:])
		r.Body = io.NopCloser(io.MultiReader(head, &watchedBody{rest, func() { during, _ = store.Budget() }}))
		r.ContentLength = length
		a := serve(server, r)
		require.Equal(t, 400, a.status, "%s", a.body)
		require.Contains(t, string(a.body), "Empty update request")
		require.Greater(t, during-before, int64(2<<20), "more than the body itself")
		after, _ := store.Budget()
		require.Equal(t, before, after)
	}
	held, err := store.AdmitBytes(t.Context(), 6<<20)
	require.NoError(t, err)
	r := httptest.NewRequest("PUT", "/collections/c/points?wait=true", nil)
	r.Body = io.NopCloser(&watchedBody{strings.NewReader(text), func() { t.Error("a body was read for which there is no room") }})
	r.ContentLength = int64(len(text))
	a := serve(server, r)
	require.Equal(t, 503, a.status, "%s", a.body)
	require.Contains(t, string(a.body), "memory")
	held()
}

func TestBodiesOfReadsAreBounded(t *testing.T) {
	server := newServer(t, func(o *rest.Options) { o.MaxReadBytes = 1 << 20 })
	require.Equal(t, 200, call(t, server, "PUT", "/collections/c", `{"vectors":{}}`).status)
	body := func(n int) string { return fmt.Sprintf(`{"ids":[%s1]}`, strings.Repeat("1,", n)) }
	for range 3 { // nothing is lost
		a := call(t, server, "POST", "/collections/c/points", body(5_000))
		require.Equal(t, 200, a.status, "%s", a.body)
		a = call(t, server, "POST", "/collections/c/points", body(20_000))
		require.Equal(t, 400, a.status, "%s", a.body)
		require.Contains(t, string(a.body), "memory")
	}
}

func TestAPayloadBeyondAPointIsRefusedEarly(t *testing.T) {
	server := newServer(t, nil)
	require.Equal(t, 200, call(t, server, "PUT", "/collections/c", `{"vectors":{}}`).status)
	// What follows the zeros is no JSON: it must never be reached.
	body := `{"points":[{"id":1,"vector":{},"payload":{"a":[` + strings.Repeat("0,", tidemark.MaxPointBytes/9+2) + `!`
	a := call(t, server, "PUT", "/collections/c/points", body)
	require.Equal(t, 400, a.status)
	require.Contains(t, string(a.body), "the payload of a point has more than 16777216 bytes")
}
