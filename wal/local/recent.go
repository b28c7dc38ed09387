package local

import "github.com/tidemark-db/tidemark/wal"

// recent holds the groups that were committed last, for readers that keep up.
// Log.mu guards it.
type recent struct {
	groups []*group // in order, without gaps
	bytes  int      // capacity of their buffers
}

// remember keeps g for the readers, within the budget. l.mu is held.
func (l *Log) remember(g *group) {
	if len(l.readers) == 0 {
		l.drop(g)
		return
	}
	l.recent.groups = append(l.recent.groups, g)
	l.recent.bytes += cap(g.buf)
	l.forget()
}

// forget gives up the groups that every reader has passed, and the oldest
// beyond the budget: who still needs those reads the files. l.mu is held.
func (l *Log) forget() {
	passed := l.durable
	for r := range l.readers {
		passed = min(passed, r.after)
	}
	n := 0
	for _, g := range l.recent.groups {
		if g.last() > passed && l.recent.bytes <= l.opts.TailBytes {
			break
		}
		l.recent.bytes -= cap(g.buf)
		l.drop(g)
		n++
	}
	if n > 0 {
		kept := copy(l.recent.groups, l.recent.groups[n:])
		clear(l.recent.groups[kept:])
		l.recent.groups = l.recent.groups[:kept]
	}
}

// find returns the group that holds p, or nil.
func (rc *recent) find(p wal.Position) *group {
	if len(rc.groups) == 0 || p < rc.groups[0].first {
		return nil
	}
	low, high := 0, len(rc.groups) // groups[low].first <= p < groups[high].first
	for high-low > 1 {
		if mid := (low + high) / 2; rc.groups[mid].first <= p {
			low = mid
		} else {
			high = mid
		}
	}
	if p > rc.groups[low].last() {
		return nil
	}
	return rc.groups[low]
}

// wake tells all readers that there may be news for them. l.mu is held.
func (l *Log) wake() {
	for r := range l.readers {
		select {
		case r.news <- struct{}{}:
		default: // it was told already
		}
	}
}
