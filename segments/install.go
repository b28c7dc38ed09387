package segments

import (
	"fmt"
	"slices"

	"github.com/tidemark-db/tidemark/wal"
)

// Install replaces parts of a live state by the segment that holds what was
// live in them at an earlier position. A worker translates the deaths since
// then into rows of the segment with Catchup, against views; the applier adds
// the rest with State.Install, in steps that do not hold it up, and swaps the
// parts in the last one.
type Install struct {
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

// InstallCheckpoint returns the replacement of all heads that a checkpoint at
// position through made durable.
func InstallCheckpoint(through wal.Position, new Written) *Install {
	return &Install{segment: new.Segment, at: through, sealed: through}
}

// InstallMerge returns the replacement of the named segments. new holds what was
// live in them in from.
func InstallMerge(from *Durable, names []string, new Written) *Install {
	return &Install{segment: new.Segment, at: from.Through, names: slices.Clone(names)}
}

// Catchup translates the deaths up to a view's position. The view must keep the
// deaths since the one at which the step before stopped.
func (in *Install) Catchup(v *View) error {
	_, err := in.translate(v.deaths, v.deaths.Len())
	return err
}

// translate marks the rows of the next n deaths, or of fewer, as dead and
// returns how many deaths are left.
func (in *Install) translate(deaths Deaths, n int) (left int, err error) {
	if !in.begun {
		rest, err := deaths.since(in.at, wal.MaxPosition)
		if err != nil {
			return 0, err
		}
		in.next, in.begun = rest.number(), true
	}
	if in.next < deaths.number() {
		return 0, ErrDeathsForgotten
	}
	step := deaths.part(in.next, n)
	if in.segment != nil {
		if err := in.segment.bury(&in.dead, step, installEpoch); err != nil {
			return 0, err
		}
	}
	in.next += uint64(step.Len())
	return deaths.part(in.next, deaths.Len()).Len(), nil
}

// Install takes one step: it translates up to limit deaths, and if no more are
// left, it swaps the parts and reports that it is done. After an error the state
// is as it was before the first step.
func (s *State) Install(in *Install, limit int) (done bool, err error) {
	left, err := in.translate(s.deaths.Deaths, limit)
	if err != nil || left > 0 {
		return false, err
	}
	if err := s.swap(in); err != nil {
		return false, err
	}
	return true, nil
}

// swap exchanges the parts. Each point must be live in exactly one place before
// and after.
func (s *State) swap(in *Install) error {
	heads, live := in.withoutHeads(s.heads)
	segments, dead, more, err := in.withoutSegments(s.set.segments, s.dead)
	if err != nil {
		return err
	}
	live += more
	if in.segment != nil {
		segments, dead = append(segments, in.segment), append(dead, in.dead)
		live -= in.segment.Rows() - in.dead.count
	}
	if live != 0 {
		return fmt.Errorf("install segment: %d rows more or fewer than before: %w", live, ErrSumsDiffer)
	}
	old := s.set
	s.set = newSegmentSet(segments)
	old.release()
	s.heads, s.dead, s.deadEpoch = heads, dead, s.epoch
	return nil
}

// withoutHeads returns the heads that stay, and how many rows live in others.
func (in *Install) withoutHeads(heads []*head) (rest []*head, live int) {
	for _, h := range heads {
		if !h.sealed.IsZero() && h.sealed <= in.sealed {
			live += h.ids.Len()
		} else {
			rest = append(rest, h)
		}
	}
	return rest, live
}

// withoutSegments returns the segments that stay, and how many rows live in
// others.
func (in *Install) withoutSegments(segments []*Segment, dead []deadRows) (rest []*Segment, restDead []deadRows, live int, err error) {
	found := 0
	for i, s := range segments {
		if slices.Contains(in.names, s.Name()) {
			live += s.Rows() - dead[i].count
			found++
			continue
		}
		rest, restDead = append(rest, s), append(restDead, dead[i])
	}
	if found != len(in.names) {
		err = fmt.Errorf("install segment: %d of %d segments are there", found, len(in.names))
	}
	return rest, restDead, live, err
}

// ForgetDeaths drops the deaths at and below p, the oldest position that a
// checkpoint, a merge or a resolving write still needs.
func (s *State) ForgetDeaths(p wal.Position) { s.deaths.forget(p) }
