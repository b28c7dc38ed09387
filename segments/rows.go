package segments

import "iter"

// Rows is a sequence of live rows in ascending order of ids that can be gone
// through more than once, each time the same. It yields nothing after an error.
type Rows interface {
	Scan() iter.Seq2[Row, error]
}

// HeadRows returns the live rows of all heads of the view: what a snapshot has
// to write beside the segments.
func (v *View) HeadRows() Rows { return headRows(v.heads) }

type headRows []*headView

// Scan implements Rows.
func (r headRows) Scan() iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		s := new(Scanner)
		for _, h := range r {
			s.add(newHeadCursor(h, PointID{}))
		}
		s.build()
		s.each(yield)
	}
}

// each yields what is left, and the error that ended the scan if there is one.
func (s *Scanner) each(yield func(Row, error) bool) {
	for s.Next() {
		if !yield(s.Row(), nil) {
			return
		}
	}
	if s.err != nil {
		yield(Row{}, s.err)
	}
}
