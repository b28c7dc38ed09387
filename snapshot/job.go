package snapshot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/tidemark-db/tidemark"
)

// Job is work that goes on whether or not anybody waits for it.
type Job[T any] struct {
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
func begin[T any](m *Manager, op Operation, collection string, work func(context.Context, *watch) (T, error)) (*Job[T], error) {
	j := &Job[T]{done: make(chan struct{})}
	ok := m.jobs.begin(func(ctx context.Context) {
		defer close(j.done)
		w := m.watch(op, collection)
		j.result, j.err = guarded(ctx, w, work)
		w.end(j.err)
		m.logEnd(w, j.err)
		if j.err != nil {
			j.err = forClient(j.err)
		}
	})
	if !ok {
		return nil, tidemark.Errorf(tidemark.Unavailable, "the server is stopping")
	}
	return j, nil
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
	log := m.logger.With(slog.String("operation", string(w.op)), slog.String("collection", w.collection))
	switch {
	case err == nil:
		log.Info("snapshot operation done", slog.Int64("bytes", w.size))
	case errors.Is(err, context.Canceled):
		log.Warn("snapshot operation ended by the server's stop")
	default:
		log.Error("snapshot operation failed", slog.Any("error", err))
	}
}
