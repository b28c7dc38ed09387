package tidemark

import (
	"fmt"

	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/wal"
)

// markInterval is the number of records between two marks.
const markInterval = 10_000

// DivergedError says that a state is not the one that its log describes: the
// digest that was noted at a position is not the one computed there.
type DivergedError struct {
	At             wal.Position
	Noted, Derived segments.Digest
}

// Error implements error.
func (e *DivergedError) Error() string {
	return fmt.Sprintf("the state at position %d has digest %v, its log says %v", e.At, e.Derived, e.Noted)
}

// marks decides when a mark is due and remembers the digests that a mark may
// name: the one at the last point at which a mark fell due, and the present.
type marks struct {
	since int // records since the last mark fell due
	due   MarkEvent
	// fresh says that due has not been taken yet.
	fresh bool
	// direct says that the last record was a mark.
	direct bool
}

// count notes that a record was applied that is not a mark.
func (m *marks) count(s *state) {
	m.direct = false
	if m.since++; m.since < markInterval {
		return
	}
	m.since = 0
	m.due = MarkEvent{At: s.through, Digest: s.points.Digest()}
	m.fresh = true
}

// take returns the mark that fell due, once.
func (m *marks) take() (MarkEvent, bool) {
	taken := m.fresh
	m.fresh = false
	return m.due, taken
}

// closing returns the mark for the end of a clean run, unless it would follow
// directly on a mark.
func (m *marks) closing(s *state) (MarkEvent, bool) {
	if m.direct || s.through.IsZero() {
		return MarkEvent{}, false
	}
	return MarkEvent{At: s.through, Digest: s.points.Digest()}, true
}

// recordsSinceMark is the counter of a manifest that keeps the rhythm of marks
// over a restart.
const recordsSinceMark = "records_since_mark"

func (m *marks) counters() map[string]uint64 {
	return map[string]uint64{recordsSinceMark: uint64(m.since)}
}

func (m *marks) restore(counters map[string]uint64) {
	m.since = int(min(counters[recordsSinceMark], markInterval-1))
}

// compare checks a mark of the log against the digests that are remembered. A
// position that is not remembered cannot be compared and proves nothing.
func (m *marks) compare(s *state, mark *MarkEvent) error {
	m.direct, m.fresh = true, false
	var derived segments.Digest
	switch mark.At {
	case s.through:
		derived = s.points.Digest()
	case m.due.At:
		derived = m.due.Digest
	default:
		return nil
	}
	if derived != mark.Digest {
		return &DivergedError{At: mark.At, Noted: mark.Digest, Derived: derived}
	}
	return nil
}
