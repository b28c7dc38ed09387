package segments

import "github.com/tidwall/btree"

// Scanner goes through the points of a view in order of their ids. It belongs
// to one goroutine, and the view must be held while it is used.
type Scanner struct {
	// sources is a heap whose top has the lowest id.
	sources []scanSource
	row     Row
	err     error
}

// scanSource is one part of a view and its present row.
type scanSource struct {
	row    Row
	cursor cursor
}

// cursor goes through the live rows of a part in order of ids.
type cursor interface {
	// next returns the next row, and false at the end.
	next() (Row, bool, error)
}

// Scan returns a scanner for all points with ids at or above from.
func (v *View) Scan(from PointID) *Scanner {
	s := new(Scanner)
	for _, h := range v.heads {
		s.add(newHeadCursor(h, from))
	}
	for i, segment := range v.set.segments {
		s.addSegment(segment.mapped, v.dead[i], from)
	}
	s.build()
	return s
}

// Next moves to the next point; false at the end or after an error.
func (s *Scanner) Next() bool {
	if s.err != nil || len(s.sources) == 0 {
		return false
	}
	top := &s.sources[0]
	s.row = top.row
	row, ok, err := top.cursor.next()
	switch {
	case err != nil:
		s.err = err
		return false
	case ok:
		top.row = row
	default:
		last := len(s.sources) - 1
		s.sources[0] = s.sources[last]
		s.sources = s.sources[:last]
	}
	s.sink(0)
	return true
}

// Row returns the present point.
func (s *Scanner) Row() Row { return s.row }

// Err returns what ended the scan early.
func (s *Scanner) Err() error { return s.err }

// add puts a cursor in, out of order until build.
func (s *Scanner) add(c cursor) {
	row, ok, err := c.next()
	if err != nil && s.err == nil {
		s.err = err
	}
	if ok {
		s.sources = append(s.sources, scanSource{row: row, cursor: c})
	}
}

func (s *Scanner) addSegment(part *segmentPart, dead deadRows, from PointID) {
	c, err := newSegmentCursor(part, dead, from)
	if err != nil {
		s.err = err
		return
	}
	s.add(c)
}

func (s *Scanner) build() {
	for i := len(s.sources)/2 - 1; i >= 0; i-- {
		s.sink(i)
	}
}

// sink restores the heap below i.
func (s *Scanner) sink(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(s.sources); child++ {
			if s.sources[child].row.id.less(s.sources[least].row.id) {
				least = child
			}
		}
		if least == i {
			return
		}
		s.sources[i], s.sources[least] = s.sources[least], s.sources[i]
		i = least
	}
}

// headCursor goes through a head by its tree, which has live rows only.
type headCursor struct {
	head *headView
	iter btree.IterG[idRow]
	from PointID
	on   bool
}

func newHeadCursor(h *headView, from PointID) *headCursor {
	return &headCursor{head: h, iter: h.ids.Iter(), from: from}
}

func (c *headCursor) next() (Row, bool, error) {
	ok := false
	if c.on {
		ok = c.iter.Next()
	} else {
		ok, c.on = c.iter.Seek(idRow{id: c.from}), true
	}
	if !ok {
		return Row{}, false, nil
	}
	return c.head.at(c.iter.Item().row), true, nil
}
