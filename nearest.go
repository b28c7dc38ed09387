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
// point that has the vector. Points without it are left out.
func (v *View) Nearest(ctx context.Context, q NearestQuery) ([]ScoredRow, error) {
	scan, err := v.newNearest(q)
	if err != nil {
		return nil, err
	}
	for _, part := range v.Parts() {
		if err := scan.part(ctx, part); err != nil {
			return nil, err
		}
	}
	hits := scan.best.Hits()
	out := make([]ScoredRow, 0, max(0, len(hits)-q.Offset))
	for _, hit := range hits[min(q.Offset, len(hits)):] {
		out = append(out, ScoredRow{Row: hit.Item, Score: hit.Score})
	}
	return out, nil
}

// nearest is one query on its way through the parts of a view.
type nearest struct {
	query  NearestQuery
	key    segments.VectorKey
	scorer *vector.Scorer
	match  *filter.Compiled // nil matches all
	// candidate is used again for each row that the filter judges.
	candidate rowCandidate
	best      *vector.TopK[segments.Row]
	scores    []float32
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
	byID := func(a, b segments.Row) int { return a.ID().Compare(b.ID()) }
	return &nearest{
		query: q, candidate: rowCandidate{schema: v.Config.Schema}, key: spec.Key, scorer: scorer, match: match,
		best: vector.NewTopK(q.Limit+q.Offset, scorer.LargerIsBetter(), byID),
	}, nil
}

// part scores all rows of a part.
func (n *nearest) part(ctx context.Context, part segments.PartView) error {
	return part.Dense(n.key, func(block segments.DenseBlock) error {
		if err := ctx.Err(); err != nil {
			return readError(err)
		}
		if cap(n.scores) < len(block.Rows) {
			n.scores = make([]float32, len(block.Rows))
		}
		scores := n.scores[:len(block.Rows)]
		n.scorer.ScoreBlock(block.Data, scores)
		for i, score := range scores {
			// Most rows end here: nothing else of them is looked at.
			if !n.best.Wants(score) || part.Dead(block.Rows[i]) {
				continue
			}
			if err := n.offer(part, block.Rows[i], score); err != nil {
				return err
			}
		}
		return nil
	})
}

func (n *nearest) offer(part segments.PartView, number uint32, score float32) error {
	if n.query.Threshold != nil && !n.scorer.Passes(score, *n.query.Threshold) {
		return nil
	}
	row, err := part.Row(number)
	if err != nil {
		return err
	}
	if n.query.Exclude != nil && row.ID() == *n.query.Exclude {
		return nil
	}
	if n.match != nil {
		n.candidate.Row = row
		if ok, err := n.match.Match(&n.candidate); !ok || err != nil {
			return err
		}
	}
	n.best.Offer(score, row)
	return nil
}
