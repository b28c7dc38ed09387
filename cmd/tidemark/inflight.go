package main

import (
	"context"
	"net/http"
	"sync"
)

// inflight counts the requests that a handler is working on. An http.Server
// that is closed by force does not wait for its handlers; what they use must
// not be closed under them.
type inflight struct {
	http.Handler

	mu    sync.Mutex
	count int
	idle  chan struct{} // not nil: closed when count gets to 0
}

// ServeHTTP implements http.Handler.
func (f *inflight) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.count++
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.count--
		if f.count == 0 && f.idle != nil {
			close(f.idle)
			f.idle = nil
		}
	}()
	f.Handler.ServeHTTP(w, r)
}

// wait returns when no request is being worked on, or an error when ctx ends.
// One caller at a time.
func (f *inflight) wait(ctx context.Context) error {
	f.mu.Lock()
	if f.count == 0 {
		f.mu.Unlock()
		return nil
	}
	idle := make(chan struct{})
	f.idle = idle
	f.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
