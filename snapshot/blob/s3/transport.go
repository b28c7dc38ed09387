package s3

import (
	"context"
	"io"
	"net"
	"net/http"
	"time"

	"golang.org/x/time/rate"
)

// idleConn is a connection that fails once no byte has moved on it, in either
// direction, for the timeout.
type idleConn struct {
	net.Conn
	timeout time.Duration
}

// Read implements net.Conn.
func (c *idleConn) Read(p []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(c.timeout)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

// Write implements net.Conn. It also keeps a Read alive that waits for the answer
// meanwhile.
func (c *idleConn) Write(p []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(c.timeout)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// burst is the largest number of bytes that pass the limiter at once.
const burst = 64 << 10

// limited holds the bodies of requests and answers to a common rate. It counts
// what a request sends again, too.
type limited struct {
	http.RoundTripper
	limiter *rate.Limiter
}

// RoundTrip implements http.RoundTripper.
func (l *limited) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	if r.Body != nil && r.Body != http.NoBody {
		r = r.Clone(ctx) // a RoundTripper may not change its request
		r.Body = &limitedBody{ReadCloser: r.Body, ctx: ctx, limiter: l.limiter}
	}
	answer, err := l.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	answer.Body = &limitedBody{ReadCloser: answer.Body, ctx: ctx, limiter: l.limiter}
	return answer, nil
}

// limitedBody is for one goroutine, as bodies are.
type limitedBody struct {
	io.ReadCloser
	ctx     context.Context
	limiter *rate.Limiter
}

// Read implements io.Reader.
func (b *limitedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p[:min(len(p), burst)])
	if n > 0 {
		if waited := b.limiter.WaitN(b.ctx, n); waited != nil {
			return n, waited
		}
	}
	return n, err
}
