package tidemark

import (
	"cmp"
	"container/heap"
	"context"
	"slices"

	"github.com/tidemark-db/tidemark/index/filter"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/segments/payload"
)

// OrderedQuery asks for points in order of a value of their payload.
type OrderedQuery struct {
	// Key leads to the values; it needs an integer, float or datetime index.
	Key        payload.Path
	Descending bool
	StartFrom  *filter.OrderValue // the first value that may be returned
	Filter     *filter.Filter
	Limit      int
}

// OrderedRow is a row at one of its values.
type OrderedRow struct {
	segments.Row
	Value filter.OrderValue
}

// ScrollOrdered returns up to q.Limit rows in order of (value, id). A point with
// several values is returned once for each; one without is left out.
func (v *View) ScrollOrdered(ctx context.Context, q OrderedQuery) ([]OrderedRow, error) {
	order, err := filter.CompileOrder(q.Key, filter.Env{Indexes: v.Config.Indexes})
	if err != nil {
		return nil, &Error{Kind: BadInput, Text: err.Error()}
	}
	match, err := v.Config.compile(q.Filter)
	if err != nil {
		return nil, err
	}
	best := &orderedHeap{query: &q}
	var values []filter.OrderValue
	var failed error
	err = v.each(ctx, segments.PointID{}, match, func(row segments.Row) bool {
		var object payload.Object
		if object, failed = row.Payload(); failed != nil {
			return false
		}
		values = order.AppendValues(values[:0], object)
		for _, value := range values {
			best.offer(OrderedRow{Row: row, Value: value})
		}
		return true
	})
	if failed != nil || err != nil {
		return nil, cmp.Or(failed, err)
	}
	slices.SortFunc(best.rows, q.compare)
	return best.rows, nil
}

func (q *OrderedQuery) compare(a, b OrderedRow) int {
	c := a.Value.Compare(b.Value)
	if q.Descending {
		c = -c
	}
	return cmp.Or(c, a.ID().Compare(b.ID()))
}

// allowed reports whether the value does not lie before the start.
func (q *OrderedQuery) allowed(value filter.OrderValue) bool {
	if q.StartFrom == nil {
		return true
	}
	c := value.Compare(*q.StartFrom)
	return c == 0 || (c > 0) != q.Descending
}

// orderedHeap keeps the first rows of the order, the last of them on top.
type orderedHeap struct {
	query *OrderedQuery
	rows  []OrderedRow
}

func (h *orderedHeap) offer(row OrderedRow) {
	switch {
	case !h.query.allowed(row.Value):
	case len(h.rows) < h.query.Limit:
		heap.Push(h, row)
	case h.query.Limit > 0 && h.query.compare(row, h.rows[0]) < 0:
		h.rows[0] = row
		heap.Fix(h, 0)
	}
}

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (h *orderedHeap) Len() int           { return len(h.rows) }
func (h *orderedHeap) Less(i, j int) bool { return h.query.compare(h.rows[i], h.rows[j]) > 0 }
func (h *orderedHeap) Swap(i, j int)      { h.rows[i], h.rows[j] = h.rows[j], h.rows[i] }

// Push implements heap.Interface.
func (h *orderedHeap) Push(row any) { h.rows = append(h.rows, row.(OrderedRow)) }

// Pop implements heap.Interface.
func (h *orderedHeap) Pop() any {
	last := h.rows[len(h.rows)-1]
	h.rows = h.rows[:len(h.rows)-1]
	return last
}
