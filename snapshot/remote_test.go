package snapshot

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/snapshot/blob/blobtest"
)

func TestAddresses(t *testing.T) {
	const always, private, never = "always", "private", "never"
	for text, want := range map[string]string{
		"8.8.8.8": always, "2606:4700::1111": always, "172.32.0.1": always, "192.169.0.1": always, "100.128.0.1": always,
		"127.0.0.1": private, "127.9.9.9": private, "10.1.2.3": private, "172.16.0.1": private, "192.168.1.1": private,
		"100.64.0.1": private, "198.18.0.1": private, "240.0.0.1": private, "0.1.2.3": private,
		"::1": private, "fd00::1": private, "fec0::1": private,
		"::ffff:10.0.0.1": private, "::10.0.0.1": private, "64:ff9b::a00:1": private, "2002:a00:1::": private, "64:ff9b:1::7f00:1": private,
		"169.254.169.254": never, "169.254.0.1": never, "fe80::1": never, "fe80::1%eth0": never, "0.0.0.0": never, "::": never,
		"224.0.0.1": never, "ff02::1": never, "255.255.255.255": never, "fd00:ec2::254": never, "100.100.100.200": never,
		"::ffff:169.254.169.254": never, "64:ff9b::a9fe:a9fe": never, "2002:a9fe:a9fe::": never,
	} {
		addr := netip.MustParseAddr(text)
		require.Equal(t, want != never, addresses{private: true}.allow(addr), text)
		require.Equal(t, want == always, addresses{}.allow(addr), text)
	}
	require.False(t, addresses{private: true}.allow(netip.Addr{}))
}

// host is an HTTP server that remembers what it was asked.
type host struct {
	*httptest.Server
	mu   sync.Mutex
	asks []*http.Request
}

func newHost(t *testing.T, answer http.HandlerFunc) *host {
	h := new(host)
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		h.asks = append(h.asks, r)
		h.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *host) requests() []*http.Request {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.asks
}

func parsed(t *testing.T, location string) *url.URL {
	t.Helper()
	u, err := url.Parse(location)
	require.NoError(t, err)
	return u
}

func sends(content []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(content) }
}

func TestRestoreFromURL(t *testing.T) {
	h := newHouse(t)
	_, content, before := snapshotOfC(t, h)
	from := newHost(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/chunked" {
			w.(http.Flusher).Flush()
		}
		sends(content)(w, r)
	})
	for _, path := range []string{"/x?secret=1", "/chunked"} {
		for _, checksum := range []string{"", strings.ToUpper(blobtest.Sum(content))} {
			require.NoError(t, h.Restore(context.Background(), "new", Source{Location: parsed(t, from.URL+path), Checksum: checksum, APIKey: "k"}))
			got, ok := h.engine.get("new")
			require.True(t, ok)
			require.Equal(t, before.digest(t), got.digest(t))
		}
	}
	asked := from.requests()[0]
	require.Equal(t, "k", asked.Header.Get("api-key"))
	require.Equal(t, "identity", asked.Header.Get("Accept-Encoding"))
	job := h.Jobs()[len(h.Jobs())-2]
	require.Equal(t, from.URL+"/x", job.Source, "a query may be a secret")
	require.EqualValues(t, len(content), job.Size)
}

// TestURLRefusals: statuses and texts are those that clients know.
func TestURLRefusals(t *testing.T) {
	h := newHouse(t)
	_, content, _ := snapshotOfC(t, h)
	from := newHost(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/metadata":
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data?x=y", http.StatusFound)
		case "/file":
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(http.StatusFound)
		case "/teapot":
			w.WriteHeader(http.StatusTeapot)
		case "/part":
			w.WriteHeader(http.StatusPartialContent)
		case "/cut":
			w.Header().Set("Content-Length", fmt.Sprint(len(content)))
			_, _ = w.Write(content[:len(content)-1])
		case "/junk":
			sends([]byte("junk"))(w, r)
		default:
			http.NotFound(w, r)
		}
	})
	closed := newHost(t, sends(nil))
	closed.Close()
	wrong := strings.Repeat("0", 64)
	for _, tt := range []struct {
		location, checksum string
		kind               tidemark.Kind
		text               string
	}{
		{from.URL + "/nope?token=secret", "", tidemark.BadInput, "Failed to download tar from " + from.URL + "/nope: status - 404 Not Found"},
		{from.URL + "/teapot", wrong, tidemark.BadInput, "status - 418 I'm a teapot"},
		{from.URL + "/part", "", tidemark.BadInput, "status - 206 Partial Content"},
		{from.URL + "/loop", "", tidemark.Internal, "Http request error: error sending request for url (" + from.URL + "/loop)"},
		{from.URL + "/file", "", tidemark.Internal, "Http request error"},
		{closed.URL + "/x?token=secret", "", tidemark.Internal, "Http request error: error sending request for url (" + closed.URL + "/x)"},
		{strings.Replace(closed.URL, "http://", "http://user:secret@", 1) + "/x", "", tidemark.Internal, "for url (" + closed.URL + "/x)"},
		{from.URL + "/metadata", "", tidemark.Forbidden, "Snapshot URL leads to the address 169.254.169.254, which must not be fetched from"},
		{"http://169.254.169.254/x", "", tidemark.Forbidden, "169.254.169.254"},
		{"http://[::ffff:169.254.169.254]/x", "", tidemark.Forbidden, "169.254.169.254"},
		{from.URL + "/cut", "", tidemark.Internal, fmt.Sprintf("Failed to unpack tar archive: the connection broke after %d bytes", len(content)-1)},
		{from.URL + "/junk", "", tidemark.BadInput, "cut off"},
		{from.URL + "/junk", wrong, tidemark.BadInput, "Snapshot checksum mismatch: expected " + wrong + ", got " + blobtest.Sum([]byte("junk"))},
	} {
		err := h.Restore(context.Background(), "new", Source{Location: parsed(t, tt.location), Checksum: tt.checksum})
		requireError(t, err, tt.kind, tt.text)
		require.NotContains(t, err.Error(), "secret")
		_, ok := h.engine.get("new")
		require.False(t, ok, "a phantom")
	}
	for _, e := range h.events.all() {
		require.NotContains(t, e, "ended internal", "what another host does is no fault of ours")
	}
}

func TestURLsCanBeRefused(t *testing.T) {
	h := newHouse(t)
	_, content, _ := snapshotOfC(t, h)
	from := newHost(t, sends(content))
	h.fetcher = newFetcher(time.Minute, addresses{})
	// The name is resolved when it is dialled; what it stands for counts.
	_, port, err := net.SplitHostPort(strings.TrimPrefix(from.URL, "http://"))
	require.NoError(t, err)
	for _, location := range []string{from.URL, "http://localhost:" + port} {
		requireError(t, h.Restore(context.Background(), "new", Source{Location: parsed(t, location)}), tidemark.Forbidden, "must not be fetched from")
	}
	require.Empty(t, from.requests(), "the host was reached")
	h.fetcher = nil
	requireError(t, h.Restore(context.Background(), "new", Source{Location: parsed(t, from.URL)}),
		tidemark.Forbidden, "Snapshot recovery from remote URLs is disabled in the configuration")
}

// TestRedirectsDoNotLeakTheKey: it goes to the first host only, and not back to
// it from another one.
func TestRedirectsDoNotLeakTheKey(t *testing.T) {
	h := newHouse(t)
	_, content, _ := snapshotOfC(t, h)
	var first, second *host
	second = newHost(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, first.URL+"/back", http.StatusFound)
	})
	first = newHost(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/start":
			http.Redirect(w, r, "/same?token=secret", http.StatusTemporaryRedirect)
		case "/same":
			http.Redirect(w, r, second.URL+"/other", http.StatusFound)
		default:
			sends(content)(w, r)
		}
	})
	require.NoError(t, h.Restore(context.Background(), "new", Source{
		Location: parsed(t, strings.Replace(first.URL, "http://", "http://user:secret@", 1)+"/start"), APIKey: "k",
	}))
	var got []string
	for _, r := range append(first.requests(), second.requests()...) {
		got = append(got, fmt.Sprintf("%s key=%q auth=%t referer=%q", r.URL.Path, r.Header.Get("api-key"), r.Header.Get("Authorization") != "", r.Referer()))
	}
	require.Equal(t, []string{
		`/start key="k" auth=true referer=""`, `/same key="k" auth=true referer=""`,
		`/back key="" auth=false referer=""`, `/other key="" auth=false referer=""`,
	}, got)
}

// stalling is a body of which nothing more comes until it is given up.
type stalling struct{ ctx context.Context }

func (s stalling) Read([]byte) (int, error) {
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}

func TestImpatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		i := &impatient{r: stalling{ctx}, ctx: ctx, stop: stop, patience: time.Minute}
		began := time.Now()
		_, err := i.Read(make([]byte, 1))
		requireError(t, err, tidemark.Internal, "Failed to unpack tar archive: stream read timeout: no data received within timeout period")
		require.Equal(t, time.Minute, time.Since(began))
	})
	synctest.Test(t, func(t *testing.T) { // cancelled in time
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		i := &impatient{r: stalling{ctx}, ctx: ctx, stop: stop, patience: time.Minute}
		time.AfterFunc(30*time.Second, stop)
		_, err := i.Read(make([]byte, 1))
		require.ErrorIs(t, err, context.Canceled)
	})
}

// TestSilentHost ends a fetch of which nothing comes, at either end.
func TestSilentHost(t *testing.T) {
	h := newHouse(t)
	_, content, _ := snapshotOfC(t, h)
	from := newHost(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/half" {
			_, _ = w.Write(content[:1000])
			w.(http.Flusher).Flush()
		}
		<-r.Context().Done()
	})
	h.fetcher.idle = 50 * time.Millisecond // of the body
	requireError(t, h.Restore(context.Background(), "new", Source{Location: parsed(t, from.URL+"/half")}), tidemark.Internal, "stream read timeout")
	h.fetcher = newFetcher(50*time.Millisecond, addresses{private: true})
	requireError(t, h.Restore(context.Background(), "new", Source{Location: parsed(t, from.URL+"/none")}), tidemark.Internal, "Http request error")
}
