package tidemark

import (
	"context"

	"github.com/tidemark-db/tidemark/index/filter"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/segments/payload"
	"github.com/tidemark-db/tidemark/wal"
)

// rowCandidate is a row as a filter sees it.
type rowCandidate struct {
	segments.Row
	schema segments.Schema
}

// HasVector reports whether the point has the vector of that name.
func (r *rowCandidate) HasVector(name string) (bool, error) {
	spec, ok := r.schema.Find(name)
	if !ok {
		return false, nil
	}
	_, has, err := r.Vector(spec.Key)
	return has, err
}

// putCandidate is a point that is about to be written, as a filter sees it.
type putCandidate struct {
	put    *PutPoint
	schema segments.Schema
}

func (p *putCandidate) ID() segments.PointID             { return p.put.ID }
func (p *putCandidate) Payload() (payload.Object, error) { return p.put.Payload, nil }

func (p *putCandidate) HasVector(name string) (bool, error) {
	spec, ok := p.schema.Find(name)
	if !ok {
		return false, nil
	}
	for _, v := range p.put.Vectors {
		if v.Key == spec.Key {
			return true, nil
		}
	}
	return false, nil
}

// checkEvery is the number of rows after which a scan looks at its context.
const checkEvery = 1024

// each calls visit for the matching rows with ids at or above from, ascending,
// until it returns false. A nil match matches all.
func (v *View) each(ctx context.Context, from segments.PointID, match *filter.Compiled, visit func(segments.Row) bool) error {
	if match != nil {
		if ids, few := match.IDs(); few {
			return v.eachOf(ids, from, match, visit)
		}
	}
	scan := v.Scan(from)
	candidate := &rowCandidate{schema: v.Config.Schema}
	for n := 0; scan.Next(); n++ {
		if n%checkEvery == 0 && ctx.Err() != nil {
			return scanError(ctx.Err())
		}
		row := scan.Row()
		if match != nil {
			candidate.Row = row
			ok, err := match.Match(candidate)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
		}
		if !visit(row) {
			return nil
		}
	}
	return scan.Err()
}

// eachOf does what each does for points that can only have these ids, which
// ascend.
func (v *View) eachOf(ids []segments.PointID, from segments.PointID, match *filter.Compiled, visit func(segments.Row) bool) error {
	for _, id := range ids {
		if id.Compare(from) < 0 {
			continue
		}
		row, ok, err := v.Get(id)
		if err != nil {
			return err
		}
		if ok {
			if ok, err = match.Match(&rowCandidate{row, v.Config.Schema}); err != nil {
				return err
			}
		}
		if ok && !visit(row) {
			return nil
		}
	}
	return nil
}

// changedSince calls visit for the rows that were written after an earlier look,
// in no order.
func (v *View) changedSince(ctx context.Context, before selection, visit func(segments.Row) error) error {
	for _, part := range v.Parts() {
		if before.segments[part.Name()] {
			continue
		}
		if err := eachNewer(ctx, part, before.through, visit); err != nil {
			return err
		}
	}
	return nil
}

// eachNewer calls visit for the live rows of a part that were written after p.
func eachNewer(ctx context.Context, part segments.PartView, p wal.Position, visit func(segments.Row) error) error {
	for n := range uint32(part.Rows()) {
		if n%checkEvery == 0 && ctx.Err() != nil {
			return scanError(ctx.Err())
		}
		if part.Dead(n) {
			continue
		}
		row, err := part.Row(n)
		if err != nil {
			return err
		}
		if row.Version() <= p {
			continue
		}
		if err := visit(row); err != nil {
			return err
		}
	}
	return nil
}

// compile prepares a filter for the payload schema in force. A nil filter
// compiles to nil, which matches all.
func (c *Config) compile(f *filter.Filter) (*filter.Compiled, error) {
	if f == nil {
		return nil, nil
	}
	compiled, err := filter.Compile(f, filter.Env{Indexes: c.Indexes})
	if err != nil {
		return nil, &Error{Kind: BadInput, Text: err.Error()}
	}
	return compiled, nil
}

// CountMatching returns the number of points that match; a nil filter matches
// all.
func (v *View) CountMatching(ctx context.Context, f *filter.Filter) (int, error) {
	match, err := v.Config.compile(f)
	if err != nil {
		return 0, err
	}
	if match == nil {
		return v.Count(), nil
	}
	n := 0
	err = v.each(ctx, segments.PointID{}, match, func(segments.Row) bool { n++; return true })
	return n, err
}

// ScrollQuery asks for points in order of their ids.
type ScrollQuery struct {
	From   *segments.PointID // the first id that may be returned; nil begins at the start
	Filter *filter.Filter
	Limit  int
}

// Scroll returns up to q.Limit rows, and the id of the next one if there is
// one.
func (v *View) Scroll(ctx context.Context, q ScrollQuery) (rows []segments.Row, next *segments.PointID, err error) {
	match, err := v.Config.compile(q.Filter)
	if err != nil {
		return nil, nil, err
	}
	var from segments.PointID
	if q.From != nil {
		from = *q.From
	}
	err = v.each(ctx, from, match, func(row segments.Row) bool {
		if len(rows) == q.Limit {
			id := row.ID()
			next = &id
			return false
		}
		rows = append(rows, row)
		return true
	})
	return rows, next, err
}
