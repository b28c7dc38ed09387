package s3

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"
)

// TestBandwidth sends and receives through the limiter by a clock of its own.
func TestBandwidth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const bytesPerSecond = 1_000_000
		echo := roundTripper(func(r *http.Request) (*http.Response, error) {
			got, err := io.ReadAll(r.Body)
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(got))}, err
		})
		l := &limited{RoundTripper: echo, limiter: rate.NewLimiter(bytesPerSecond, burst)}
		content := make([]byte, 5*bytesPerSecond)
		r, err := http.NewRequestWithContext(context.Background(), http.MethodPut, "http://x", bytes.NewReader(content))
		require.NoError(t, err)
		began := time.Now()
		a, err := l.RoundTrip(r)
		require.NoError(t, err)
		got, err := io.ReadAll(a.Body)
		require.NoError(t, err)
		require.Len(t, got, len(content))
		require.InDelta(t, 10, time.Since(began).Seconds(), 0.1, "5 MB there and 5 MB back at 1 MB/s")
	})
}

// TestBandwidthEndsWithTheContext: nobody waits for a turn in vain.
func TestBandwidthEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		b := &limitedBody{ReadCloser: io.NopCloser(bytes.NewReader(make([]byte, 10*burst))), ctx: ctx, limiter: rate.NewLimiter(1000, burst)}
		_, err := io.ReadAll(b)
		require.Error(t, err)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestKeyLocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l keyLocks
		unlock, err := l.lock(t.Context(), "a")
		require.NoError(t, err)
		other, err := l.lock(t.Context(), "b")
		require.NoError(t, err)
		other()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = l.lock(ctx, "a")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		got := make(chan struct{})
		go func() {
			again, err := l.lock(context.Background(), "a")
			require.NoError(t, err)
			again()
			close(got)
		}()
		synctest.Wait()
		unlock()
		<-got
		require.Empty(t, l.held)
	})
}
