package tidemark

import (
	"context"

	"github.com/tidemark-db/tidemark/index/filter"
	"github.com/tidemark-db/tidemark/index/vector"
	"github.com/tidemark-db/tidemark/segments"
)

// NearestQuery asks for the points whose vector is nearest to a given one.
type NearestQuery struct {
	Using   string    // the name of a dense vector
	Vector  []float32 // in numbers, not yet normalised
	Exclude *segments.PointID
	Filter  *filter.Filter
	Limit   int
	Offset  int
	// Threshold keeps out points that are no better.
	Threshold *float32
}

// ScoredRow is a row with its score.
type ScoredRow struct {
	segments.Row
	Score float32
}

// Nearest returns the nearest points, the best first, by comparing with every
// point that has the vector. Points without it are left out. Large collections
// are read by all processors, and queries that run at the same time share the
// reading.
func (v *View) Nearest(ctx context.Context, q NearestQuery) ([]ScoredRow, error) {
	n, err := v.newNearest(q)
	if err != nil {
		return nil, err
	}
	s := newScan(n, v.Parts())
	if s.small() {
		err = s.alone(ctx)
	} else {
		err = v.scans.run(ctx, s)
	}
	if err != nil {
		return nil, err
	}
	hits := s.best().Hits()
	out := make([]ScoredRow, 0, max(0, len(hits)-q.Offset))
	for _, hit := range hits[min(q.Offset, len(hits)):] {
		out = append(out, ScoredRow{Row: hit.Item, Score: hit.Score})
	}
	return out, nil
}

// nearest is a query that was checked against the configuration of its view. It
// is immutable: all who work for the query share it.
type nearest struct {
	query  NearestQuery
	schema segments.Schema
	key    segments.VectorKey
	scorer *vector.Scorer
	match  *filter.Compiled // nil matches all
}

func (v *View) newNearest(q NearestQuery) (*nearest, error) {
	spec, ok := v.Config.Schema.Find(q.Using)
	if !ok {
		return nil, Errorf(BadInput, "Not existing vector name error: %s", q.Using)
	}
	if spec.Kind != segments.Dense {
		return nil, Errorf(NotImplemented, "nearest over the %v vector %s is not implemented, only over dense vectors", spec.Kind, quotedName(spec.Name))
	}
	if err := checkDimension(spec, len(q.Vector)); err != nil {
		return nil, err
	}
	scorer, err := vector.NewScorer(spec, q.Vector)
	if err != nil {
		return nil, &Error{Kind: BadInput, Text: err.Error()}
	}
	match, err := v.Config.compile(q.Filter)
	if err != nil {
		return nil, err
	}
	return &nearest{query: q, schema: v.Config.Schema, key: spec.Key, scorer: scorer, match: match}, nil
}

// top returns an empty list of the best.
func (n *nearest) top() *vector.TopK[segments.Row] {
	byID := func(a, b segments.Row) int { return a.ID().Compare(b.ID()) }
	return vector.NewTopK(n.query.Limit+n.query.Offset, n.scorer.LargerIsBetter(), byID)
}
