package segments

import (
	"slices"
	"sync/atomic"

	"github.com/tidemark-db/tidemark/wal"
)

// View is all points of a collection at one position. It never changes, and any
// number of goroutines may use it as long as one reference to it is held.
type View struct {
	through wal.Position
	count   int
	sums    Sums
	set     *segmentSet
	dead    []deadRows  // of each segment
	heads   []*headView // oldest first
	deaths  Deaths
	usage   Usage

	references atomic.Int64
}

// TryRetain adds a reference. It fails if the last one was released already;
// then a newer view has been published.
func (v *View) TryRetain() bool {
	for {
		n := v.references.Load()
		if n <= 0 {
			return false
		}
		if v.references.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Release gives one reference back. Rows of the view must not be read once the
// last one is gone.
func (v *View) Release() {
	switch n := v.references.Add(-1); {
	case n < 0:
		panic("segments: a view was released more often than it was retained")
	case n == 0:
		v.set.release()
	}
}

// Through returns the position at which the view stands.
func (v *View) Through() wal.Position { return v.through }

// Count returns the number of points.
func (v *View) Count() int { return v.count }

// Sums returns the sums of the hashes of all points. They must not be modified.
func (v *View) Sums() Sums { return v.sums }

// Digest returns the digest of all points.
func (v *View) Digest() Digest { return v.sums.Digest() }

// Deaths returns the deaths that the state still kept.
func (v *View) Deaths() Deaths { return v.deaths }

// Usage returns the memory that was in use when the view was published.
func (v *View) Usage() Usage { return v.usage }

// Get returns the row of a point.
func (v *View) Get(id PointID) (Row, bool, error) {
	for _, h := range slices.Backward(v.heads) {
		if row, ok := h.find(id); ok {
			return row, true, nil
		}
	}
	i, n, ok, err := findInSegments(v.set.segments, v.dead, id)
	if err != nil || !ok {
		return Row{}, false, err
	}
	row, err := v.set.segments[i].mapped.at(n)
	return row, err == nil, err
}

// Segments returns the segments of the view. They stay open as long as the view
// is held.
func (v *View) Segments() []*Segment { return v.set.segments }
