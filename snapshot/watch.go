package snapshot

import (
	"io"
	"time"
)

// watch measures one job, for the Observer and the ledger. It is for one
// goroutine, but for the readers and writers that it counts.
type watch struct {
	m          *Manager
	op         Operation
	collection string
	began      time.Time
	size       int64
	reused     int64
	position   uint64
	entry      *entry
	took       map[Phase]time.Duration
}

func (m *Manager) watch(op Operation, collection string, e *entry) *watch {
	m.observer.Began(op, collection)
	return &watch{m: m, op: op, collection: collection, began: time.Now(), entry: e, took: make(map[Phase]time.Duration)}
}

// phase returns a function that ends the phase that begins now.
func (w *watch) phase(p Phase) (end func()) {
	w.m.ledger.phase(w.entry, p)
	began := time.Now()
	return func() {
		took := time.Since(began)
		w.took[p] += took
		w.m.observer.Passed(w.op, w.collection, p, took)
	}
}

// expect notes the size of the archive unless it is negative or 0: unknown.
func (w *watch) expect(size int64) {
	if size > 0 {
		w.size = size
		w.m.ledger.update(w.entry, func(s *JobStatus) { s.Size = size })
	}
}

// at notes the position of the state.
func (w *watch) at(position uint64) {
	w.position = position
	w.m.ledger.update(w.entry, func(s *JobStatus) { s.Position = position })
}

// named notes the name of the snapshot, if it has one.
func (w *watch) named(name string) {
	if name != "" {
		w.m.ledger.update(w.entry, func(s *JobStatus) { s.Snapshot = name })
	}
}

func (w *watch) end(err error) {
	reason := reasonOf(err)
	if w.op == OpVerify && isDamaged(err) {
		reason = "damaged" // what was stored as an archive is none any more
	}
	w.m.observer.Ended(w.op, w.collection, Result{
		Reason: reason, Size: w.size, Reused: w.reused, Position: w.position, At: time.Now(), Took: time.Since(w.began),
	})
}

// counting returns r, whose bytes count as done. What was counted before is
// forgotten.
func (w *watch) counting(r io.Reader) io.Reader {
	w.entry.done.Store(0)
	return countingReader{w.entry, r}
}

type countingReader struct {
	entry *entry
	r     io.Reader
}

func (r countingReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.entry.done.Add(int64(n))
	return n, err
}

// countingWriter is counting for a writer.
func (w *watch) countingWriter(to io.Writer) io.Writer {
	w.entry.done.Store(0)
	return countingWriter{w.entry, to}
}

type countingWriter struct {
	entry *entry
	w     io.Writer
}

func (w countingWriter) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	w.entry.done.Add(int64(n))
	return n, err
}
