package segments

import "sort"

// find returns the row of an id, dead or alive. h is the id's hash.
func (s *Segment) find(id PointID, h Hash) (row int, ok bool, err error) {
	if !s.filter.mayHave(h) {
		return 0, false, nil
	}
	row, err = s.lowerBound(id)
	if err != nil {
		return 0, false, err
	}
	if row < s.contents.rows {
		found, err := s.mapped.at(uint32(row))
		if err != nil || found.id == id {
			return row, err == nil, err
		}
	}
	return 0, false, s.confirmAbsence(id)
}

// confirmAbsence is for an id that the filter has and the rows seem not to have.
// Of a hundred ids that are not there one is like that. It may also be there and
// have changed on the disk since its block was verified, so that is done again: a
// row that is overlooked would stay alive beside the one that replaces it.
func (s *Segment) confirmAbsence(id PointID) error {
	block := s.blockOf(id)
	if block < 0 {
		return nil
	}
	return s.accessor.verifyBlock(s.contents.section(rowsSection, 0), int64(block))
}

// blockOf returns the block of rows that has an id if any has, -1 if none can
// have it.
func (s *Segment) blockOf(id PointID) int {
	// The block before the first one that begins above id.
	return sort.Search(len(s.fences)/idBytes, func(i int) bool { return id.less(s.fence(i)) }) - 1
}

// lowerBound returns the first row whose id is at or above id; the number of
// rows if there is none. It touches one block of rows at most.
func (s *Segment) lowerBound(id PointID) (int, error) {
	block := s.blockOf(id)
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
