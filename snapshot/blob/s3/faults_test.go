package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/snapshot/blob"
	"github.com/tidemark-db/tidemark/snapshot/blob/blobtest"
	"github.com/tidemark-db/tidemark/snapshot/blob/s3/s3test"
)

// fault is what becomes of a request. It may pass it on to the server.
type fault func(server http.RoundTripper, r *http.Request) (*http.Response, error)

// faults is a transport that counts requests and lets some of them fail.
type faults struct {
	server http.RoundTripper

	mu   sync.Mutex
	seen []string // operations, in order
	// choose returns the fault of a request, nil for none; nth counts from 1.
	choose func(operation string, nth int) fault
}

// RoundTrip implements http.RoundTripper.
func (f *faults) RoundTrip(r *http.Request) (*http.Response, error) {
	operation := awsmiddleware.GetOperationName(r.Context())
	f.mu.Lock()
	f.seen = append(f.seen, operation)
	var chosen fault
	if f.choose != nil {
		chosen = f.choose(operation, len(f.seen))
	}
	f.mu.Unlock()
	if chosen == nil {
		return f.server.RoundTrip(r)
	}
	return chosen(f.server, r)
}

// start forgets what was seen and chooses faults from now on.
func (f *faults) start(choose func(operation string, nth int) fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen, f.choose = nil, choose
}

// count returns how often an operation was asked for.
func (f *faults) count(operation string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, seen := range f.seen {
		if seen == operation {
			n++
		}
	}
	return n
}

// on lets an operation fail.
func on(operation string, what fault) func(string, int) fault {
	return func(o string, _ int) fault {
		if o == operation {
			return what
		}
		return nil
	}
}

// once lets an operation fail the first time.
func once(operation string, what fault) func(string, int) fault {
	done := false
	return func(o string, _ int) fault {
		if o != operation || done {
			return nil
		}
		done = true
		return what
	}
}

var errConnection = errors.New("read: connection reset by peer")

// lost is a connection that breaks before the request arrives.
func lost(_ http.RoundTripper, r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
	return nil, &netError{errConnection}
}

// answerLost is a connection that breaks after the request has taken effect.
func answerLost(server http.RoundTripper, r *http.Request) (*http.Response, error) {
	if a, err := server.RoundTrip(r); err == nil {
		_, _ = io.Copy(io.Discard, a.Body)
		_ = a.Body.Close()
	}
	return nil, &netError{errConnection}
}

// slowDown is a server that has too much to do.
func slowDown(_ http.RoundTripper, r *http.Request) (*http.Response, error) {
	const body = `<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>`
	return answer(r, http.StatusServiceUnavailable, body), nil
}

func answer(r *http.Request, status int, body string) *http.Response {
	if r.Body != nil {
		_ = r.Body.Close()
	}
	return &http.Response{
		StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Request: r, Header: http.Header{"Content-Type": {"application/xml"}},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}

// netError is an error of the network, as those of the net package are.
type netError struct{ error }

func (*netError) Timeout() bool   { return false }
func (*netError) Temporary() bool { return true }

// cutBody is a body that breaks off after n bytes.
type cutBody struct {
	io.ReadCloser
	left int
}

func (b *cutBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, &netError{errConnection}
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// cutAnswer breaks answers off after n bytes.
func cutAnswer(n int) fault {
	return func(server http.RoundTripper, r *http.Request) (*http.Response, error) {
		a, err := server.RoundTrip(r)
		if err == nil {
			a.Body = &cutBody{a.Body, n}
		}
		return a, err
	}
}

// cutRequest breaks requests off after n bytes.
func cutRequest(n int) fault {
	return func(server http.RoundTripper, r *http.Request) (*http.Response, error) {
		r = r.Clone(r.Context())
		r.Body = &cutBody{r.Body, n}
		return server.RoundTrip(r)
	}
}

// flipBody changes the byte at a place.
type flipBody struct {
	io.ReadCloser
	at int
}

func (b *flipBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.at >= 0 && b.at < n {
		p[b.at] ^= 1
	}
	b.at -= n
	return n, err
}

func flipAnswer(server http.RoundTripper, r *http.Request) (*http.Response, error) {
	a, err := server.RoundTrip(r)
	if err == nil {
		a.Body = &flipBody{a.Body, 5000}
	}
	return a, err
}

func flipRequest(server http.RoundTripper, r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Body = &flipBody{r.Body, 5000}
	return server.RoundTrip(r)
}

var (
	testKey     = blob.Key{Folder: "c", Name: "x-1.snapshot"}
	testContent = bytes.Repeat([]byte("0123456789abcdef"), 1000)
)

// faulty returns a store on a new bucket behind faults, of which there are none
// yet. It has not been probed and does not sweep.
func faulty(t *testing.T, server *s3test.Server) (*Store, *faults) {
	t.Helper()
	f := &faults{}
	o := testOptions(t, server)
	o.Wrap = func(transport http.RoundTripper) http.RoundTripper {
		f.server = transport
		return f
	}
	s, err := connect(context.Background(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s, f
}

// requireWhole checks that an object is there with every byte.
func requireWhole(t *testing.T, s *Store, k blob.Key) {
	t.Helper()
	require.Equal(t, testContent, read(t, s, k))
	list, err := s.List(context.Background(), k.Folder)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, blobtest.Sum(testContent), list[0].SHA256)
	sum, err := s.readChecksum(context.Background(), s.ref(k))
	require.NoError(t, err)
	require.Equal(t, blobtest.Sum(testContent), sum)
}

func read(t *testing.T, s *Store, k blob.Key) []byte {
	t.Helper()
	o, err := s.Get(context.Background(), k)
	require.NoError(t, err)
	defer o.Close()
	got, err := io.ReadAll(o)
	require.NoError(t, err)
	return got
}

// requireNothing checks that no attempt left anything in the bucket.
func requireNothing(t *testing.T, server *s3test.Server, s *Store) {
	t.Helper()
	require.Empty(t, server.Keys(t, s.options.Bucket))
	require.Empty(t, server.Uploads(t, s.options.Bucket))
}

func put(s *Store, k blob.Key) error {
	_, err := s.Put(context.Background(), k, blobtest.Content(testContent))
	return err
}

// way changes what lies under a key.
type way struct {
	prepare, run func(*Store, blob.Key) error
	removes      bool
}

func from(k blob.Key) blob.Key { return blob.Key{Folder: k.Folder + "-from", Name: k.Name} }

var ways = map[string]way{
	"put": {prepare: func(*Store, blob.Key) error { return nil }, run: put},
	"copy": {
		prepare: func(s *Store, k blob.Key) error { return put(s, from(k)) },
		run: func(s *Store, k blob.Key) error {
			_, err := s.Copy(context.Background(), from(k), k)
			return err
		},
	},
	"delete": {
		prepare: put,
		run:     func(s *Store, k blob.Key) error { return s.Delete(context.Background(), k) },
		removes: true,
	},
}

var kinds = map[string]fault{"slow down": slowDown, "lost": lost, "answer lost": answerLost}

// faultAt goes a way whose requests fail if fails says so of their number. It
// reports whether one did.
func (w way) faultAt(t *testing.T, s *Store, f *faults, k blob.Key, what fault, fails func(int) bool) (failed bool, err error) {
	t.Helper()
	require.NoError(t, w.prepare(s, k))
	f.start(func(_ string, n int) fault {
		if fails(n) {
			failed = true
			return what
		}
		return nil
	})
	err = w.run(s, k)
	f.start(nil)
	return failed, err
}

// TestPassingFaults lets each request of each way fail once. Attempts heal it.
func TestPassingFaults(t *testing.T) {
	s3test.ClearEnv(t)
	server := s3test.Start(t)
	for kind, what := range kinds {
		for name, way := range ways {
			t.Run(kind+"/"+name, func(t *testing.T) {
				s, f := faulty(t, server)
				for nth, failed := 1, true; failed; nth++ {
					k := blob.Key{Folder: fmt.Sprint(nth), Name: testKey.Name}
					var err error
					failed, err = way.faultAt(t, s, f, k, what, func(n int) bool { return n == nth })
					require.NoError(t, err, "request %d", nth)
					if way.removes {
						_, err := s.Stat(context.Background(), k)
						require.ErrorIs(t, err, blob.ErrNotFound)
					} else {
						requireWhole(t, s, k)
					}
				}
			})
		}
	}
}

// TestLastingFaults lets the server fail from each request of each way on. What a
// way says became of it is what became of it.
func TestLastingFaults(t *testing.T) {
	s3test.ClearEnv(t)
	server := s3test.Start(t)
	unknown := 0
	for kind, what := range kinds {
		for name, way := range ways {
			t.Run(kind+"/"+name, func(t *testing.T) {
				s, f := faulty(t, server)
				for nth, failed := 1, true; failed; nth++ {
					k := blob.Key{Folder: fmt.Sprint(nth), Name: testKey.Name}
					var err error
					failed, err = way.faultAt(t, s, f, k, what, func(n int) bool { return n >= nth })
					if errors.Is(err, blob.ErrOutcomeUnknown) {
						unknown++
					}
					way.requireTrue(t, s, k, err)
				}
			})
		}
	}
	require.Positive(t, unknown, "no test came to an unknown outcome")
}

// requireTrue checks that a way has done what it says: what it did not do is not
// there at all, what is there is whole.
func (w way) requireTrue(t *testing.T, s *Store, k blob.Key, err error) {
	t.Helper()
	_, stat := s.Stat(context.Background(), k)
	if stat == nil {
		requireWhole(t, s, k)
	} else {
		require.ErrorIs(t, stat, blob.ErrNotFound)
	}
	switch {
	case err == nil:
		require.Equal(t, !w.removes, stat == nil)
	case w.removes:
		require.ErrorIs(t, err, blob.ErrUnavailable)
	case !errors.Is(err, blob.ErrOutcomeUnknown):
		require.ErrorIs(t, err, blob.ErrUnavailable)
		require.Error(t, stat, "it is there, and %v", err)
	}
}

// denied is a server that does not let us do something.
func denied(_ http.RoundTripper, r *http.Request) (*http.Response, error) {
	return answer(r, http.StatusForbidden, `<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>`), nil
}

// elsewhere is a server that does not have the bucket.
func elsewhere(_ http.RoundTripper, r *http.Request) (*http.Response, error) {
	a := answer(r, http.StatusMovedPermanently, "")
	a.Header.Set("X-Amz-Bucket-Region", "mars-1")
	return a, nil
}
