package snapshots

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	writers = 8
	// stride is the number of ids that a writer owns, from number*stride up. The
	// first is its counter, which most of its writes set to their own number. The
	// next slots ids are points that are overwritten and deleted again and again.
	stride = 1_000_000
	slots  = 300
	dim    = 16
)

// points are values by id. The value of a point is the number of the write that
// stored it.
type points map[uint64]int

// writer makes the writes 1, 2, 3 … of which each is a function of its number,
// so that what a prefix of them leaves is known without having seen it.
type writer struct {
	number uint64
	// begun and acknowledged are numbers of writes. The first is raised before a
	// write is sent, the second after it was answered.
	begun, acknowledged atomic.Int64
}

func newWriters() []*writer {
	all := make([]*writer, writers)
	for w := range all {
		all[w] = &writer{number: uint64(w)}
	}
	return all
}

func (w *writer) base() uint64 { return w.number * stride }

// slot is the point that write n is about.
func (w *writer) slot(n int) uint64 {
	return w.base() + 1 + (uint64(n)*2654435761+w.number)%slots
}

// Every write is one request and takes effect whole.
const (
	upsert      = iota // two points and the counter
	remove             // a point, and the counter stays
	removeCount        // a point, and the counter moves, in one batch
	kinds
)

func kindOf(n int) int {
	if n%5 < kinds {
		return n % 5
	}
	return upsert
}

// apply does to p what write n does to the collection.
func (w *writer) apply(p points, n int) {
	switch kindOf(n) {
	case upsert:
		p[w.slot(n)], p[w.slot(n+7)], p[w.base()] = n, n, n
	case remove:
		delete(p, w.slot(n))
	case removeCount:
		delete(p, w.slot(n))
		p[w.base()] = n
	}
}

// request is write n on the wire.
func (w *writer) request(collection string, n int) (request, body string) {
	path := "/collections/" + collection + "/points"
	point := func(id uint64) string {
		return fmt.Sprintf(`{"id":%d,"vector":%s,"payload":{"v":%d,"text":"%s"}}`, id, vector(n, dim), n, strings.Repeat("x", n%200))
	}
	switch kindOf(n) {
	case remove:
		return "POST " + path + "/delete?wait=true", fmt.Sprintf(`{"points":[%d]}`, w.slot(n))
	case removeCount:
		return "POST " + path + "/batch?wait=true",
			fmt.Sprintf(`{"operations":[{"delete":{"points":[%d]}},{"upsert":{"points":[%s]}}]}`, w.slot(n), point(w.base()))
	}
	list := []string{point(w.slot(n)), point(w.base())}
	if other := w.slot(n + 7); other != w.slot(n) {
		list = append(list, point(other))
	}
	if n%2 == 0 { // both ways of being acknowledged
		path += "?wait=true"
	}
	return "PUT " + path, `{"points":[` + strings.Join(list, ",") + `]}`
}

// run writes until the context ends or the server is gone. after is called with
// each answer.
func (w *writer) run(ctx context.Context, t *testing.T, s *server, collection string, after func()) {
	for ctx.Err() == nil {
		n := w.begun.Add(1)
		request, body := w.request(collection, int(n))
		// Even when the context ends the answer is waited for: a write whose client
		// has gone could appear later.
		r, err := s.do(context.WithoutCancel(ctx), request, body)
		if err != nil {
			return // killed: this write may or may not be there
		}
		if r.status != http.StatusOK {
			t.Errorf("%s: status %d: %s", request, r.status, r.body)
			return
		}
		w.acknowledged.Store(n)
		after()
	}
}

// read returns the points of every writer.
func (s *server) read(t *testing.T, collection string) []points {
	t.Helper()
	all := make([]points, writers)
	for w := range all {
		all[w] = points{}
	}
	type page struct {
		Points []struct {
			ID      uint64                     `json:"id"`
			Payload map[string]json.RawMessage `json:"payload"`
		} `json:"points"`
		Next *uint64 `json:"next_page_offset"`
	}
	for offset := uint64(0); ; {
		p := result[page](t, s, "POST /collections/"+collection+"/points/scroll", fmt.Sprintf(`{"limit":1000,"with_payload":["v"],"offset":%d}`, offset))
		for _, point := range p.Points {
			w := point.ID / stride
			require.Less(t, w, uint64(writers), "a point that nobody wrote")
			var v int
			require.NoError(t, json.Unmarshal(point.Payload["v"], &v))
			all[w][point.ID] = v
		}
		if p.Next == nil {
			return all
		}
		offset = *p.Next
	}
}

// prefix returns the number k, at least low and at most high, such that the first
// k writes of w, after base, leave exactly got.
func (w *writer) prefix(base points, after int, got points, low, high int) (k int, ok bool) {
	p := maps.Clone(base)
	if p == nil {
		p = points{}
	}
	for k = after; ; k++ {
		if k >= low && maps.Equal(p, got) {
			return k, true
		}
		if k >= high {
			return 0, false
		}
		w.apply(p, k+1)
	}
}
