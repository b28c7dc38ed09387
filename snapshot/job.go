package snapshot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/google/uuid"

	"github.com/tidemark-db/tidemark"
)

// Job is work that goes on whether or not anybody waits for it.
type Job[T any] struct {
	// ID names the job in the list of jobs.
	ID uuid.UUID

	done   chan struct{}
	result T
	err    error
}

// Wait returns what became of the job, or an error when the context ends first.
func (j *Job[T]) Wait(ctx context.Context) (T, error) {
	select {
	case <-j.done:
		return j.result, j.err
	case <-ctx.Done():
		var none T
		return none, &tidemark.Error{Kind: tidemark.Timeout, Text: "the request ended before the snapshot operation, which goes on", Err: ctx.Err()}
	}
}

// begin starts a job on the Manager's context. Its error is logged here: nobody
// may be waiting for it.
func begin[T any](m *Manager, op Operation, what JobStatus, work func(context.Context, *watch) (T, error)) (*Job[T], error) {
	ctx, cancel := context.WithCancelCause(m.jobs.ctx)
	e := m.ledger.add(what, cancel)
	j := &Job[T]{ID: e.status.ID, done: make(chan struct{})}
	ok := m.jobs.begin(func() {
		defer cancel(nil)
		m.ledger.save()
		w := m.watch(op, what.Collection, e)
		j.result, j.err = guarded(ctx, w, work)
		if j.err != nil && context.Cause(ctx) == errCancelled { //nolint:errorlint // the cause is this value or another one
			j.err = errors.Join(errCancelled, j.err)
		}
		w.end(j.err)
		m.logEnd(w, j.err)
		m.CountStored(what.Collection)
		if j.err != nil {
			j.err = forClient(j.err)
		}
		m.ledger.end(e, stateOf(ctx, j.err), textOf(j.err), w.took)
		close(j.done)
		m.ledger.save()
	})
	if !ok {
		cancel(nil)
		m.ledger.drop(e)
		return nil, tidemark.Errorf(tidemark.Unavailable, "the server is stopping")
	}
	return j, nil
}

// stateOf returns the state of a job that ended.
func stateOf(ctx context.Context, err error) JobState {
	switch {
	case err == nil:
		return JobDone
	case context.Cause(ctx) == errCancelled: //nolint:errorlint // the cause is this value or another one
		return JobCancelled
	case ctx.Err() != nil:
		return JobInterrupted
	}
	return JobFailed
}

// textOf returns what a client is told of an error.
func textOf(err error) string {
	var e *tidemark.Error
	if errors.As(err, &e) {
		return e.Text
	}
	return ""
}

// guarded turns a panic into an error: one broken job must not end the server.
func guarded[T any](ctx context.Context, w *watch, work func(context.Context, *watch) (T, error)) (result T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return work(ctx, w)
}

func (m *Manager) logEnd(w *watch, err error) {
	log := m.logger.With(slog.String("operation", string(w.op)), slog.String("collection", w.collection), slog.Duration("took", time.Since(w.began)))
	switch {
	case err == nil:
		log.Info("snapshot operation done", slog.Int64("bytes", w.size))
	case errors.Is(err, errCancelled):
		log.Info("snapshot operation cancelled")
	case errors.Is(err, context.Canceled):
		log.Warn("snapshot operation ended by the server's stop")
	default:
		log.Error("snapshot operation failed", slog.Any("error", err))
	}
}

// Jobs describes the jobs that run, and those that ended not long ago, the
// newest first.
func (m *Manager) Jobs() []JobStatus { return m.ledger.list() }

// JobStatus describes one job.
func (m *Manager) JobStatus(id string) (JobStatus, error) {
	e, err := m.ledger.find(id)
	if err != nil {
		return JobStatus{}, err
	}
	return m.ledger.status(e), nil
}

// CancelJob ends a job early, waits until it has cleaned up, and describes how
// it ended. A job that is past the point of no return, or that has ended, ends
// as it does.
func (m *Manager) CancelJob(ctx context.Context, id string) (JobStatus, error) {
	e, err := m.ledger.find(id)
	if err != nil {
		return JobStatus{}, err
	}
	e.cancel(errCancelled)
	select {
	case <-e.ended:
		return m.ledger.status(e), nil
	case <-ctx.Done():
		return JobStatus{}, &tidemark.Error{Kind: tidemark.Timeout, Text: "the request ended before the job, which is being cancelled", Err: ctx.Err()}
	}
}
