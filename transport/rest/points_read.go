package rest

import (
	"context"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/index/filter"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/segments/payload"
	"github.com/tidemark-db/tidemark/transport"
)

// getPoint answers with one point, its payload and all its vectors.
func (s *Server) getPoint(c *gin.Context) {
	if _, err := collectionName(c); err != nil {
		s.fail(c, err)
		return
	}
	timeout, err := transport.ParseRead(query(c))
	if err != nil {
		s.fail(c, err)
		return
	}
	id, err := pathID(c.Param("id"))
	if err != nil {
		s.fail(c, err)
		return
	}
	s.withView(c, timeout, func(ctx context.Context, v *tidemark.View, a *answer) error {
		row, ok, err := v.Get(id)
		if err != nil {
			return err
		}
		if !ok {
			return tidemark.Errorf(tidemark.NotFound, "Point with id %v does not exists!", id)
		}
		show, err := shapeOf(v.Config.Schema, payload.Selector{}, vectorSelector{all: true})
		if err != nil {
			return err
		}
		if err := a.next(ctx); err != nil {
			return err
		}
		return show.writeRow(a, row)
	})
}

// pointsRequest asks for points by their ids.
type pointsRequest struct {
	ids     []segments.PointID
	payload payload.Selector
	vectors vectorSelector
}

func (d *document) readPointsRequest() (r pointsRequest, err error) {
	r.payload.Kind = payload.SelectNone
	err = readObject(d.dec, "struct PointRequest", func(key []byte) (err error) {
		switch string(key) {
		case "ids":
			r.ids, err = readIDs(d.dec, &d.bill)
		case "with_payload":
			err = readPayloadSelector(d.dec, &d.bill, &r.payload)
		case "with_vector", "with_vectors":
			err = readVectorSelector(d.dec, &d.bill, &r.vectors)
		default:
			err = d.dec.SkipValue()
		}
		return err
	})
	if err == nil && r.ids == nil {
		err = missing("ids")
	}
	return r, err
}

// getPoints answers with the points of a list of ids, in that order, each once;
// unknown ids are left out.
func (s *Server) getPoints(c *gin.Context) {
	var r pointsRequest
	timeout, err := s.readRequest(c, func(d *document) (err error) { r, err = d.readPointsRequest(); return err })
	if err != nil {
		s.fail(c, err)
		return
	}
	s.withView(c, timeout, func(ctx context.Context, v *tidemark.View, a *answer) error {
		show, err := shapeOf(v.Config.Schema, r.payload, r.vectors)
		if err != nil {
			return err
		}
		return writePoints(ctx, a, v, r.ids, show)
	})
}

func writePoints(ctx context.Context, a *answer, v *tidemark.View, ids []segments.PointID, show shape) error {
	shown := map[segments.PointID]struct{}{} // of those that exist, of which there may be far fewer
	a.b = append(a.b, '[')
	for _, id := range ids {
		if _, again := shown[id]; again {
			continue
		}
		row, ok, err := v.Get(id)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		shown[id] = struct{}{}
		if err := a.next(ctx); err != nil {
			return err
		}
		if err := show.writeRow(a, row); err != nil {
			return err
		}
	}
	a.b = append(a.b, ']')
	return nil
}

// countPoints answers with the number of points that match. It is exact
// whatever the request says.
func (s *Server) countPoints(c *gin.Context) {
	var f *filter.Filter
	timeout, err := s.readRequest(c, func(d *document) error {
		return readObject(d.dec, "struct CountRequest", func(key []byte) (err error) {
			switch string(key) {
			case "filter":
				f, err = d.readFilter("count_request.filter")
			case "exact":
				_, err = readBool(d.dec)
			default:
				err = d.dec.SkipValue()
			}
			return err
		})
	})
	if err != nil {
		s.fail(c, err)
		return
	}
	s.withView(c, timeout, func(ctx context.Context, v *tidemark.View, a *answer) error {
		n, err := v.CountMatching(ctx, f)
		if err != nil {
			return err
		}
		a.b = append(strconv.AppendInt(append(a.b, `{"count":`...), int64(n), 10), '}')
		return nil
	})
}
