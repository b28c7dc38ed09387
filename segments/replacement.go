package segments

import (
	"fmt"
	"slices"

	"github.com/tidemark-db/tidemark/wal"
)

// Replacement replaces parts of a live state by the segment that holds what was
// live in them at an earlier position. A worker translates the deaths since
// then into rows of the segment with Catchup, against views; the applier adds
// the rest with State.Replace, in steps that do not hold it up, and swaps the
// parts in the last one.
type Replacement struct {
	segment *Segment     // nil if no row was live
	at      wal.Position // as of which the segment was written
	// next is the number of the first death that is not translated yet; it is
	// known once begun is set.
	next  uint64
	begun bool
	dead  deadRows

	// What is replaced: heads that were sealed at or below sealed, or segments.
	sealed wal.Position
	names  []string
}

// ReplacementOfHeads returns the replacement of all heads that a checkpoint at
// position through made durable.
func ReplacementOfHeads(through wal.Position, new Written) *Replacement {
	return &Replacement{segment: new.Segment, at: through, sealed: through}
}

// ReplacementOfSegments returns the replacement of the named segments. new holds
// what was live in them in from.
func ReplacementOfSegments(from *Durable, names []string, new Written) *Replacement {
	return &Replacement{segment: new.Segment, at: from.Through, names: slices.Clone(names)}
}

// Catchup translates the deaths up to a view's position. The view must keep the
// deaths since the one at which the step before stopped.
func (r *Replacement) Catchup(v *View) error {
	_, err := r.translate(v.deaths, v.deaths.Len())
	return err
}

// translate marks the rows of the next n deaths, or of fewer, as dead and
// returns how many deaths are left.
func (r *Replacement) translate(deaths Deaths, n int) (left int, err error) {
	if !r.begun {
		rest, err := deaths.since(r.at, wal.MaxPosition)
		if err != nil {
			return 0, err
		}
		r.next, r.begun = rest.number(), true
	}
	if r.next < deaths.number() {
		return 0, ErrDeathsForgotten
	}
	step := deaths.part(r.next, n)
	if r.segment != nil {
		if err := r.segment.bury(&r.dead, step, replaceEpoch); err != nil {
			return 0, err
		}
	}
	r.next += uint64(step.Len())
	return deaths.part(r.next, deaths.Len()).Len(), nil
}

// Replace takes one step: it translates up to limit deaths, and if no more are
// left, it swaps the parts and reports that it is done. After an error the state
// is as it was before the first step.
func (s *State) Replace(r *Replacement, limit int) (done bool, err error) {
	left, err := r.translate(s.deaths.Deaths, limit)
	if err != nil || left > 0 {
		return false, err
	}
	if err := s.swap(r); err != nil {
		return false, err
	}
	return true, nil
}

// swap exchanges the parts. Each point must be live in exactly one place before
// and after.
func (s *State) swap(r *Replacement) error {
	heads, live := r.withoutHeads(s.heads)
	segments, dead, more, err := r.withoutSegments(s.set.segments, s.dead)
	if err != nil {
		return err
	}
	live += more
	if r.segment != nil {
		segments, dead = append(segments, r.segment), append(dead, r.dead)
		live -= r.segment.Rows() - r.dead.count
	}
	if live != 0 {
		return fmt.Errorf("replace parts by a segment: %d rows more or fewer than before: %w", live, ErrSumsDiffer)
	}
	old := s.set
	s.set = newSegmentSet(segments)
	old.release()
	s.heads, s.dead, s.deadEpoch = heads, dead, s.epoch
	return nil
}

// withoutHeads returns the heads that stay, and how many rows live in others.
func (r *Replacement) withoutHeads(heads []*head) (rest []*head, live int) {
	for _, h := range heads {
		if !h.sealed.IsZero() && h.sealed <= r.sealed {
			live += h.ids.Len()
		} else {
			rest = append(rest, h)
		}
	}
	return rest, live
}

// withoutSegments returns the segments that stay, and how many rows live in
// others.
func (r *Replacement) withoutSegments(segments []*Segment, dead []deadRows) (rest []*Segment, restDead []deadRows, live int, err error) {
	found := 0
	for i, s := range segments {
		if slices.Contains(r.names, s.Name()) {
			live += s.Rows() - dead[i].count
			found++
			continue
		}
		rest, restDead = append(rest, s), append(restDead, dead[i])
	}
	if found != len(r.names) {
		err = fmt.Errorf("replace parts by a segment: %d of %d segments are there", found, len(r.names))
	}
	return rest, restDead, live, err
}

// ForgetDeaths drops the deaths at and below p, the oldest position that a
// checkpoint, a merge or a resolving write still needs.
func (s *State) ForgetDeaths(p wal.Position) { s.deaths.forget(p) }
