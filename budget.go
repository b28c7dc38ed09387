package tidemark

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// budget bounds the memory that writes take before checkpoints free it:
// requests on their way into the log, heads and deaths, of all collections of a
// process together. Writes are let in before they are put in order; what is in
// order is applied whatever the budget says.
type budget struct {
	limit int64
	// patience is how long a write waits at the limit before it is refused.
	patience time.Duration

	mu       sync.Mutex
	queued   int64                 // bytes of requests that were let in
	usage    map[*Collection]int64 // bytes of heads and deaths
	resident int64                 // sum of usage
	refused  int64                 // requests, since the start
	freed    chan struct{}         // closed at the next decrease; nil while nobody waits
}

// Above slowShare of the limit each write waits a little, so that checkpoints
// gain on the writers; at the limit it waits until its patience ends.
const (
	slowShare = 0.75
	slowWait  = 2 * time.Millisecond
)

func newBudget(limit int64, patience time.Duration) *budget {
	return &budget{limit: limit, patience: patience, usage: make(map[*Collection]int64)}
}

// admit lets a request of n bytes in, or refuses it. What was admitted is given
// back with leave.
func (b *budget) admit(ctx context.Context, n int64) error {
	if n > b.limit {
		return &Error{Kind: BadRequest, Text: fmt.Sprintf("the request needs %d MiB of memory, the budget for all writes is %d MiB: send it in parts", n>>20, b.limit>>20)}
	}
	deadline := time.Now().Add(b.patience)
	for slowed := false; ; {
		b.mu.Lock()
		used := b.queued + b.resident
		slow := float64(used+n) > slowShare*float64(b.limit)
		if !slow || (slowed && used+n <= b.limit) {
			b.queued += n
			b.mu.Unlock()
			return nil
		}
		largest, freed := b.largest(), b.waitForLess()
		b.mu.Unlock()
		if largest != nil {
			largest.requestCheckpoint()
		}
		wait := slowWait
		if used+n > b.limit {
			if wait = time.Until(deadline); wait <= 0 {
				b.refuse()
				return &Error{Kind: Unavailable, Text: fmt.Sprintf(
					"writes wait for %d MiB of memory until segments are written; try again, or raise the budget of %d MiB", used>>20, b.limit>>20)}
			}
		}
		if err := waitFor(ctx, freed, wait); err != nil {
			return err
		}
		slowed = true
	}
}

// waitFor waits for a signal or until time is up, whichever comes first.
func waitFor(ctx context.Context, signal <-chan struct{}, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-signal:
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// leave gives back what admit let in.
func (b *budget) leave(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queued -= n
	b.wake()
}

// set notes what the heads and deaths of a collection take now.
func (b *budget) set(c *Collection, bytes int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.usage[c]
	b.resident += bytes - before
	b.usage[c] = bytes
	if bytes < before {
		b.wake()
	}
}

// remove forgets a collection.
func (b *budget) remove(c *Collection) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.resident -= b.usage[c]
	delete(b.usage, c)
	b.wake()
}

// writing reports whether requests are on their way.
func (b *budget) writing() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.queued > 0
}

// used returns the bytes in use and the limit.
func (b *budget) used() (used, limit int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.queued + b.resident, b.limit
}

func (b *budget) refuse() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refused++
}

// refusals returns how many requests were refused since the start.
func (b *budget) refusals() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.refused
}

// inUse returns the bytes in use.
func (b *budget) inUse() int64 {
	used, _ := b.used()
	return used
}

// largest returns the collection that takes the most. mu is held.
func (b *budget) largest() *Collection {
	var found *Collection
	for c, bytes := range b.usage {
		if found == nil || bytes > b.usage[found] {
			found = c
		}
	}
	return found
}

// waitForLess returns a channel that is closed at the next decrease. mu is held.
func (b *budget) waitForLess() <-chan struct{} {
	if b.freed == nil {
		b.freed = make(chan struct{})
	}
	return b.freed
}

// wake ends the waits for a decrease. mu is held.
func (b *budget) wake() {
	if b.freed != nil {
		close(b.freed)
		b.freed = nil
	}
}

// AdmitBytes lets a request in that takes n bytes of memory before it becomes an
// operation, or refuses it as a write is refused. leave gives the bytes back.
func (s *Store) AdmitBytes(ctx context.Context, n int64) (leave func(), err error) {
	if err := s.shared.budget.admit(ctx, n); err != nil {
		return nil, writeError(err)
	}
	return func() { s.shared.budget.leave(n) }, nil
}
