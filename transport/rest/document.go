package rest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/segments/payload"
	"github.com/tidemark-db/tidemark/transport"
)

// document is the body of a request with everything that decoding it needs.
// Documents are pooled: whatever is decoded from one is valid until release.
// The engine keeps nothing of an operation after Collection.Write returned.
type document struct {
	body   []byte
	room   int          // bytes that body may have, at most its capacity
	leave  []func()     // gives back what was admitted
	bill   bill         // of what is decoded
	source bytes.Buffer // reads body without copying it
	dec    *jsontext.Decoder

	builder payload.Builder
	checks  transport.Checks
	slabs   slabs
	names   map[string]string // of vectors, so that each is made once
}

// slabs are memory that the vectors and points of a request share. A slice
// that was cut off one stays valid when the slab grows.
type slabs struct {
	floats  []float32
	indices []uint32
	vectors []tidemark.NamedVector
	points  []tidemark.PointInput
}

// Documents and answers above these sizes are left to the garbage collector.
const (
	maxPooledBytes  = 4 << 20
	maxPooledFloats = 1 << 20
	maxPooledPoints = 1 << 14
)

// documents pools what is expensive to make for each request.
type documents struct{ pool sync.Pool }

func newDocuments() *documents {
	return &documents{pool: sync.Pool{New: func() any {
		d := &document{dec: jsontext.NewDecoder(new(bytes.Buffer)), names: map[string]string{}}
		d.builder.MaxBytes = tidemark.MaxPointBytes
		return d
	}}}
}

// admit lets a request take n bytes of memory, or refuses it. leave gives them
// back.
type admit func(ctx context.Context, n int64) (leave func(), err error)

// bodyFactor is how many bytes a byte of a body is taken for when it comes:
// itself, and what is decoded from most bodies. If that is more, it is paid for
// while it is decoded.
const bodyFactor = 3

// read reads the body of r whole, as far as enter lets it in; a nil enter lets
// in all. The caller must release the document.
func (p *documents) read(r *http.Request, limit int64, enter admit) (*document, error) {
	if r.ContentLength > limit {
		return nil, &tooLarge{fmt.Sprintf("JSON payload (%d bytes) is larger than allowed (limit: %d bytes).", r.ContentLength, limit)}
	}
	d := p.pool.Get().(*document)
	d.bill = bill{paid: freeBytes}
	if enter != nil {
		d.bill.pay = func(n int64) error { return d.admit(r.Context(), n, enter) }
	}
	if err := d.fill(r, limit, enter); err != nil {
		p.release(d)
		return nil, err
	}
	d.source = *bytes.NewBuffer(d.body)
	d.dec.Reset(&d.source)
	return d, nil
}

func (d *document) fill(r *http.Request, limit int64, enter admit) error {
	d.body = d.body[:0]
	// One byte more than was announced is room to see the end without growing.
	if err := d.grow(r.Context(), int(max(r.ContentLength+1, bytes.MinRead)), enter); err != nil {
		return err
	}
	for {
		if len(d.body) == d.room {
			if err := d.grow(r.Context(), 2*d.room, enter); err != nil {
				return err
			}
		}
		n, err := r.Body.Read(d.body[len(d.body):d.room])
		d.body = d.body[:len(d.body)+n]
		if int64(len(d.body)) > limit {
			return &tooLarge{fmt.Sprintf("JSON payload has exceeded limit (%d bytes).", limit)}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return bodyError(err)
		}
	}
}

// grow makes room for a body of size bytes once it may be taken in.
func (d *document) grow(ctx context.Context, size int, enter admit) error {
	if more := int64(size - max(d.room, freeBytes)); more > 0 && enter != nil {
		if err := d.admit(ctx, bodyFactor*more, enter); err != nil {
			return err
		}
		d.bill.paid += (bodyFactor - 1) * more
	}
	d.room = size
	if size > cap(d.body) {
		d.body = append(make([]byte, 0, size), d.body...)
	}
	return nil
}

// admit lets d take n bytes until it is released.
func (d *document) admit(ctx context.Context, n int64, enter admit) error {
	leave, err := enter(ctx, n)
	if err == nil {
		d.leave = append(d.leave, leave)
	}
	return err
}

// bodyError says why a body could not be read.
func bodyError(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &tidemark.Error{Kind: tidemark.Timeout, Text: "the rest of the body did not come in time", Err: err}
	}
	return &tidemark.Error{Kind: tidemark.BadRequest, Text: "the body could not be read", Err: err}
}

// release gives d back. Nothing that was decoded from it may be used any more.
func (p *documents) release(d *document) {
	for _, leave := range d.leave {
		leave()
	}
	d.leave, d.room, d.bill = d.leave[:0], 0, bill{}
	if cap(d.body) > maxPooledBytes || cap(d.slabs.floats) > maxPooledFloats || cap(d.slabs.points) > maxPooledPoints {
		return
	}
	d.checks = transport.Checks{}
	clear(d.names)
	clear(d.slabs.points)
	clear(d.slabs.vectors)
	d.slabs = slabs{d.slabs.floats[:0], d.slabs.indices[:0], d.slabs.vectors[:0], d.slabs.points[:0]}
	p.pool.Put(d)
}

// tooLarge says that a body is over the limit. It has no prefix.
type tooLarge struct{ text string }

// Error implements error.
func (e *tooLarge) Error() string { return e.text }

// decode reads the whole document by way of read and says where it is wrong.
// What read noted in d.checks is an error once the document has been read:
// as in the reference, form comes before values.
func (d *document) decode(read func() error) error {
	err := read()
	if err == nil {
		err = atEnd(d.dec)
	}
	if err != nil {
		return located(d.body, d.dec, err)
	}
	return d.checks.Err(transport.InBody)
}

// into reads the whole document into v, a pointer to a struct.
func (d *document) into(v any) error {
	return d.decode(func() error { return json.UnmarshalDecode(d.dec, v) })
}

// name returns the name of a vector as a string.
func (d *document) name(key []byte) string {
	if s, ok := d.names[string(key)]; ok {
		return s
	}
	s := string(key)
	d.names[s] = s
	return s
}

// missing says that a required field is not there.
func missing(field string) error {
	return transport.ShapeError("missing field `" + field + "`")
}
