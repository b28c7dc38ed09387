package main

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidemark-db/tidemark/config"
)

// fakeEngine answers /readyz, and /slow only when it is told to.
type fakeEngine struct {
	recovered, draining atomic.Bool
	drained, closed     chan struct{}
	begun, finish       chan struct{} // of the request to /slow

	mu     sync.Mutex
	events []string // what happened, in order

	memory   budgets
	logger   *slog.Logger
	closeErr error

	restoreErr error
}

func newFakeEngine() *fakeEngine {
	e := &fakeEngine{drained: make(chan struct{}), closed: make(chan struct{}), begun: make(chan struct{}), finish: make(chan struct{})}
	e.recovered.Store(true)
	return e
}

func openFake(e *fakeEngine) opener {
	return func(_ context.Context, _ config.Config, memory budgets, logger *slog.Logger) (engine, error) {
		e.memory, e.logger = memory, logger
		e.note("open")
		return e, nil
	}
}

func (e *fakeEngine) note(event string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.events = append(e.events, event)
}

func (e *fakeEngine) history() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string(nil), e.events...)
}

func (e *fakeEngine) Ready() bool { return e.recovered.Load() && !e.draining.Load() }

func (e *fakeEngine) Drain(time.Duration) {
	e.draining.Store(true)
	e.note("drain")
	close(e.drained)
}

func (e *fakeEngine) RestoreAtStart(context.Context, startRestores) error {
	e.note("restore")
	return e.restoreErr
}

func (e *fakeEngine) Close(context.Context) error {
	e.note("close")
	close(e.closed)
	return e.closeErr
}

func (e *fakeEngine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/slow":
		close(e.begun)
		e.logger.Info("slow")
		select {
		case <-e.finish:
			e.note("answer")
		case <-r.Context().Done():
			// Linger: who does not wait for requests closes the engine now.
			select {
			case <-e.closed:
				e.note("closed under a request")
			case <-time.After(100 * time.Millisecond):
				e.note("cut off")
			}
		}
	case r.URL.Path != "/readyz":
		http.NotFound(w, r)
	case e.Ready():
		_, _ = w.Write([]byte("all shards are ready"))
	default:
		http.Error(w, "some shards are not ready", http.StatusServiceUnavailable)
	}
}
