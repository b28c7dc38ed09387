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
	s.withView(c, timeout, func(_ context.Context, v *tidemark.View) error {
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
		return s.okRows(c, func(dst []byte) ([]byte, error) {
			dst, err := show.appendRow(append(dst, '{'), row)
			return append(dst, '}'), err
		})
	})
}

// okRows is ok for a result that may turn out to be unreadable while it is
// written.
func (s *Server) okRows(c *gin.Context, appendRows func(dst []byte) ([]byte, error)) error {
	buf := s.buffers.get()
	defer s.buffers.put(buf)
	rows, err := appendRows((*buf)[:0])
	*buf = rows
	if err == nil {
		s.ok(c, func(dst []byte) []byte { return append(dst, rows...) })
	}
	return err
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
			r.ids, err = readIDs(d.dec)
		case "with_payload":
			err = readPayloadSelector(d.dec, &r.payload)
		case "with_vector", "with_vectors":
			err = readVectorSelector(d.dec, &r.vectors)
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
	s.withView(c, timeout, func(ctx context.Context, v *tidemark.View) error {
		show, err := shapeOf(v.Config.Schema, r.payload, r.vectors)
		if err != nil {
			return err
		}
		return s.okRows(c, func(dst []byte) ([]byte, error) { return appendPoints(ctx, dst, v, r.ids, show) })
	})
}

func appendPoints(ctx context.Context, dst []byte, v *tidemark.View, ids []segments.PointID, show shape) ([]byte, error) {
	seen := make(map[segments.PointID]struct{}, len(ids))
	dst = append(dst, '[')
	sep := false
	for _, id := range ids {
		if _, again := seen[id]; again {
			continue
		}
		seen[id] = struct{}{}
		row, ok, err := v.Get(id)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return dst, err
		}
		if !ok {
			continue
		}
		if dst, err = show.appendRow(append(appendComma(dst, &sep), '{'), row); err != nil {
			return dst, err
		}
		dst = append(dst, '}')
	}
	return append(dst, ']'), nil
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
	s.withView(c, timeout, func(ctx context.Context, v *tidemark.View) error {
		n, err := v.CountMatching(ctx, f)
		if err != nil {
			return err
		}
		s.ok(c, func(dst []byte) []byte {
			return append(strconv.AppendInt(append(dst, `{"count":`...), int64(n), 10), '}')
		})
		return nil
	})
}
