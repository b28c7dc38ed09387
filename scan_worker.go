package tidemark

import (
	"fmt"
	"runtime/debug"

	"github.com/tidemark-db/tidemark/segments"
)

// scanWorker visits runs of vectors for all scans that need them. It belongs to
// one goroutine at a time.
type scanWorker struct {
	number int
	job    scanJob
	reader segments.DenseReader
	scores []float32
	// visit is the method block, bound once.
	visit func(segments.DenseBlock) error
}

// scanJob is one run, to be visited once for all takers.
type scanJob struct {
	vectors segments.DenseVectors
	run     int
	takers  []taker
}

// taker is a scan that needs the run, and how that ended.
type taker struct {
	part *scanPart
	lane *lane
	err  error
}

func newScanWorker(number int) *scanWorker {
	w := &scanWorker{number: number}
	w.visit = w.block
	return w
}

func (j *scanJob) reset(run int) {
	clear(j.takers) // finished scans are not kept in memory
	*j = scanJob{run: run, takers: j.takers[:0]}
}

// add makes a scan a taker. The run is read as the part sees it that sees most:
// newer views of a head have more vectors at the end of a run.
func (j *scanJob) add(p *scanPart) {
	if p.vectors.Len() > j.vectors.Len() {
		j.vectors = p.vectors
	}
	j.takers = append(j.takers, taker{part: p})
}

// do visits the run. Each taker gets the error that concerns it: its own, or
// that of the vectors, which all get.
func (w *scanWorker) do() {
	if err := w.read(); err != nil {
		for i := range w.job.takers {
			w.job.takers[i].err = err
		}
	}
}

// read turns a panic into an error: it would end the process, or leave the
// other takers waiting for ever.
func (w *scanWorker) read() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &Error{Kind: Internal, Text: "the scan of vectors failed", Err: fmt.Errorf("panic: %v\n%s", r, debug.Stack())}
		}
	}()
	for i := range w.job.takers {
		t := &w.job.takers[i]
		t.lane = t.part.scan.lane(w.number)
	}
	return w.reader.Visit(w.job.vectors, w.job.run, w.visit)
}

// A piece stays in the first cache of a processor while all takers score it.
const (
	pieceBytes = 32 << 10
	pieceRows  = 4096
)

// block lets all takers score the block, piece by piece.
func (w *scanWorker) block(b segments.DenseBlock) error {
	n := min(max(pieceBytes/b.Stride, 1), pieceRows)
	if len(w.scores) < n {
		w.scores = make([]float32, n)
	}
	for len(b.Rows) > 0 {
		n = min(n, len(b.Rows))
		piece := segments.DenseBlock{Rows: b.Rows[:n], Data: b.Data[:n*b.Stride], Stride: b.Stride}
		for i := range w.job.takers {
			if t := &w.job.takers[i]; t.err == nil {
				t.err = t.lane.block(t.part, piece, w.scores)
			}
		}
		b.Rows, b.Data = b.Rows[n:], b.Data[n*b.Stride:]
	}
	return nil
}
