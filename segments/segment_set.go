package segments

import "sync/atomic"

// segmentSet is the list of segments that views share, so that taking a view
// costs one counter and not one for each segment. The last release releases the
// segments: nothing that points into a mapping outlives it.
type segmentSet struct {
	segments   []*Segment
	references atomic.Int64
}

// newSegmentSet returns a set with one reference. It adds a reference to each
// segment, which the caller holds open.
func newSegmentSet(segments []*Segment) *segmentSet {
	for _, s := range segments {
		s.retain()
	}
	set := &segmentSet{segments: segments}
	set.references.Store(1)
	return set
}

// retain adds a reference; there must be one already.
func (s *segmentSet) retain() { s.references.Add(1) }

func (s *segmentSet) release() {
	if s.references.Add(-1) > 0 {
		return
	}
	for _, segment := range s.segments {
		_ = segment.Release() // closing what was only read loses nothing
	}
}
