package tidemark

import (
	"context"
	"runtime"
	"slices"
	"sync"
)

// maxShared is the number of scans that share the reading at the same time. More
// would wait for each other's arithmetic longer than they save.
const maxShared = 8

// scanQueue lets the scans of a collection share the reading of vectors, which
// costs more than comparing with them.
//
// Runs of vectors go round like a carousel: whoever is there when a run comes by
// and still needs it takes it, so a scan gets on where the others are and leaves
// when it has seen everything. Nothing is ever waited for, and as every source
// gets its turn, no scan is left out. Each scan sees exactly its own view:
// segments and chunks of heads are the same in many views, dead rows are each
// view's own.
//
// The work is done by the goroutines that wait for the scans and by helpers,
// which each of them starts and waits for.
type scanQueue struct {
	// workers holds those that are idle; their number bounds the goroutines
	// that scan at the same time.
	workers chan *scanWorker

	mu      sync.Mutex
	scans   int     // admitted and not ended
	waiting []*scan // for room, in order of arrival
	// ring is what the admitted scans need, in the order of visits.
	ring    []*scanSource
	sources map[any]*scanSource // ring by identity
	// at and nextRun are the place in the ring that is visited next.
	at, nextRun int
}

// scanSource is vectors that at least one scan needs.
type scanSource struct {
	identity any
	parts    []*scanPart // as each scan sees it
}

// newScanQueue returns a queue that uses all processors.
func newScanQueue() *scanQueue {
	n := min(runtime.NumCPU(), runtime.GOMAXPROCS(0))
	q := &scanQueue{workers: make(chan *scanWorker, n), sources: make(map[any]*scanSource)}
	for i := range n {
		q.workers <- newScanWorker(i)
	}
	return q
}

// run does a scan, which has at least one run. No goroutine looks at its view
// any more once run has returned.
func (q *scanQueue) run(ctx context.Context, s *scan) error {
	q.join(s)
	select {
	case <-s.admitted:
	case <-ctx.Done():
	}
	var helpers sync.WaitGroup
	for range min(cap(q.workers), s.runs()) - 1 {
		helpers.Go(func() { q.work(ctx, s) })
	}
	q.work(ctx, s)
	helpers.Wait()
	select {
	case <-s.done:
	case <-ctx.Done():
		q.cancel(s, scanError(ctx.Err()))
		<-s.done // as soon as the runs are finished that others are at
	}
	return s.err
}

// work takes runs, whoever needs them, until s is done or has no run left that
// could be taken.
func (q *scanQueue) work(ctx context.Context, s *scan) {
	var w *scanWorker
	select {
	case w = <-q.workers:
	case <-s.done:
		return
	case <-ctx.Done():
		return
	}
	defer func() { q.workers <- w }()
	for ctx.Err() == nil && !s.isDone() && q.next(w) {
		w.do()
		q.finish(w)
	}
}

func (s *scan) isDone() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

func (s *scan) runs() int {
	n := 0
	for _, p := range s.parts {
		n += p.vectors.Runs()
	}
	return n
}

// join admits a scan, now or when there is room.
func (q *scanQueue) join(s *scan) {
	q.mu.Lock()
	defer q.mu.Unlock()
	s.lanes = make([]*lane, cap(q.workers))
	q.waiting = append(q.waiting, s)
	q.admit()
}

// admit lets in those who wait as far as there is room. mu is held.
func (q *scanQueue) admit() {
	for q.scans < maxShared && len(q.waiting) > 0 {
		s := q.waiting[0]
		q.waiting = slices.Delete(q.waiting, 0, 1)
		q.scans++
		for _, p := range s.parts {
			source := q.source(p.vectors.Identity())
			source.parts = append(source.parts, p)
		}
		close(s.admitted)
	}
}

func (q *scanQueue) source(identity any) *scanSource {
	source := q.sources[identity]
	if source == nil {
		source = &scanSource{identity: identity}
		q.sources[identity] = source
		q.ring = append(q.ring, source)
	}
	return source
}

// next makes the next run that anyone needs the job of w, and false if there is
// none.
func (q *scanQueue) next(w *scanWorker) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.ring) == 0 {
		return false
	}
	for range len(q.ring) + 1 { // the first one twice: also before its present place
		source := q.ring[q.at]
		if run, ok := source.next(q.nextRun); ok {
			q.nextRun = run + 1
			source.take(run, &w.job)
			return true
		}
		q.at, q.nextRun = (q.at+1)%len(q.ring), 0
	}
	return false
}

// next returns the first run from the given one on that a scan needs.
func (s *scanSource) next(from int) (run int, ok bool) {
	for _, p := range s.parts {
		if r, has := p.todo.next(from); has && (!ok || r < run) {
			run, ok = r, true
		}
	}
	return run, ok
}

// take gives the run to all that need it.
func (s *scanSource) take(run int, job *scanJob) {
	job.reset(run)
	for _, p := range s.parts {
		if p.todo.has(run) {
			p.todo.remove(run)
			p.scan.unclaimed--
			p.scan.inFlight++
			job.add(p)
		}
	}
}

// finish tells the scans how the job of w ended.
func (q *scanQueue) finish(w *scanWorker) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, t := range w.job.takers {
		t.part.scan.inFlight--
		q.settle(t.part.scan, t.err)
	}
	w.job.reset(0)
}

// cancel ends a scan early.
func (q *scanQueue) cancel(s *scan, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !s.ended {
		q.settle(s, err)
	}
}

// settle ends a scan that failed or has seen everything, and says that it is
// done once no worker is at one of its runs. mu is held.
func (q *scanQueue) settle(s *scan, err error) {
	if !s.ended && (err != nil || s.unclaimed+s.inFlight == 0) {
		s.ended, s.err = true, err
		q.remove(s)
		q.admit()
	}
	if s.ended && s.inFlight == 0 {
		close(s.done)
	}
}

// remove takes a scan out, wherever it is. mu is held.
func (q *scanQueue) remove(s *scan) {
	if i := slices.Index(q.waiting, s); i >= 0 {
		q.waiting = slices.Delete(q.waiting, i, i+1)
		return
	}
	q.scans--
	kept, at := q.ring[:0], q.at
	for i, source := range q.ring {
		source.parts = slices.DeleteFunc(source.parts, func(p *scanPart) bool { return p.scan == s })
		switch {
		case len(source.parts) > 0:
			kept = append(kept, source)
			continue
		case i < q.at:
			at--
		case i == q.at:
			q.nextRun = 0
		}
		delete(q.sources, source.identity)
	}
	clear(q.ring[len(kept):])
	q.ring, q.at = kept, at
	if q.at >= len(q.ring) {
		q.at, q.nextRun = 0, 0
	}
}
