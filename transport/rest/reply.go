package rest

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/transport"
)

const (
	typeJSON = "application/json"
	typeText = "text/plain; charset=utf-8"
)

// buffers pools the bytes of answers: of small ones, and the parts of large ones.
type buffers struct{ small, parts sync.Pool }

func newBuffers() *buffers {
	p := &buffers{}
	p.small.New = func() any { b := make([]byte, 0, 4096); return &b }
	p.parts.New = func() any { b := make([]byte, 0, chunkBytes); return &b }
	return p
}

// get returns an empty buffer for an answer of unknown size.
func (p *buffers) get() []byte { return (*p.small.Get().(*[]byte))[:0] }

// part returns an empty buffer for that many bytes.
func (p *buffers) part(size int) []byte {
	if size == chunkBytes {
		return (*p.parts.Get().(*[]byte))[:0]
	}
	return make([]byte, 0, size)
}

// put gives a buffer back. Large ones are left to the garbage collector.
func (p *buffers) put(b []byte) {
	switch {
	case cap(b) == chunkBytes:
		p.parts.Put(&b)
	case cap(b) > 0 && cap(b) <= freeBytes:
		p.small.Put(&b)
	}
}

// ok answers with a result that appendResult appends as JSON.
func (s *Server) ok(c *gin.Context, appendResult func(dst []byte) []byte) {
	b := append(s.buffers.get(), `{"result":`...)
	b = appendResult(b)
	b = append(b, `,"status":"ok","time":`...)
	b = append(appendElapsed(b, c), '}')
	s.send(c, http.StatusOK, typeJSON, b)
	s.buffers.put(b)
}

// okJSON is ok for a value that is rarely asked for, encoded by its type.
func (s *Server) okJSON(c *gin.Context, result any) {
	encoded, err := json.Marshal(result, json.Deterministic(true))
	if err != nil {
		s.fail(c, err)
		return
	}
	s.ok(c, func(dst []byte) []byte { return append(dst, encoded...) })
}

// accepted answers that something goes on and what becomes of it will show.
func (s *Server) accepted(c *gin.Context) {
	b := appendElapsed([]byte(`{"status":"accepted","time":`), c)
	s.send(c, http.StatusAccepted, typeJSON, append(b, '}'))
}

// fail answers with an error in the envelope. What concerns the operator goes
// to the log at once, the rest with the line of the request.
func (s *Server) fail(c *gin.Context, err error) {
	shown := show(err)
	c.Set(errorKey, err)
	if level := failureLevel(shown.Status, err); level > slog.LevelDebug {
		s.logger.Log(c.Request.Context(), level, "request failed", "method", c.Request.Method,
			"path", c.Request.URL.Path, "status", shown.Status, "error", err)
	}
	b := append([]byte(`{"status":{"error":`), appendText(nil, shown.Text)...)
	b = append(b, `},"time":`...)
	b = append(appendElapsed(b, c), '}')
	s.send(c, shown.Status, typeJSON, b)
}

// failureLevel tells how much a failure concerns the operator: a fault of the
// server very much, a refusal for want of something somewhat, what the client
// did wrong or gave up not at all.
func failureLevel(status int, err error) slog.Level {
	switch {
	case errors.Is(err, context.Canceled):
		return slog.LevelDebug
	case errors.Is(err, segments.ErrDamaged):
		return slog.LevelError
	case status == http.StatusInternalServerError:
		return slog.LevelError
	case status == http.StatusServiceUnavailable:
		return slog.LevelWarn
	}
	return slog.LevelDebug
}

// show returns how err is shown over HTTP.
func show(err error) transport.Shown {
	var format *formatError
	var large *tooLarge
	var shape transport.ShapeError
	switch {
	case errors.As(err, &format):
		return transport.Shown{Status: http.StatusBadRequest, Text: format.Error()}
	case errors.As(err, &large):
		return transport.Shown{Status: http.StatusBadRequest, Text: large.Error()}
	case errors.As(err, &shape):
		return transport.Shown{Status: http.StatusBadRequest, Text: "Format error in JSON body: " + shape.Error()}
	}
	return transport.Show(err)
}

// notImplemented answers that something is missing.
func (s *Server) notImplemented(c *gin.Context, what string) {
	s.fail(c, tidemark.Errorf(tidemark.NotImplemented, "%s", what))
}

// appendElapsed appends the seconds since the request came in.
func appendElapsed(dst []byte, c *gin.Context) []byte {
	return appendFloat64(dst, time.Since(startOf(c)).Seconds())
}

// send writes an answer, compressed if the client asks for it and it pays.
func (s *Server) send(c *gin.Context, status int, contentType string, body []byte) {
	h := c.Writer.Header()
	h.Set("Content-Type", contentType)
	if len(body) >= minCompressed {
		h.Add("Vary", "Accept-Encoding")
		if encoding := acceptedEncoding(c.GetHeader("Accept-Encoding")); encoding != "" {
			if packed, err := s.packers.pack(encoding, body); err == nil {
				h.Set("Content-Encoding", encoding)
				body = packed
			}
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	c.Writer.WriteHeader(status)
	if _, err := c.Writer.Write(body); err != nil {
		s.logger.DebugContext(c.Request.Context(), "answer not delivered", "error", err)
	}
}
