package lifetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/snapshot"
	"github.com/tidemark-db/tidemark/snapshot/blob"
	"github.com/tidemark-db/tidemark/snapshot/blob/s3"
	"github.com/tidemark-db/tidemark/snapshot/blob/s3/s3test"
)

// attempts is how often a request is sent.
const attempts = 2

var errBroken = errors.New("the network is broken by the test")

// network lets requests to the bucket fail.
type network struct {
	server http.RoundTripper

	mu    sync.Mutex
	seen  int
	fails func(nth int) bool // counts from 1; nil: none
	// answered says that failing requests take effect before their answer is lost.
	answered bool
	failed   bool
}

// RoundTrip implements http.RoundTripper.
func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	n.mu.Lock()
	n.seen++
	fails := n.fails != nil && n.fails(n.seen)
	n.failed = n.failed || fails
	n.mu.Unlock()
	if !fails {
		return n.server.RoundTrip(r)
	}
	if n.answered {
		if a, err := n.server.RoundTrip(r); err == nil {
			_, _ = io.Copy(io.Discard, a.Body)
			_ = a.Body.Close()
		}
	} else if r.Body != nil {
		_ = r.Body.Close()
	}
	return nil, &net.OpError{Op: "read", Net: "tcp", Err: errBroken}
}

// start lets requests fail from now on, or none.
func (n *network) start(answered bool, fails func(int) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.seen, n.fails, n.answered, n.failed = 0, fails, answered, false
}

// stop ends the failures and reports whether there were any.
func (n *network) stop() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.fails = nil
	return n.failed
}

// bucketLife is a life with its snapshots in a bucket.
type bucketLife struct {
	*life
	network *network
	server  *s3test.Server
	name    string // of the bucket
	source  string // of the first snapshot, as a location
	file    []byte // its content
}

func newBucketLife(t *testing.T, server *s3test.Server) *bucketLife {
	b := &bucketLife{network: &network{}, server: server, name: server.NewBucket(t)}
	o := s3.Options{
		Bucket: b.name, Region: s3test.Region, AccessKey: s3test.AccessKey, SecretKey: s3test.SecretKey, Endpoint: server.URL,
		Prefix: "a", Attempts: attempts, MaxBackoff: time.Millisecond, SweepAll: true,
		Wrap: func(transport http.RoundTripper) http.RoundTripper {
			b.network.server = transport
			return b.network
		},
	}
	b.life = &life{house: newHouse(t.TempDir(), options{bucket: func(ctx context.Context) (*s3.Store, error) { return s3.Open(ctx, o) }})}
	require.NoError(t, b.open(t.Context()))
	t.Cleanup(func() { require.NoError(t, b.close(context.Background())) })
	for _, do := range []func(*life, context.Context) error{create("c"), put("c", 1, 2, 3), snap("c"), replace("c", 1, 2)} {
		require.NoError(t, do(b.life, t.Context()))
	}
	b.source = "s3://" + b.name + "/a/c/" + b.taken[0].name
	b.file = b.content(t, b.taken[0].name)
	return b
}

// content reads a snapshot of c to its end, which compares its checksum.
func (b *bucketLife) content(t *testing.T, name string) []byte {
	t.Helper()
	o, err := b.manager.Open(t.Context(), "c", name)
	require.NoError(t, err)
	defer o.Close()
	content, err := io.ReadAll(o)
	require.NoError(t, err)
	return content
}

// names returns the snapshots of c, each of which is whole.
func (b *bucketLife) names(t *testing.T) (names []string) {
	t.Helper()
	list, err := b.manager.List(t.Context(), "c")
	require.NoError(t, err)
	for _, info := range list {
		names = append(names, info.Name)
		require.EqualValues(t, info.Size, len(b.content(t, info.Name)))
	}
	return names
}

func (b *bucketLife) recover(ctx context.Context, collection string) error {
	location, err := url.Parse(b.source)
	if err != nil {
		return err
	}
	return b.manager.Restore(ctx, collection, snapshot.Source{Location: location, Checksum: b.taken[0].sha256})
}

func (b *bucketLife) upload(ctx context.Context, collection string) error {
	job, err := b.manager.StartUpload(collection, snapshot.UploadOptions{Name: "kept.snapshot", Keep: true})
	if err != nil {
		return err
	}
	_, err = io.Copy(job, bytes.NewReader(b.file))
	job.End(err)
	_, err = job.Wait(ctx)
	return err
}

// work is what is done while requests fail. What it makes is named by the number
// of snapshots and by the collection that it restores, empty if it restores none.
type work struct {
	do       func(*bucketLife, context.Context) error
	snapshot bool
	restores string
}

var works = map[string]work{
	"create": {do: func(b *bucketLife, ctx context.Context) error { return snap("c")(b.life, ctx) }, snapshot: true},
	"restore from a URL": {
		do: func(b *bucketLife, ctx context.Context) error { return b.recover(ctx, "c") }, restores: "c",
	},
	"restore what is not there": {
		do: func(b *bucketLife, ctx context.Context) error { return b.recover(ctx, "new") }, restores: "new",
	},
	"upload and keep": {
		do: func(b *bucketLife, ctx context.Context) error { return b.upload(ctx, "c") }, restores: "c", snapshot: true,
	},
}

// TestBucketFailsAnywhere lets the way to the bucket break at each request of each
// work: for as long as one operation tries, or from there on for good, and with
// the request or with its answer. What failed leaves nothing behind that clients
// can see, and what they had is untouched. An upload is left over only if the
// abort failed as well, until the next start.
func TestBucketFailsAnywhere(t *testing.T) {
	s3test.ClearEnv(t)
	server := s3test.Start(t)
	for name, w := range works {
		for _, answered := range []bool{false, true} {
			for _, forGood := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/answered=%t/for good=%t", name, answered, forGood), func(t *testing.T) {
					b := newBucketLife(t, server)
					for nth := 1; b.fail(t, w, answered, forGood, nth); nth++ {
					}
				})
			}
		}
	}
}

// fail does a work whose nth request fails, and reports whether there was one.
func (b *bucketLife) fail(t *testing.T, w work, answered, forGood bool, nth int) bool {
	t.Helper()
	ctx := t.Context()
	require.NoError(t, put("c", uint64(100+nth))(b.life, ctx)) // or the snapshot would be a copy
	before, err := b.look(ctx)
	require.NoError(t, err)
	listed := b.names(t)
	b.network.start(answered, func(n int) bool { return n >= nth && (forGood || n < nth+attempts) })
	err = w.do(b, ctx)
	failed := b.network.stop()
	if unsure := b.unsure(t, err); forGood && err != nil {
		b.sweep(t)
	} else if !unsure {
		require.Empty(t, b.server.Uploads(t, b.name), "request %d: %v", nth, err)
	}
	after, lerr := b.look(ctx)
	require.NoError(t, lerr)
	names := b.names(t)
	if err != nil {
		require.True(t, failed)
		require.Empty(t, before.diff(after), "request %d: %v", nth, err)
		if made := b.take(t, listed, names); len(made) > 0 {
			require.ErrorIs(t, err, blob.ErrOutcomeUnknown, "request %d", nth)
		}
		require.NoError(t, b.nothingLeft(), "request %d", nth)
		return true
	}
	b.requireDone(t, w, listed, names, after)
	return failed
}

// unsure reports whether an error says that the outcome is not known. All others
// say that the bucket cannot be reached.
func (b *bucketLife) unsure(t *testing.T, err error) bool {
	t.Helper()
	if err == nil || errors.Is(err, blob.ErrOutcomeUnknown) {
		return err != nil
	}
	require.Equal(t, tidemark.Unavailable, tidemark.KindOf(err), "%v", err)
	return false
}

// sweep starts again, which removes what a dead network had us leave.
func (b *bucketLife) sweep(t *testing.T) {
	t.Helper()
	require.NoError(t, b.close(context.Background()))
	require.NoError(t, b.open(t.Context()))
	require.Empty(t, b.server.Uploads(t, b.name))
}

// take removes the snapshots that are new and returns them.
func (b *bucketLife) take(t *testing.T, before, names []string) []string {
	t.Helper()
	made := slices.DeleteFunc(names, func(n string) bool { return slices.Contains(before, n) })
	for _, name := range made {
		require.NoError(t, b.manager.Delete(t.Context(), "c", name))
	}
	return made
}

// requireDone checks what a work says it has done, and takes it back.
func (b *bucketLife) requireDone(t *testing.T, w work, before, names []string, after seen) {
	t.Helper()
	want := 0
	if w.snapshot {
		want = 1
	}
	require.Len(t, b.take(t, before, names), want)
	if w.restores != "" {
		require.Equal(t, 3, after.collections[w.restores].count)
	}
	for _, name := range b.house.store.Names() {
		if name != "c" {
			require.NoError(t, drop(name)(b.life, t.Context()))
		}
	}
	for _, key := range b.server.Keys(t, b.name) {
		require.True(t, strings.HasPrefix(key, "a/c/"), key)
	}
}
