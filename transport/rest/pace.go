package rest

import (
	"errors"
	"io"
	"net/http"
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

// pacedWriter renews the write deadline of a connection before each piece of an
// answer. Deadlines of a connection outlive a request, so that each request
// begins with one of its own.
type pacedWriter struct {
	http.ResponseWriter
	control *http.ResponseController
}

func newPacedWriter(w http.ResponseWriter) *pacedWriter {
	p := &pacedWriter{w, http.NewResponseController(w)}
	p.renew()
	return p
}

// renew gives the client time for another piece. A writer without deadlines
// does not go to a client.
func (p *pacedWriter) renew() { _ = p.control.SetWriteDeadline(time.Now().Add(stalled)) }

// WriteHeader implements http.ResponseWriter.
func (p *pacedWriter) WriteHeader(status int) {
	p.renew()
	p.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (p *pacedWriter) Write(b []byte) (int, error) {
	written := 0
	for {
		piece := b[written:min(written+pieceBytes, len(b))]
		p.renew()
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
	control *http.ResponseController
	ended   bool // nothing more will come
}

// Read implements io.Reader.
func (p *pacedBody) Read(b []byte) (int, error) {
	_ = p.control.SetReadDeadline(time.Now().Add(stalled))
	n, err := p.ReadCloser.Read(b)
	if errors.Is(err, io.EOF) {
		// From now on the server listens for the client to hang up, which may
		// come at any time.
		p.ended = true
		_ = p.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// finish bounds the wait for what was not read of the body, which the server
// skips to find the next request.
func (p *pacedBody) finish() {
	if !p.ended {
		_ = p.control.SetReadDeadline(time.Now().Add(skipTime))
	}
}

// skipTime is how long the rest of a body that nobody wants may take.
const skipTime = time.Second

// paced lets next answer under deadlines of progress.
func paced(next http.Handler, w http.ResponseWriter, r *http.Request) {
	writer := newPacedWriter(w)
	if r.Body != nil && r.Body != http.NoBody {
		body := &pacedBody{ReadCloser: r.Body, control: writer.control}
		defer body.finish()
		r.Body = body
	}
	next.ServeHTTP(writer, r)
}
