package tidemark

import (
	"context"
	"math/bits"

	"github.com/tidemark-db/tidemark/index/vector"
	"github.com/tidemark-db/tidemark/segments"
)

// scan is one query on its way through all vectors of a view. Its caller holds
// the view until the scan is done.
type scan struct {
	*nearest
	parts []*scanPart
	// lanes are those of the workers, by their numbers, nil where a worker did
	// nothing. Each worker touches its own alone; once the scan is done, all
	// belong to the caller.
	lanes []*lane

	// The rest is guarded by the mutex of the queue.

	unclaimed int // runs that no worker has taken yet
	inFlight  int // runs that workers are at
	ended     bool
	err       error
	admitted  chan struct{} // closed once workers may take runs
	done      chan struct{} // closed once no worker looks at the view any more
}

// scanPart is a part of a view with those of its runs that a scan still needs.
type scanPart struct {
	scan    *scan
	view    segments.PartView
	rows    int
	vectors segments.DenseVectors
	todo    runSet
}

func newScan(n *nearest, parts []segments.PartView) *scan {
	s := &scan{nearest: n, admitted: make(chan struct{}), done: make(chan struct{})}
	for _, view := range parts {
		vectors := view.Vectors(n.key)
		if runs := vectors.Runs(); runs > 0 {
			s.parts = append(s.parts, &scanPart{scan: s, view: view, rows: view.Rows(), vectors: vectors, todo: newRunSet(runs)})
			s.unclaimed += runs
		}
	}
	return s
}

// Below these limits a scan takes so little time that other goroutines would be
// of no help.
const (
	smallVectors = 4096
	smallBytes   = 1 << 20
)

// small reports whether the scan is best done by its caller alone.
func (s *scan) small() bool {
	vectors, bytes := 0, int64(0)
	for _, p := range s.parts {
		vectors += p.vectors.Len()
		bytes += p.vectors.Bytes()
	}
	return vectors <= smallVectors && bytes <= smallBytes
}

// alone does the whole scan on the caller's goroutine.
func (s *scan) alone(ctx context.Context) error {
	w := newScanWorker(0)
	s.lanes = make([]*lane, 1)
	for _, p := range s.parts {
		for run := range p.vectors.Runs() {
			if err := ctx.Err(); err != nil {
				return scanError(err)
			}
			w.job.reset(run)
			w.job.add(p)
			w.do()
			if err := w.job.takers[0].err; err != nil {
				return err
			}
		}
	}
	return nil
}

// lane returns that of a worker.
func (s *scan) lane(worker int) *lane {
	if s.lanes[worker] == nil {
		s.lanes[worker] = newLane(s.nearest)
	}
	return s.lanes[worker]
}

// best returns what all workers found together. The scan must be done.
func (s *scan) best() *vector.TopK[segments.Row] {
	best := s.top()
	for _, l := range s.lanes {
		if l != nil {
			best.Merge(l.best)
		}
	}
	return best
}

// runSet is a set of the numbers of runs.
type runSet []uint64

// newRunSet returns the set of the first n numbers.
func newRunSet(n int) runSet {
	set := make(runSet, (n+63)/64)
	for i := range set {
		set[i] = ^uint64(0)
	}
	if n%64 != 0 {
		set[len(set)-1] = 1<<(n%64) - 1
	}
	return set
}

// next returns the lowest number of the set that is not below from, and false
// if there is none.
func (s runSet) next(from int) (int, bool) {
	if from/64 >= len(s) {
		return 0, false
	}
	word := s[from/64] >> (from % 64) << (from % 64)
	for i := from / 64; ; word = s[i] {
		if word != 0 {
			return i*64 + bits.TrailingZeros64(word), true
		}
		if i++; i == len(s) {
			return 0, false
		}
	}
}

func (s runSet) has(run int) bool { return run/64 < len(s) && s[run/64]&(1<<(run%64)) != 0 }

func (s runSet) remove(run int) { s[run/64] &^= 1 << (run % 64) }
