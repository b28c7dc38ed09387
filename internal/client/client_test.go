package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// serve answers with handle and returns a Client of it.
func serve(t *testing.T, handle http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(handle)
	t.Cleanup(s.Close)
	return clientOf(t, s.URL)
}

func clientOf(t *testing.T, url string) *Client {
	t.Helper()
	c, err := New(Options{URL: url, APIKey: "secret", Agent: "test/1"})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func TestURLsThatAreNone(t *testing.T) {
	for _, url := range []string{"", "localhost:6333", "ftp://host", "http://", "http://user:pass@host", "http://host?x=1", "http://host#f", "http://a b"} {
		_, err := New(Options{URL: url})
		require.Error(t, err, url)
	}
	_, err := New(Options{URL: "http://host", APIKey: "a\nb"})
	require.Error(t, err)
}

func TestPathsAreEscapedBelowTheURL(t *testing.T) {
	var got string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Method + " " + r.URL.EscapedPath()
		require.Equal(t, "secret", r.Header.Get("api-key"))
		require.Equal(t, "test/1", r.UserAgent())
		_, _ = io.WriteString(w, `{"result":[],"status":"ok"}`)
	})
	c.base.Path = "/behind/"
	_, err := c.List(t.Context(), Place{Collection: "a/b ü?"})
	require.NoError(t, err)
	require.Equal(t, "GET /behind/collections/a%2Fb%20%C3%BC%3F/snapshots", got)
	_, err = c.List(t.Context(), Place{})
	require.NoError(t, err)
	require.Equal(t, "GET /behind/snapshots", got)
	require.NoError(t, c.Delete(t.Context(), Place{Collection: "c"}, "n"))
	require.Equal(t, "DELETE /behind/collections/c/snapshots/n", got)
}

func TestRefusalsKeepTheWordsOfTheServer(t *testing.T) {
	for _, tt := range []struct {
		name, kind, body, want string
	}{
		{"envelope", "application/json", `{"status":{"error":"Not found: x"},"time":0}`, "Not found: x"},
		{"plain", "text/plain; charset=utf-8", "Invalid API key\n", "Invalid API key"},
		{"page", "text/html", "<html>", "the server answers 404 Not Found"},
		{"empty", "", "", "the server answers 404 Not Found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", tt.kind)
				w.WriteHeader(http.StatusNotFound)
				_, _ = io.WriteString(w, tt.body)
			})
			_, err := c.Jobs(t.Context())
			var no *Error
			require.ErrorAs(t, err, &no)
			require.Equal(t, http.StatusNotFound, no.Status)
			require.EqualError(t, err, tt.want)
		})
	}
}

func TestNobodyAnswers(t *testing.T) {
	s := httptest.NewServer(nil)
	s.Close()
	_, err := clientOf(t, s.URL).Jobs(t.Context())
	var gone *UnreachableError
	require.ErrorAs(t, err, &gone)
	require.Contains(t, err.Error(), "no answer from "+s.URL)
}

func TestAnEndedContextIsNoSilentServer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	_, err := c.Jobs(ctx)
	require.ErrorIs(t, err, context.Canceled)
	var gone *UnreachableError
	require.False(t, errors.As(err, &gone))
}

func TestTheKeyIsNotTakenToAnotherHost(t *testing.T) {
	var key []string
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key = append(key, r.Header.Get("api-key"))
		_, _ = io.WriteString(w, `{"result":[]}`)
	}))
	defer other.Close()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	})
	_, err := c.Jobs(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{""}, key)

	// What changes something goes nowhere else.
	require.ErrorContains(t, c.Delete(t.Context(), Place{}, "n"), "redirects to "+other.URL)
	require.Len(t, key, 1)
}

func TestAServerThatNamesNoJobIsAnother(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
	_, err := c.Create(t.Context(), Place{Collection: "c"}, Notes{})
	require.ErrorContains(t, err, "is no Tidemark")
}

func TestFollowOutlivesAServerThatIsStartedAnew(t *testing.T) {
	states := []string{"", "running", "", "", "running", "done"}
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		state := states[0]
		states = states[1:]
		if state == "" {
			panic(http.ErrAbortHandler) // the connection ends
		}
		_, _ = io.WriteString(w, `{"result":{"id":"1","state":"`+state+`","phase":"encode","bytes_done":5}}`)
	})
	seen := 0
	job, err := c.Follow(t.Context(), "1", func(j Job) {
		seen++
		require.EqualValues(t, 5, *j.Done)
	})
	require.NoError(t, err)
	require.Equal(t, "done", job.State)
	require.Equal(t, 2, seen)
}

func TestFollowEndsWithARefusal(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	_, err := c.Follow(t.Context(), "1", func(Job) {})
	var no *Error
	require.ErrorAs(t, err, &no)
}

func TestFollowEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"result":{"state":"running"}}`)
	})
	_, err := c.Follow(ctx, "1", func(Job) { cancel() })
	require.ErrorIs(t, err, context.Canceled)
}

func TestUploadIsAFormThatSaysHowLongItIs(t *testing.T) {
	content := strings.Repeat("snapshot", 100_000)
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		require.Positive(t, r.ContentLength)
		require.Equal(t, "wait=false", strings.Split(r.URL.RawQuery, "&")[2])
		require.Equal(t, "abc", r.FormValue("checksum"))
		require.Equal(t, "true", r.FormValue("keep_uploaded"))
		f, head, err := r.FormFile("snapshot")
		require.NoError(t, err)
		got, err := io.ReadAll(f)
		require.NoError(t, err)
		require.Equal(t, `n"ü.snapshot`, head.Filename)
		require.Equal(t, content, string(got))
		w.Header().Set("Tidemark-Job-Id", "7")
		w.WriteHeader(http.StatusAccepted)
	})
	var done int64
	id, err := c.Upload(t.Context(), Place{Collection: "c"}, Upload{
		Name: `n"ü.snapshot`, Content: strings.NewReader(content), Size: int64(len(content)), Checksum: "abc", Keep: true,
		Watch: func(n int64) { done = n },
	})
	require.NoError(t, err)
	require.Equal(t, "7", id)
	require.EqualValues(t, len(content), done)
}

func TestARefusedUploadIsNotSent(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	_, err := c.Upload(t.Context(), Place{Collection: "c"}, Upload{
		Name: "n", Content: strings.NewReader("x"), Size: 1, Watch: func(int64) { t.Error("sent") },
	})
	var no *Error
	require.ErrorAs(t, err, &no)
	require.Equal(t, http.StatusForbidden, no.Status)
}
