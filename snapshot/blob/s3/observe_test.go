package s3

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/snapshot/blob/s3/s3test"
)

// counts is an Observer.
type counts struct {
	mu sync.Mutex
	tally
}

type tally struct {
	requests       map[[2]string]int // by operation and code
	sent, received int
	negative       bool
}

func (c *counts) Requested(operation, code string, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.requests == nil {
		c.requests = map[[2]string]int{}
	}
	c.requests[[2]string{operation, code}]++
	c.negative = c.negative || took < 0
}

func (c *counts) Moved(sent, received int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent, c.received = c.sent+sent, c.received+received
}

// take returns what was counted since the last time.
func (c *counts) take() tally {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := c.tally
	c.tally = tally{}
	return taken
}

func TestObserver(t *testing.T) {
	s3test.ClearEnv(t)
	server, ctx := s3test.Start(t), context.Background()
	seen, f := &counts{}, &faults{}
	o := testOptions(t, server)
	o.Observer, o.Attempts = seen, 3
	o.Wrap = func(transport http.RoundTripper) http.RoundTripper {
		f.server = transport
		return f
	}
	s, err := connect(ctx, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })

	require.NoError(t, put(s, testKey))
	got := seen.take()
	require.Equal(t, map[[2]string]int{
		{"HeadObject", ""}: 3, {"CreateMultipartUpload", ""}: 1, {"UploadPart", ""}: 1, {"PutObject", ""}: 1, {"CompleteMultipartUpload", ""}: 1,
	}, got.requests, "that an object is missing is no error")
	require.Greater(t, got.sent, len(testContent))
	require.Less(t, got.sent, len(testContent)+2000)
	require.False(t, got.negative)

	require.Equal(t, testContent, read(t, s, testKey))
	got = seen.take()
	require.Equal(t, map[[2]string]int{{"HeadObject", ""}: 1, {"GetObject", ""}: 1}, got.requests)
	require.Equal(t, len(testContent), got.received)

	for name, c := range map[string]struct {
		what fault
		code string
		n    int
	}{
		"slow down": {slowDown, "SlowDown", 3},
		"lost":      {lost, "network", 3},
		"denied":    {denied, "AccessDenied", 1},
		"invented":  {invented, "other", 1},
	} {
		f.start(on("HeadObject", c.what))
		_, err = s.Stat(ctx, testKey)
		require.Error(t, err)
		require.Equal(t, map[[2]string]int{{"HeadObject", c.code}: c.n}, seen.take().requests, name)
	}
	f.start(nil)
	ended, cancel := context.WithCancel(ctx)
	f.start(func(string, int) fault {
		cancel()
		return lost
	})
	_, err = s.Stat(ended, testKey)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, map[[2]string]int{{"HeadObject", "cancelled"}: 1}, seen.take().requests)
	f.start(nil)
	_, err = s.Presign(ctx, testKey, time.Minute)
	require.NoError(t, err)
	require.Equal(t, map[[2]string]int{{"HeadObject", ""}: 1}, seen.take().requests, "signing asks for nothing")
}

// invented is a server with an error of its own.
func invented(_ http.RoundTripper, r *http.Request) (*http.Response, error) {
	return answer(r, http.StatusTeapot, `<?xml version="1.0"?><Error><Code>Teapot</Code></Error>`), nil
}

// TestSweepAll: Open aborts every upload below the prefix, however young.
func TestSweepAll(t *testing.T) {
	s3test.ClearEnv(t)
	server := s3test.Start(t)
	for _, all := range []bool{false, true} {
		o := testOptions(t, server)
		o.SweepAll = all
		begin(t, server, o.Bucket, "a/b c/x/a.snapshot")
		begin(t, server, o.Bucket, "other/x/a.snapshot")
		open(t, o)
		want := []string{"a/b c/x/a.snapshot", "other/x/a.snapshot"}
		if all {
			want = want[1:]
		}
		require.Equal(t, want, server.Uploads(t, o.Bucket))
	}
}
