package snapshot

import (
	"context"
	"sync"
)

// jobs owns the goroutines of jobs.
type jobs struct {
	ctx    context.Context
	cancel context.CancelFunc

	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup
}

func newJobs() *jobs {
	j := new(jobs)
	j.ctx, j.cancel = context.WithCancel(context.Background())
	return j
}

// begin starts work, which uses the context, unless close has been called.
func (j *jobs) begin(work func()) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return false
	}
	j.running.Go(work)
	return true
}

// close refuses new work, waits for what runs until the context ends, then ends
// it early and waits until it has cleaned up.
func (j *jobs) close(ctx context.Context) {
	j.mu.Lock()
	j.closed = true
	j.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		j.running.Wait()
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
	j.cancel()
	<-done
}
