package rest

import (
	"context"
	"io"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"
)

// chunkBytes is the size of the parts of a large answer, unless a row is larger.
const chunkBytes = 256 << 10

// answer is the answer to a read while it is built. It consists of chunks, so
// that no byte is copied when it grows, and is counted as it grows.
type answer struct {
	buffers *buffers
	claim   *claim

	// b is the part that is being written. Whoever appends to it stores it.
	b []byte
	// sep says that another row needs a comma before it.
	sep bool

	full   [][]byte
	length int // of full, in bytes
	taken  int // capacity of full, in bytes
	row    int // length of b when the last row began
}

// newAnswer returns an answer that begins as all answers do. It must be
// released.
func (s *Server) newAnswer() *answer {
	a := &answer{buffers: s.buffers, claim: s.memory.claim(), b: s.buffers.get()}
	a.b = append(a.b[:0], `{"result":`...)
	return a
}

// next makes room for another row. It must be called before each one: it ends a
// read that nobody waits for any more, and waits while reads take too much
// memory.
func (a *answer) next(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := a.account(ctx); err != nil {
		return err
	}
	if last := len(a.b) - a.row; len(a.b)+last > chunkBytes { // another one like it does not fit
		if err := a.cut(ctx, max(chunkBytes, last)); err != nil {
			return err
		}
	}
	a.row = len(a.b)
	a.b = appendComma(a.b, &a.sep)
	return nil
}

// account counts what the answer has grown to.
func (a *answer) account(ctx context.Context) error {
	return a.claim.grow(ctx, int64(a.taken+cap(a.b)))
}

// cut begins another part, of that size in bytes.
func (a *answer) cut(ctx context.Context, size int) error {
	if err := a.claim.grow(ctx, int64(a.taken+cap(a.b)+size)); err != nil {
		return err
	}
	a.full = append(a.full, a.b)
	a.length += len(a.b)
	a.taken += cap(a.b)
	a.b = a.buffers.part(size)
	return nil
}

// json appends a value that is rarely asked for, encoded by its type.
func (a *answer) json(v any) error {
	encoded, err := json.Marshal(v, json.Deterministic(true))
	a.b = append(a.b, encoded...)
	return err
}

// release gives the memory back that was not sent.
func (a *answer) release() {
	for _, part := range a.full {
		a.buffers.put(part)
	}
	a.buffers.put(a.b)
	a.full, a.b = nil, nil
	a.claim.release()
}

// sendAnswer completes and sends an answer.
func (s *Server) sendAnswer(c *gin.Context, a *answer) {
	a.b = append(a.b, `,"status":"ok","time":`...)
	a.b = append(appendElapsed(a.b, c), '}')
	if len(a.full) == 0 {
		s.send(c, http.StatusOK, typeJSON, a.b)
		return
	}
	h := c.Writer.Header()
	h.Set("Content-Type", typeJSON)
	h.Add("Vary", "Accept-Encoding")
	var err error
	if encoding := acceptedEncoding(c.GetHeader("Accept-Encoding")); encoding != "" {
		h.Set("Content-Encoding", encoding)
		c.Writer.WriteHeader(http.StatusOK)
		err = s.packers.stream(encoding, c.Writer, a.writeTo)
	} else {
		h.Set("Content-Length", strconv.Itoa(a.length+len(a.b)))
		c.Writer.WriteHeader(http.StatusOK)
		err = a.writeTo(c.Writer)
	}
	if err != nil {
		s.logger.DebugContext(c.Request.Context(), "answer not delivered", "error", err)
	}
}

// writeTo writes all parts and lets go of each when it is written.
func (a *answer) writeTo(w io.Writer) error {
	for i, part := range a.full {
		if _, err := w.Write(part); err != nil {
			return err
		}
		a.full[i] = nil
		a.buffers.put(part)
	}
	_, err := w.Write(a.b)
	return err
}
