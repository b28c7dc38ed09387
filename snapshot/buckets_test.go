package snapshot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/snapshot/blob"
	"github.com/tidemark-db/tidemark/snapshot/blob/blobtest"
)

// fakeBuckets hold one object each, at "bucket/key".
type fakeBuckets map[string]func(ctx context.Context) (blob.Object, error)

func (b fakeBuckets) GetFrom(ctx context.Context, bucket, key string) (blob.Object, error) {
	if get, ok := b[bucket+"/"+key]; ok {
		return get(ctx)
	}
	return nil, fmt.Errorf("object %s: %w", key, blob.ErrNotFound)
}

// fakeObject is an object whose reader may be replaced.
type fakeObject struct {
	io.Reader
	io.Seeker
	info   blob.Info
	closed bool
}

func (o *fakeObject) Info() blob.Info { return o.info }

func (o *fakeObject) Close() error {
	o.closed = true
	return nil
}

func objectOf(content []byte) *fakeObject {
	return &fakeObject{Reader: bytes.NewReader(content), info: blob.Info{Size: int64(len(content))}}
}

func opens(o *fakeObject) func(context.Context) (blob.Object, error) {
	return func(context.Context) (blob.Object, error) { return o, nil }
}

func fails(err error) func(context.Context) (blob.Object, error) {
	return func(context.Context) (blob.Object, error) { return nil, err }
}

func TestRestoreFromBucket(t *testing.T) {
	h := newHouse(t)
	_, content, before := snapshotOfC(t, h)
	object := objectOf(content)
	damaged := objectOf(content)
	damaged.Reader = io.MultiReader(bytes.NewReader(content[:len(content)-1]), &failingReader{fmt.Errorf("x: %w", blob.ErrDamaged)})
	cut := objectOf(content)
	cut.Reader = io.MultiReader(bytes.NewReader(content[:len(content)-1]), &failingReader{fmt.Errorf("x: %w", blob.ErrUnavailable)})
	broken := objectOf(content)
	broken.Reader = &failingReader{errors.New("something else")}
	encoded := objectOf(content)
	h.options.Buckets = fakeBuckets{
		"other.bucket/some/c%20d/x y+z.snapshot": opens(object),
		"b/c%20d/x.snapshot":                     opens(encoded),
		"b/broken.snapshot":                      opens(broken),
		"b/damaged.snapshot":                     opens(damaged),
		"b/cut.snapshot":                         opens(cut),
		"b/denied.snapshot":                      fails(blob.ErrDenied),
		"b/busy.snapshot":                        fails(blob.ErrUnavailable),
	}
	restore := func(location string) error {
		return h.Restore(context.Background(), "new", Source{Location: parsed(t, location), Checksum: blobtest.Sum(content)})
	}
	require.NoError(t, restore("s3://other.bucket/some/c%20d/x y+z.snapshot"), "keys are not decoded")
	got, ok := h.engine.get("new")
	require.True(t, ok)
	require.Equal(t, before.digest(t), got.digest(t))
	require.True(t, object.closed)
	require.NoError(t, restore("s3://b/c%20d/x.snapshot"))
	h.engine.mu.Lock()
	delete(h.engine.collections, "new")
	h.engine.mu.Unlock()
	for location, want := range map[string]struct {
		kind tidemark.Kind
		text string
	}{
		"s3://b/other.snapshot":      {tidemark.NotFound, "Snapshot s3://b/other.snapshot not found"},
		"s3://b/denied.snapshot":     {tidemark.Forbidden, "the server may not read s3://b/denied.snapshot"},
		"s3://b/busy.snapshot":       {tidemark.Unavailable, "cannot be reached"},
		"s3://b/cut.snapshot":        {tidemark.Unavailable, "cannot be reached"},
		"s3://b/broken.snapshot":     {tidemark.Internal, "the store of snapshots cannot be read"},
		"s3://b/damaged.snapshot":    {tidemark.BadInput, "it is not what was stored"},
		"s3://b/x.tar":               {tidemark.BadRequest, "a key that ends in .snapshot"},
		"s3:///x.snapshot":           {tidemark.BadRequest, "expected s3://bucket/key"},
		"s3://k:s@b/x.snapshot":      {tidemark.BadRequest, "Invalid snapshot URI s3://b/x.snapshot,"},
		"s3://b:1/x.snapshot":        {tidemark.BadRequest, "expected s3://bucket/key"},
		"s3://b/x.snapshot?v=1":      {tidemark.BadRequest, "expected s3://bucket/key"},
		"s3://b/x.snapshot#y":        {tidemark.BadRequest, "expected s3://bucket/key"},
		"s3://b/some/c d/x.snapshot": {tidemark.NotFound, "not found"},
	} {
		requireError(t, restore(location), want.kind, want.text)
		_, ok := h.engine.get("new")
		require.False(t, ok, location)
	}
	h.fetcher = nil
	requireError(t, restore("s3://b/x.snapshot"), tidemark.Forbidden, "Snapshot recovery from remote URLs is disabled in the configuration")
	h.options.Buckets = nil
	requireError(t, restore("s3://b/x.snapshot"), tidemark.BadRequest, "no section s3_config")
}

// failingReader always fails.
type failingReader struct{ err error }

func (r *failingReader) Read([]byte) (int, error) { return 0, r.err }

// TestCancelledJobEndsItsRead: a read of an object that waits for the network ends
// with the job, whoever asked for it having gone long ago.
func TestCancelledJobEndsItsRead(t *testing.T) {
	h := newHouse(t)
	waiting := &waitingObject{reads: make(chan struct{})}
	h.options.Buckets = fakeBuckets{"b/x.snapshot": func(ctx context.Context) (blob.Object, error) {
		waiting.ctx = ctx
		return waiting, nil
	}}
	request, gone := context.WithCancel(context.Background())
	job, err := h.StartRestore(request, "new", Source{Location: parsed(t, "s3://b/x.snapshot")})
	require.NoError(t, err)
	<-waiting.reads
	gone()
	require.NoError(t, waiting.ctx.Err(), "the job outlives the request")
	status, err := h.CancelJob(context.Background(), job.ID.String())
	require.NoError(t, err)
	require.Equal(t, JobCancelled, status.State)
	require.True(t, waiting.closed)
	_, ok := h.engine.get("new")
	require.False(t, ok)
}

// TestRequestEndsWhileItsObjectIsLookedFor: the looking ends with it.
func TestRequestEndsWhileItsObjectIsLookedFor(t *testing.T) {
	h := newHouse(t)
	request, gone := context.WithCancel(context.Background())
	h.options.Buckets = fakeBuckets{"b/x.snapshot": func(ctx context.Context) (blob.Object, error) {
		gone()
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	_, err := h.StartRestore(request, "new", Source{Location: parsed(t, "s3://b/x.snapshot")})
	require.ErrorIs(t, errors.Unwrap(err), context.Canceled)
	late := objectOf(nil)
	request, gone = context.WithCancel(context.Background())
	h.options.Buckets = fakeBuckets{"b/x.snapshot": func(context.Context) (blob.Object, error) {
		gone()
		return late, nil
	}}
	_, err = h.StartRestore(request, "new", Source{Location: parsed(t, "s3://b/x.snapshot")})
	require.Error(t, err)
	require.True(t, late.closed)
}

// waitingObject waits until the context of its Get ends.
type waitingObject struct {
	fakeObject
	ctx   context.Context
	reads chan struct{}
}

func (o *waitingObject) Read([]byte) (int, error) {
	close(o.reads)
	<-o.ctx.Done()
	return 0, o.ctx.Err()
}
