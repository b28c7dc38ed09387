package snapshot

import (
	"context"
	"io"
	"sync"
	"time"
)

// pace holds all writing of snapshots together to a rate while writes of
// clients wait, so that their log's fsync does not stand behind it.
type pace struct {
	rate int64 // bytes a second
	busy func() bool

	mu sync.Mutex
	// next is when the bytes that were let through so far have had their time.
	next time.Time
}

// wait lets n bytes through, at once if no write waits.
func (p *pace) wait(ctx context.Context, n int) error {
	delay := p.reserve(n)
	if delay <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(delay)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// reserve takes the time that n bytes need and returns when it begins.
func (p *pace) reserve(n int) time.Duration {
	if n == 0 || p.rate <= 0 || !p.busy() {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.next.Before(now) {
		p.next = now
	}
	delay := p.next.Sub(now)
	p.next = p.next.Add(time.Duration(float64(n) / float64(p.rate) * float64(time.Second)))
	return delay
}

// writer returns w, paced.
func (p *pace) writer(ctx context.Context, w io.Writer) io.Writer {
	return &pacedWriter{ctx: ctx, pace: p, w: w}
}

type pacedWriter struct {
	ctx  context.Context
	pace *pace
	w    io.Writer
}

func (w *pacedWriter) Write(b []byte) (int, error) {
	if err := w.pace.wait(w.ctx, len(b)); err != nil {
		return 0, err
	}
	return w.w.Write(b)
}

// reader returns r, paced: what is read is about to be written.
func (p *pace) reader(ctx context.Context, r io.Reader) io.Reader {
	return &pacedReader{ctx: ctx, pace: p, r: r}
}

type pacedReader struct {
	ctx  context.Context
	pace *pace
	r    io.Reader
}

func (r *pacedReader) Read(b []byte) (int, error) {
	n, err := r.r.Read(b)
	if werr := r.pace.wait(r.ctx, n); werr != nil {
		return 0, werr
	}
	return n, err
}
