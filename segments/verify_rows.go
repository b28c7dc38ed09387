package segments

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
)

// VerifyRows reads every row of every segment, computes all hashes from the
// content and compares them with those that are stored, and their sums with
// those that are kept. It checks the order and the index of ids and the form of
// payloads and vectors, but not the bytes between sections nor the hashes of
// whole files: it is for whoever has just proven these.
func (d *Durable) VerifyRows(ctx context.Context) error {
	var ranges []rowRange
	for i := range d.segments {
		ranges = d.segments[i].ranges(ranges, &d.segments[i].dead)
	}
	found, err := verifyRanges(ctx, ranges)
	if err != nil {
		return err
	}
	for i := range d.segments {
		s := &d.segments[i]
		n := s.rangeCount()
		sums, err := s.join(found[:n])
		if err != nil {
			return err
		}
		if !sums.live.Equal(s.live) {
			return s.damaged(0, ErrSumsDiffer)
		}
		found = found[n:]
	}
	return nil
}

// verifyRows does the same for one segment and returns the sums of all rows.
func (s *Segment) verifyRows(ctx context.Context) (Sums, error) {
	found, err := verifyRanges(ctx, s.ranges(nil, new(deadRows)))
	if err != nil {
		return Sums{}, err
	}
	sums, err := s.join(found)
	return sums.all, err
}

// rowRange are rows of a segment that are verified in one go. It begins with a
// record of presence.
type rowRange struct {
	segment    *Segment
	dead       *deadRows
	first, end int
}

// rangeRows is enough that nobody waits for the last range of a large segment,
// and few enough that the ids of a range stay in the cache.
const rangeRows = 16 * presenceRows

func (s *Segment) rangeCount() int { return (s.Rows() + rangeRows - 1) / rangeRows }

// ranges appends the ranges of all rows.
func (s *Segment) ranges(to []rowRange, dead *deadRows) []rowRange {
	for first := 0; first < s.Rows(); first += rangeRows {
		to = append(to, rowRange{segment: s, dead: dead, first: first, end: min(first+rangeRows, s.Rows())})
	}
	return to
}

// rangeSums is what a range holds.
type rangeSums struct {
	all, live Sums // of all rows, and of those that are not dead
	// before and behind are the numbers of vectors of each column, from the
	// first row of the segment to the begin and to the end of the range.
	before, behind []int
}

// verifyRanges verifies ranges, as many at once as there are processors. No
// goroutine is left when it returns.
func verifyRanges(parent context.Context, ranges []rowRange) ([]rangeSums, error) {
	ctx, stop := context.WithCancelCause(parent)
	defer stop(nil)
	found := make([]rangeSums, len(ranges))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.NumCPU(), len(ranges)) {
		workers.Go(func() {
			v := newRangeVerifier(ctx)
			defer v.close()
			for {
				i := int(next.Add(1)) - 1
				if i >= len(ranges) || ctx.Err() != nil {
					return
				}
				var err error
				if found[i], err = v.verify(ranges[i]); err != nil {
					stop(err)
				}
			}
		})
	}
	workers.Wait()
	if parent.Err() != nil {
		return nil, parent.Err()
	}
	return found, context.Cause(ctx)
}

// join adds up the ranges of a segment and compares the result with its table of
// contents.
func (s *Segment) join(ranges []rangeSums) (rangeSums, error) {
	columns := s.contents.columns
	total := rangeSums{all: s.noSums(), live: s.noSums(), behind: make([]int, len(columns))}
	for n, r := range ranges {
		total.all.add(r.all)
		total.live.add(r.live)
		for i := range columns {
			if r.before[i] != total.behind[i] {
				return total, s.miscounted(i, n*rangeRows, r.before[i], total.behind[i])
			}
		}
		total.behind = r.behind
	}
	for i := range columns {
		if total.behind[i] != columns[i].present {
			return total, s.damaged(s.contents.section(hashesSection, i).offset, fmt.Errorf("%d rows have vector %v, not %d", total.behind[i], columns[i].key, columns[i].present))
		}
	}
	if !total.all.Equal(s.Sums()) {
		return total, s.damaged(s.foot.contentsOffset, errors.New("the sums of the hashes do not match"))
	}
	return total, nil
}

// noSums returns sums of no rows for the vectors that the segment has.
func (s *Segment) noSums() (sums Sums) {
	for i := range s.contents.columns {
		sums.addVector(s.contents.columns[i].key)
	}
	return sums
}

func (s *Segment) miscounted(column, row, got, want int) error {
	return s.damaged(s.contents.section(presenceSection, column).offset,
		fmt.Errorf("row %d: vector %v of it is counted as %d instead of %d", row, s.contents.columns[column].key, got, want))
}
