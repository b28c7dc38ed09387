package snapshot

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/internal/fsx"
)

// Jobs that have ended stay in the ledger for a day, and the newest only if
// there are many.
const (
	keepEnded    = 24 * time.Hour
	maxEnded     = 200
	ledgerFormat = 1
)

// errCancelled is why a job ends that a user cancels.
var errCancelled = tidemark.Errorf(tidemark.Unavailable, "the snapshot operation was cancelled")

// interruptedText is the error of a job that the server's stop ended.
const interruptedText = "the server stopped before the job was done; nothing of it is left"

// ledger knows the jobs that run, and those that ended not long ago. It is kept
// in a file, so that a client still finds its job after a restart. What stands
// there is history: that the file cannot be read or written fails no job.
type ledger struct {
	fsys   fsx.FS
	path   string // empty: it is not kept
	now    func() time.Time
	logger *slog.Logger

	saving sync.Mutex // held while the file is written

	mu    sync.Mutex
	jobs  []*entry // in order of their beginning
	rates rates
}

// entry is a job in the ledger.
type entry struct {
	cancel context.CancelCauseFunc
	ended  chan struct{}
	done   atomic.Int64 // bytes of the phase, negative: not counted

	// Under ledger.mu:
	status JobStatus
	began  time.Time // of the phase
}

// openLedger reads the file of an earlier run. Jobs that ran then are over.
func openLedger(fsys fsx.FS, path string, now func() time.Time, logger *slog.Logger) *ledger {
	l := &ledger{fsys: fsys, path: path, now: now, logger: logger, rates: make(rates)}
	if path == "" {
		return l
	}
	content, err := fsx.ReadFile(fsys, path)
	if errors.Is(err, fs.ErrNotExist) {
		return l
	}
	var d ledgerDocument
	if err == nil {
		d, err = decodeLedger(content)
	}
	if err != nil {
		logger.Warn("the list of earlier snapshot jobs cannot be read and is begun anew", slog.Any("error", err))
		return l
	}
	l.restore(d)
	return l
}

func (l *ledger) restore(d ledgerDocument) {
	for p, rate := range d.Rates {
		l.rates[p] = rate
	}
	for _, s := range d.Jobs {
		if s.State == JobRunning {
			s.State, s.Error, s.Ended = JobInterrupted, interruptedText, l.now().UTC()
		}
		e := &entry{cancel: func(error) {}, ended: make(chan struct{}), status: s}
		close(e.ended)
		l.jobs = append(l.jobs, e)
	}
}

// add begins the entry of a job.
func (l *ledger) add(s JobStatus, cancel context.CancelCauseFunc) *entry {
	s.ID, s.State, s.Started = uuid.New(), JobRunning, l.now().UTC()
	e := &entry{cancel: cancel, ended: make(chan struct{}), status: s, began: time.Now()}
	e.done.Store(-1)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.jobs = append(l.jobs, e)
	return e
}

// drop removes the entry of a job that did not begin.
func (l *ledger) drop(e *entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.jobs = slices.DeleteFunc(l.jobs, func(o *entry) bool { return o == e })
}

// update changes the status of a job that runs.
func (l *ledger) update(e *entry, change func(*JobStatus)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(&e.status)
}

// phase notes that a job enters a phase, of which nothing is counted yet.
func (l *ledger) phase(e *entry, p Phase) {
	e.done.Store(-1)
	l.mu.Lock()
	defer l.mu.Unlock()
	e.status.Phase, e.began = p, time.Now()
}

// end notes how a job ended; took are the durations of its phases.
func (l *ledger) end(e *entry, state JobState, text string, took map[Phase]time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.status.State, e.status.Error, e.status.Ended = state, text, l.now().UTC()
	if state == JobDone {
		for _, p := range bytePhases[e.status.Kind] {
			l.rates.learn(p, e.status.Size, took[p])
		}
	}
	l.forget()
	close(e.ended)
}

// forget drops what ended long ago. mu is held.
func (l *ledger) forget() {
	ended := 0
	for _, e := range l.jobs {
		if e.status.State != JobRunning {
			ended++
		}
	}
	l.jobs = slices.DeleteFunc(l.jobs, func(e *entry) bool {
		if e.status.State == JobRunning || (ended <= maxEnded && l.now().Sub(e.status.Ended) < keepEnded) {
			return false
		}
		ended--
		return true
	})
}

// save writes the ledger. Jobs may end meanwhile; each saves after its end.
func (l *ledger) save() {
	if l.path == "" {
		return
	}
	l.saving.Lock()
	defer l.saving.Unlock()
	content, err := l.encode()
	if err == nil {
		err = fsx.WriteAtomic(l.fsys, l.path, content)
	}
	if err != nil {
		l.logger.Warn("could not save the list of snapshot jobs", slog.Any("error", err))
	}
}

func (l *ledger) encode() ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	d := ledgerDocument{Format: ledgerFormat, Rates: l.rates}
	for _, e := range l.jobs {
		d.Jobs = append(d.Jobs, e.status)
	}
	return d.encode()
}

// list describes all jobs, the newest first.
func (l *ledger) list() []JobStatus {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget()
	out := make([]JobStatus, 0, len(l.jobs))
	for _, e := range slices.Backward(l.jobs) {
		out = append(out, l.describe(e))
	}
	return out
}

// describe returns the status of a job as of now. mu is held.
func (l *ledger) describe(e *entry) JobStatus {
	s := e.status
	if s.State == JobRunning {
		s.progress(l.rates, e.done.Load(), time.Since(e.began))
	} else {
		s.Done, s.Remaining = -1, -1
	}
	return s
}

// find returns the entry of a job, or a NotFound error.
func (l *ledger) find(id string) (*entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.jobs {
		if e.status.ID.String() == id {
			return e, nil
		}
	}
	return nil, tidemark.Errorf(tidemark.NotFound, "Snapshot job %s not found", id)
}

// status returns the status of an entry as of now.
func (l *ledger) status(e *entry) JobStatus {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.describe(e)
}

// estimate returns how long a job of a kind takes for size bytes, negative if
// there was none yet.
func (l *ledger) estimate(kind JobKind, size int64) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if d, ok := l.rates.estimate(size, bytePhases[kind]...); ok {
		return d
	}
	return -1
}
