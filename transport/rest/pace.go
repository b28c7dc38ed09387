package rest

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// A client that neither sends nor takes anything for stalled is cut off: its
// request holds memory. Each piece that moves gives it that time again, so that
// slow clients may take as long as they need.
const (
	stalled = 30 * time.Second
	// pieceBytes is how much of an answer is written at once.
	pieceBytes = 64 << 10
)

// skipTime is how long the rest of a body that nobody wants may take.
const skipTime = time.Second

// pace is how much time the clients of a server have for each piece, and the
// requests on which it works.
type pace struct {
	mu       sync.Mutex
	patience time.Duration
	working  map[*deadlines]struct{}
}

func newPace() *pace {
	return &pace{patience: stalled, working: map[*deadlines]struct{}{}}
}

// shorten leaves clients less time from now on, those that are waited for
// included.
func (p *pace) shorten(patience time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if patience >= p.patience {
		return
	}
	p.patience = patience
	for d := range p.working {
		d.shorten(patience)
	}
}

// enter begins a request.
func (p *pace) enter(w http.ResponseWriter) *deadlines {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := &deadlines{control: http.NewResponseController(w), patience: p.patience}
	p.working[d] = struct{}{}
	return d
}

// leave ends a request, after which nothing may touch its connection.
func (p *pace) leave(d *deadlines) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.working, d)
}

// deadlines are those of a connection while it serves one request. A connection
// without deadlines does not go to a client, so that errors do not matter.
type deadlines struct {
	control *http.ResponseController

	mu       sync.Mutex
	patience time.Duration
	reading  bool // the client is waited for to send
}

// renewWrite gives the client time to take another piece.
func (d *deadlines) renewWrite() {
	d.mu.Lock()
	defer d.mu.Unlock()
	_ = d.control.SetWriteDeadline(time.Now().Add(d.patience))
}

// renewRead gives the client time to send another piece.
func (d *deadlines) renewRead() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reading = true
	_ = d.control.SetReadDeadline(time.Now().Add(d.patience))
}

// endRead says that nothing more has to come: from now on the server listens
// for the client to hang up, which may be at any time.
func (d *deadlines) endRead() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reading = false
	_ = d.control.SetReadDeadline(time.Time{})
}

// skip bounds the wait for what was not read of a body, which the server skips
// to find the next request.
func (d *deadlines) skip() {
	d.mu.Lock()
	defer d.mu.Unlock()
	_ = d.control.SetReadDeadline(time.Now().Add(min(skipTime, d.patience)))
}

// shorten leaves the client less time, also for the piece that it is waited for.
func (d *deadlines) shorten(patience time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.patience = patience
	until := time.Now().Add(patience)
	_ = d.control.SetWriteDeadline(until)
	if d.reading {
		_ = d.control.SetReadDeadline(until)
	}
}

// pacedWriter renews the write deadline of a connection before each piece of an
// answer. Deadlines of a connection outlive a request, so that each request
// begins with one of its own.
type pacedWriter struct {
	http.ResponseWriter
	deadlines *deadlines
}

// WriteHeader implements http.ResponseWriter.
func (p *pacedWriter) WriteHeader(status int) {
	p.deadlines.renewWrite()
	p.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (p *pacedWriter) Write(b []byte) (int, error) {
	written := 0
	for {
		piece := b[written:min(written+pieceBytes, len(b))]
		p.deadlines.renewWrite()
		n, err := p.ResponseWriter.Write(piece)
		written += n
		if err != nil || written == len(b) {
			return written, err
		}
	}
}

// Unwrap is for http.ResponseController.
func (p *pacedWriter) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// pacedBody renews the read deadline of a connection before each piece of a
// body.
type pacedBody struct {
	io.ReadCloser
	deadlines *deadlines
	ended     bool // nothing more will come
}

// Read implements io.Reader.
func (p *pacedBody) Read(b []byte) (int, error) {
	p.deadlines.renewRead()
	n, err := p.ReadCloser.Read(b)
	if errors.Is(err, io.EOF) {
		p.ended = true
		p.deadlines.endRead()
	}
	return n, err
}

// finish bounds the wait for the rest of the body.
func (p *pacedBody) finish() {
	if !p.ended {
		p.deadlines.skip()
	}
}

// serve lets next answer under deadlines of progress.
func (p *pace) serve(next http.Handler, w http.ResponseWriter, r *http.Request) {
	d := p.enter(w)
	defer p.leave(d)
	d.renewWrite()
	if r.Body != nil && r.Body != http.NoBody {
		body := &pacedBody{ReadCloser: r.Body, deadlines: d}
		defer body.finish()
		r.Body = body
	}
	next.ServeHTTP(&pacedWriter{w, d}, r)
}
