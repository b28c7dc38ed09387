package segments

import "sort"

// find returns the row of an id, dead or alive. h is the id's hash.
func (s *Segment) find(id PointID, h Hash) (row int, ok bool, err error) {
	if !s.filter.mayHave(h) {
		return 0, false, nil
	}
	row, err = s.lowerBound(id)
	if err != nil || row == s.contents.rows {
		return 0, false, err
	}
	found, err := s.mapped.at(uint32(row))
	return row, err == nil && found.id == id, err
}

// lowerBound returns the first row whose id is at or above id; the number of
// rows if there is none. It touches one block of rows at most.
func (s *Segment) lowerBound(id PointID) (int, error) {
	blocks := len(s.fences) / idBytes
	// The block before the first one that begins above id.
	block := sort.Search(blocks, func(i int) bool { return id.less(s.fence(i)) }) - 1
	if block < 0 {
		return 0, nil
	}
	first := block * blockRows
	n := min(blockRows, s.contents.rows-first)
	rows := s.contents.section(rowsSection, 0)
	found := 0
	err := s.accessor.use(rows, int64(first*rowSize), int64(n*rowSize), func(b []byte) error {
		found = sort.Search(n, func(i int) bool {
			return !rowRecord(b[i*rowSize:]).id(s.kindOf(first + i)).less(id)
		})
		return nil
	})
	return first + found, err
}

// segmentCursor goes through the live rows of a segment in their order.
type segmentCursor struct {
	rows rowCache
	dead deadRows
	row  int
}

func newSegmentCursor(part *segmentPart, dead deadRows, from PointID) (*segmentCursor, error) {
	row, err := 0, error(nil)
	if from != (PointID{}) {
		row, err = part.segment.lowerBound(from)
	}
	return &segmentCursor{rows: newRowCache(part), dead: dead, row: row}, err
}

func (c *segmentCursor) next() (Row, bool, error) {
	rows := c.rows.part.rows()
	for c.row < rows && c.dead.has(uint32(c.row)) {
		c.row++
	}
	if c.row >= rows {
		return Row{}, false, nil
	}
	row, err := c.rows.at(uint32(c.row))
	if err != nil {
		return Row{}, false, err
	}
	c.row++
	return row, true, nil
}
