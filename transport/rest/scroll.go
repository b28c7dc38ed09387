package rest

import (
	"context"
	"math"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/index/filter"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/segments/payload"
	"github.com/tidemark-db/tidemark/transport"
)

// defaultLimit is how many points a read returns if it does not say.
const defaultLimit = 10

// scrollRequest asks for points in order of their ids or of a payload field.
type scrollRequest struct {
	offset  *segments.PointID
	limit   int
	filter  *filter.Filter
	payload payload.Selector
	vectors vectorSelector
	order   *orderBy
}

// orderBy is an order by a payload field.
type orderBy struct {
	path       *payload.Path
	descending bool
	startFrom  *filter.OrderValue
}

func (d *document) readScroll() (scrollRequest, error) {
	r := scrollRequest{limit: defaultLimit}
	err := readObject(d.dec, "struct ScrollRequest", func(key []byte) (err error) {
		switch string(key) {
		case "offset":
			if !skipNull(d.dec) {
				var id segments.PointID
				id, err = readID(d.dec)
				r.offset = &id
			}
		case "limit":
			err = readLimit(d.dec, &r.limit)
		case "filter":
			r.filter, err = d.readFilter("scroll_request.filter")
		case "with_payload":
			err = readPayloadSelector(d.dec, &d.bill, &r.payload)
		case "with_vector", "with_vectors":
			err = readVectorSelector(d.dec, &d.bill, &r.vectors)
		case "order_by":
			r.order, err = readOrderBy(d.dec)
		default:
			err = d.dec.SkipValue()
		}
		return err
	})
	checkLimit(&d.checks, "scroll_request.limit", r.limit)
	return r, err
}

// errOrderBy says that a value is no order.
const errOrderBy = "Expected a string, or an object with a key, direction and/or start_from"

// readOrderBy reads a path, or an object with one.
func readOrderBy(dec *jsontext.Decoder) (*orderBy, error) {
	o := &orderBy{}
	var err error
	switch dec.PeekKind() {
	case 'n':
		_, err := dec.ReadToken()
		return nil, err
	case '"':
		o.path, err = readPath(dec)
	default:
		err = readObject(dec, "a string or a map", func(key []byte) (err error) {
			switch string(key) {
			case "key":
				o.path, err = readPath(dec)
			case "direction":
				o.descending, err = readDirection(dec)
			case "start_from":
				o.startFrom, err = readStartFrom(dec)
			default:
				err = dec.SkipValue()
			}
			return err
		})
	}
	if err == nil && o.path == nil {
		err = missing("key")
	}
	if text, ok := ownText(err); ok {
		return nil, &detailed{errOrderBy, text}
	}
	return o, err
}

func readDirection(dec *jsontext.Decoder) (descending bool, err error) {
	if skipNull(dec) {
		return false, nil
	}
	s, err := readString(dec, "a string")
	if err == nil && s != "asc" && s != "desc" {
		err = transport.ShapeError("unknown variant `" + abbreviate(s) + "`, expected `asc` or `desc`")
	}
	return s == "desc", err
}

// readStartFrom reads an integer, a float or a moment.
func readStartFrom(dec *jsontext.Decoder) (*filter.OrderValue, error) {
	var v filter.OrderValue
	switch dec.PeekKind() {
	case 'n':
		_, err := dec.ReadToken()
		return nil, err
	case '"':
		t, err := readTime(dec)
		if err != nil {
			return nil, err
		}
		v = filter.IntOrder(int64(*t))
	default:
		f, err := readFloat(dec)
		if err != nil {
			return nil, err
		}
		v = filter.FloatOrder(f)
		if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
			v = filter.IntOrder(int64(f))
		}
	}
	return &v, nil
}

// errOrderWithOffset refuses two ways of paging at once.
var errOrderWithOffset = tidemark.Errorf(tidemark.BadInput, "Cannot use an `offset` when using `order_by`. "+
	"The alternative for paging is to use `order_by.start_from` and a filter to exclude the IDs that you've already seen for the `order_by.start_from` value")

func (s *Server) scroll(c *gin.Context) {
	var r scrollRequest
	timeout, err := s.readRequest(c, func(d *document) (err error) { r, err = d.readScroll(); return err })
	if err == nil && r.order != nil && r.offset != nil {
		err = errOrderWithOffset
	}
	if err != nil {
		s.fail(c, err)
		return
	}
	s.withView(c, timeout, func(ctx context.Context, v *tidemark.View, a *answer) error {
		show, err := shapeOf(v.Config.Schema, r.payload, r.vectors)
		if err != nil {
			return err
		}
		if r.order != nil {
			return scrollOrdered(ctx, a, v, &r, show)
		}
		return scrollByID(ctx, a, v, &r, show)
	})
}

func scrollByID(ctx context.Context, a *answer, v *tidemark.View, r *scrollRequest, show shape) error {
	rows, next, err := v.Scroll(ctx, tidemark.ScrollQuery{From: r.offset, Filter: r.filter, Limit: r.limit})
	if err != nil {
		return err
	}
	a.b = append(a.b, `{"points":[`...)
	for _, row := range rows {
		if err := a.next(ctx); err != nil {
			return err
		}
		if err := show.writeRow(a, row); err != nil {
			return err
		}
	}
	a.b = append(a.b, `],"next_page_offset":`...)
	if next == nil {
		a.b = append(a.b, "null}"...)
	} else {
		a.b = append(appendID(a.b, *next), '}')
	}
	return nil
}

func scrollOrdered(ctx context.Context, a *answer, v *tidemark.View, r *scrollRequest, show shape) error {
	rows, err := v.ScrollOrdered(ctx, tidemark.OrderedQuery{
		Key: *r.order.path, Descending: r.order.descending, StartFrom: r.order.startFrom,
		Filter: r.filter, Limit: r.limit,
	})
	if err != nil {
		return err
	}
	a.b = append(a.b, `{"points":[`...)
	for _, row := range rows {
		if err := a.next(ctx); err != nil {
			return err
		}
		if a.b, err = show.appendRow(append(a.b, '{'), row.Row); err != nil {
			return err
		}
		a.b = append(appendOrderValue(append(a.b, `,"order_value":`...), row.Value), '}')
	}
	a.b = append(a.b, `],"next_page_offset":null}`...)
	return nil
}
