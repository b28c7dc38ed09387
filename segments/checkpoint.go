package segments

import (
	"fmt"
	"slices"

	"github.com/tidemark-db/tidemark/wal"
)

// Written is a segment file that was written and opened; the zero Written
// stands for one that would have had no rows.
type Written struct {
	Segment *Segment
	Info    SegmentInfo
}

// durable returns the new segment with all its rows alive.
func (w Written) durable() durableSegment {
	return durableSegment{Segment: w.Segment, info: w.Info.FileInfo, live: w.Info.Sums.Clone()}
}

// Pending returns the live rows of those sealed heads of v that are not durable
// yet: what the segment of a checkpoint must hold.
func (d *Durable) Pending(v *View) Rows {
	var heads headRows
	for _, h := range v.heads {
		if h.sealed > d.Through {
			heads = append(heads, h)
		}
	}
	return heads
}

// Checkpoint returns what is durable once new holds the pending rows of v. In
// v, taken when its newest head was sealed, the active head is empty.
// Everything is as of v's position. A segment of d that v does not know, because
// it was not in the live state yet when v was published, has the deaths since d
// instead, which v must still keep. The sums of what lives are compared with
// those of v.
func (d *Durable) Checkpoint(v *View, new Written) (*Durable, error) {
	if active := v.heads[len(v.heads)-1]; active.n > 0 {
		return nil, fmt.Errorf("checkpoint at position %d: the view has %d rows that are not sealed", v.through, active.n)
	}
	return d.Capture(v, new)
}

// Capture returns what would be durable if new held the live rows of all heads
// of v, the active one too: what a snapshot archives. d is the one that was
// in the live state when v was published.
func (d *Durable) Capture(v *View, new Written) (*Durable, error) {
	segments := make([]durableSegment, 0, len(d.segments)+1)
	for i := range d.segments {
		s := d.segments[i].clone()
		dead, ok := v.deadOf(s.Segment)
		if !ok {
			deaths, err := v.deaths.since(d.Through, v.through)
			if err != nil {
				return nil, err
			}
			dead = s.dead
			if err := s.bury(&dead, deaths, d.nextEpoch()); err != nil {
				return nil, err
			}
		}
		if err := s.become(dead); err != nil {
			return nil, err
		}
		segments = append(segments, s)
	}
	if new.Segment != nil {
		segments = append(segments, new.durable())
	}
	return d.follow(v.through, segments, v.sums, v.count)
}

// follow returns the version after d, unless it does not add up.
func (d *Durable) follow(through wal.Position, segments []durableSegment, sums Sums, count int) (*Durable, error) {
	next := newDurable(through, segments)
	next.version = d.version + 1
	if got := next.Sums(sums); next.Count() != count || !got.Equal(sums) {
		err := fmt.Errorf("at position %d: %d live rows, the state has %d: %w", through, next.Count(), count, ErrSumsDiffer)
		next.Release()
		return nil, err
	}
	return next, nil
}

// nextEpoch is one in which no version made a page that is in use.
func (d *Durable) nextEpoch() uint64 { return durableEpoch + d.version + 1 }

func (s durableSegment) clone() durableSegment {
	s.live = s.live.Clone()
	return s
}

// deadOf returns the dead rows of a segment in the view.
func (v *View) deadOf(s *Segment) (deadRows, bool) {
	i := slices.Index(v.set.segments, s)
	if i < 0 {
		return deadRows{}, false
	}
	return v.dead[i], true
}

// Merge returns what is durable once new replaces some segments. new was
// written from the rows that were live in from, an earlier Durable of the same
// collection; deaths are at least those between its position and that of d. The
// result stands at the position of d: a row of new is dead there exactly if its
// id died since. It compares the sums before and after; sums names the vectors that exist now.
func (d *Durable) Merge(from *Durable, names []string, new Written, deaths Deaths, sums Sums) (*Durable, error) {
	var segments []durableSegment
	var replaced []durableSegment
	for i := range d.segments {
		if s := d.segments[i]; slices.Contains(names, s.info.Name) {
			replaced = append(replaced, s)
		} else {
			segments = append(segments, s.clone())
		}
	}
	if len(replaced) != len(names) {
		return nil, fmt.Errorf("merge: %d of %d segments are there", len(replaced), len(names))
	}
	if new.Segment != nil {
		s := new.durable()
		deaths, err := deaths.since(from.Through, d.Through)
		if err != nil {
			return nil, err
		}
		dead, err := s.died(deaths)
		if err != nil {
			return nil, err
		}
		if err := s.become(dead); err != nil {
			return nil, err
		}
		segments = append(segments, s)
	}
	return d.follow(d.Through, segments, d.Sums(sums), d.Count())
}

// died returns the rows of a segment whose ids died.
func (s *Segment) died(deaths Deaths) (deadRows, error) {
	var dead deadRows
	err := s.bury(&dead, deaths, builtEpoch)
	return dead, err
}

// bury marks the rows as dead whose ids died.
func (s *Segment) bury(dead *deadRows, deaths Deaths, epoch uint64) error {
	for i := range deaths.Len() {
		id := deaths.at(i).ID
		row, ok, err := s.find(id, idHash(id))
		if err != nil {
			return err
		}
		if ok {
			dead.add(uint32(row), epoch)
		}
	}
	return nil
}

// Epochs of dead rows that are made outside of a state. A state's own epochs lie
// below all but the first, so that it copies such pages before it changes them.
const (
	builtEpoch   uint64 = 0
	durableEpoch uint64 = 1 << 62
	replaceEpoch uint64 = 1 << 63
)
