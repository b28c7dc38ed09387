package tidemark

import (
	"sort"

	"github.com/tidemark-db/tidemark/index/vector"
	"github.com/tidemark-db/tidemark/segments"
)

// lane is what one worker does for one scan: it keeps the best that the worker
// saw. No two goroutines use a lane at the same time.
type lane struct {
	*nearest
	best *vector.TopK[segments.Row]
	// candidate is used again for each row that the filter judges.
	candidate rowCandidate
	// part is the one that rows come from, which is rows with a cache under a
	// filter, because it looks at many of them.
	part *scanPart
	rows segments.PartView
}

func newLane(n *nearest) *lane {
	return &lane{nearest: n, best: n.top(), candidate: rowCandidate{schema: n.schema}}
}

// block offers the vectors of a block. Those at the end can belong to rows that
// came after the view of the scan. scores has room for all of them.
func (l *lane) block(p *scanPart, b segments.DenseBlock, scores []float32) error {
	l.enter(p)
	rows := b.Rows
	if n := len(rows); n > 0 && int(rows[n-1]) >= p.rows {
		rows = rows[:sort.Search(n, func(i int) bool { return int(rows[i]) >= p.rows })]
	}
	scores = scores[:len(rows)]
	l.scorer.ScoreBlock(b.Data[:len(rows)*b.Stride], scores)
	// Most rows are passed over here: nothing else of them is looked at.
	for i := l.best.Next(scores); i < len(scores); i += 1 + l.best.Next(scores[i+1:]) {
		if p.view.Dead(rows[i]) {
			continue
		}
		if err := l.offer(rows[i], scores[i]); err != nil {
			return err
		}
	}
	return nil
}

// enter makes p the part that rows come from.
func (l *lane) enter(p *scanPart) {
	if l.part == p {
		return
	}
	l.part, l.rows = p, p.view
	if l.match != nil {
		l.rows = p.view.WithRowCache()
	}
}

func (l *lane) offer(number uint32, score float32) error {
	if l.query.Threshold != nil && !l.scorer.Passes(score, *l.query.Threshold) {
		return nil
	}
	row, err := l.rows.Row(number)
	if err != nil {
		return err
	}
	if l.query.Exclude != nil && row.ID() == *l.query.Exclude {
		return nil
	}
	if l.match != nil {
		l.candidate.Row = row
		if ok, err := l.match.Match(&l.candidate); !ok || err != nil {
			return err
		}
	}
	l.best.Offer(score, row)
	return nil
}
