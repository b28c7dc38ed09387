package segments

import "iter"

// Rows is a sequence of live rows in ascending order of ids that can be gone
// through more than once, each time the same. It yields nothing after an error.
type Rows interface {
	Scan() iter.Seq2[Row, error]
}

// HeadRows returns the live rows of the sealed heads of a view: what a
// checkpoint as of the view's position writes. With all set, those of the
// active head are among them, as a snapshot needs.
func (v *View) HeadRows(all bool) Rows {
	var heads []*headView
	for _, h := range v.heads {
		if all || !h.sealed.IsZero() {
			heads = append(heads, h)
		}
	}
	return headRows(heads)
}

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
