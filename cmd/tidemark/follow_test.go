package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAnInterruptedCommandSaysHowToGoOn: the job of the server is left alone.
func TestAnInterruptedCommandSaysHowToGoOn(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodPost:
			w.Header().Set("Tidemark-Job-Id", "7")
			w.WriteHeader(http.StatusAccepted)
		case http.MethodGet:
			_, _ = io.WriteString(w, `{"result":{"id":"7","state":"running"}}`)
			cancel()
		default:
			t.Errorf("the job was touched: %s %s", r.Method, r.URL)
		}
	}))
	defer s.Close()
	var out, stderr bytes.Buffer
	a := &app{dir: t.TempDir(), root: t.TempDir()}
	require.Equal(t, exitInterrupted, a.run(ctx, []string{"snapshot", "create", "c", "--url", s.URL}, &out, &stderr))
	require.Empty(t, out.String())
	require.Contains(t, stderr.String(), "interrupted; job 7 goes on")
	require.Contains(t, stderr.String(), "tidemark snapshot jobs --wait 7")
}
