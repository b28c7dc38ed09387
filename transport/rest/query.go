package rest

import (
	"context"
	"slices"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/segments"
)

// query answers with the points nearest to a vector.
func (s *Server) query(c *gin.Context) {
	var r *queryRequest
	timeout, err := s.readRequest(c, func(d *document) (err error) {
		r, err = d.readQueryRequest()
		r.vector = slices.Clone(r.vector) // the document is released before the search
		return err
	})
	if err == nil {
		err = r.check()
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
		if r.id == nil && r.vector == nil {
			return queryByID(ctx, a, v, r, show)
		}
		return s.queryNearest(ctx, a, v, r, show)
	})
}

// queryByID answers a query without a vector: points in order of their ids,
// all with the same score.
func queryByID(ctx context.Context, a *answer, v *tidemark.View, r *queryRequest, show shape) error {
	all := v.Count() // as many points as there can be, whatever numbers were sent
	limit := min(r.limit, all) + min(r.offset, all)
	rows, _, err := v.Scroll(ctx, tidemark.ScrollQuery{Filter: r.filter, Limit: limit})
	if err != nil {
		return err
	}
	rows = rows[min(r.offset, len(rows)):]
	return writeScored(ctx, a, len(rows), show, func(i int) (segments.Row, uint64, float32) { return rows[i], 0, 1 })
}

func (s *Server) queryNearest(ctx context.Context, a *answer, v *tidemark.View, r *queryRequest, show shape) error {
	all := v.Count() // as many points as there can be, whatever numbers were sent
	q := tidemark.NearestQuery{
		Using: r.using, Vector: r.vector, Filter: r.filter, Threshold: r.threshold,
		Limit: min(r.limit, all), Offset: min(r.offset, all),
	}
	if r.id != nil {
		var err error
		if q.Vector, err = s.vectorOf(ctx, v, r); err != nil {
			return err
		}
		if r.lookup == nil {
			q.Exclude = r.id
		}
	}
	rows, err := v.Nearest(ctx, q)
	if err != nil {
		return err
	}
	return writeScored(ctx, a, len(rows), show, func(i int) (segments.Row, uint64, float32) {
		return rows[i].Row, uint64(rows[i].Row.Version()), rows[i].Score
	})
}

// vectorOf returns the vector of the point that a query names, from the
// collection itself or from where the query says.
func (s *Server) vectorOf(ctx context.Context, v *tidemark.View, r *queryRequest) ([]float32, error) {
	name := r.using
	if l := r.lookup; l != nil {
		col, err := s.store.Collection(l.collection)
		if tidemark.KindOf(err) == tidemark.NotFound && err != nil {
			return nil, tidemark.Errorf(tidemark.NotFound, "Collection %s not found", l.collection)
		}
		if err != nil {
			return nil, err
		}
		if v, err = col.View(ctx); err != nil {
			return nil, err
		}
		defer v.Release()
		name = l.vector
	}
	return denseOf(v, *r.id, name)
}

// denseOf returns the dense vector of a point.
func denseOf(v *tidemark.View, id segments.PointID, name string) ([]float32, error) {
	spec, ok := v.Config.Schema.Find(name)
	if !ok {
		return nil, tidemark.Errorf(tidemark.BadInput, "Not existing vector name error: %s", name)
	}
	if spec.Kind != segments.Dense {
		return nil, tidemark.Errorf(tidemark.NotImplemented, "a query by a sparse or multi vector is not part of this version")
	}
	row, ok, err := v.Get(id)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, tidemark.Errorf(tidemark.NotFound, "No point with id %v found", id)
	}
	data, ok, err := row.Vector(spec.Key)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, notFoundVector(id, name)
	}
	return segments.DecodeDense(spec.Datatype, data, nil)
}

// writeScored writes points that have a version and a score.
func writeScored(ctx context.Context, a *answer, n int, show shape, at func(i int) (segments.Row, uint64, float32)) error {
	a.b = append(a.b, `{"points":[`...)
	for i := range n {
		if err := a.next(ctx); err != nil {
			return err
		}
		row, version, score := at(i)
		a.b = strconv.AppendUint(append(a.b, `{"version":`...), version, 10)
		a.b = append(appendFloat32(append(a.b, `,"score":`...), score), ',')
		var err error
		if a.b, err = show.appendRow(a.b, row); err != nil {
			return err
		}
		a.b = append(a.b, '}')
	}
	a.b = append(a.b, "]}"...)
	return nil
}
