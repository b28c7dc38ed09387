package rest_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/transport/rest"
	"github.com/tidemark-db/tidemark/wal"
	"github.com/tidemark-db/tidemark/wal/local"
)

// newStore opens a store in a temporary directory, with logs in files. Points
// go to a segment when headBytes of them are in memory; 0 is the default.
func newStore(t testing.TB, headBytes int64) *tidemark.Store {
	t.Helper()
	store, err := tidemark.Open(t.Context(), tidemark.Options{
		Dir:       t.TempDir(),
		HeadBytes: headBytes,
		OpenLog: func(o tidemark.LogOptions) (wal.Log, error) {
			log, _, err := local.Open(o.Dir, local.Options{Logger: o.Logger})
			return log, err
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close(t.Context())) })
	require.Eventually(t, store.Ready, time.Minute, time.Millisecond)
	return store
}

// newServer serves a new store, changed by configure if it is not nil.
func newServer(t testing.TB, configure func(*rest.Options)) *rest.Server {
	t.Helper()
	o := rest.Options{Version: "test", Commit: strings.Repeat("a", 40), Logger: slog.New(slog.DiscardHandler)}
	if configure != nil {
		configure(&o)
	}
	if o.Store == nil {
		o.Store = newStore(t, 0)
	}
	s, err := rest.New(o)
	require.NoError(t, err)
	return s
}

// answer is what a server answered.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// call sends a request to h.
func call(t testing.TB, h http.Handler, method, path, body string, header ...string) answer {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return serve(h, r)
}

// serve lets h answer r.
func serve(h http.Handler, r *http.Request) answer {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return answer{w.Code, w.Header(), w.Body.Bytes()}
}
