package segments

import "iter"

// SegmentRows returns the live rows of some segments of a view, read from their
// files and verified block by block, not through mappings: what a merge writes.
// The view must be held as long as the rows are used.
func (v *View) SegmentRows(names ...string) Rows {
	var r segmentRows
	for i, s := range v.set.segments {
		for _, name := range names {
			if s.Name() == name {
				r = append(r, liveSegment{segment: s, dead: v.dead[i]})
			}
		}
	}
	return r
}

type liveSegment struct {
	segment *Segment
	dead    deadRows
}

type segmentRows []liveSegment

// Scan implements Rows.
func (r segmentRows) Scan() iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		s := new(Scanner)
		for _, l := range r {
			s.addSegment(newSegmentPart(l.segment, newStream(l.segment.file)), l.dead, PointID{})
		}
		s.build()
		s.each(yield)
	}
}
