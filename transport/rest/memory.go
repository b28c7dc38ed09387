package rest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/tidemark-db/tidemark"
)

// DefaultReadBytes bounds the memory of reads unless Options do.
const DefaultReadBytes = 256 << 20

// freeBytes is what a body or an answer may take without being counted: most
// are smaller, and need not wait behind those that are not.
const freeBytes = 64 << 10

// readPatience is how long a read waits for memory before it is refused.
const readPatience = 5 * time.Second

// memory bounds the bytes that reads take together: their bodies, and their
// answers until they are delivered. Who takes more while he holds some may wait
// for others who do the same; when all bytes are held by those who wait, the
// last of them is refused, so that the others get on.
type memory struct {
	limit    int64
	patience time.Duration
	observer memoryObserver

	mu      sync.Mutex
	used    int64
	idle    int64    // the part of used that is held by waiting
	waiting []*claim // in order of arrival
}

// claim is a share of the memory. It belongs to one request, and is not safe
// for concurrent use.
type claim struct {
	memory *memory
	held   int64

	// While it waits, under memory.mu:
	wants   int64
	settled chan error
}

// memoryObserver is the part of an Observer that looks at memory.
type memoryObserver interface {
	MemoryHeld(held, limit int64)
	MemoryRefused()
}

// nobody is the observer where there is none.
type nobody struct{}

func (nobody) MemoryHeld(int64, int64) {}
func (nobody) MemoryRefused()          {}

// newMemory returns a memory of which o, which may be nil, is told.
func newMemory(limit int64, patience time.Duration, o Observer) *memory {
	m := &memory{limit: limit, patience: patience, observer: nobody{}}
	if o != nil {
		m.observer = o
	}
	m.observer.MemoryHeld(0, limit)
	return m
}

// hold adds n bytes, which may be negative, to what is used. mu is held.
func (m *memory) hold(n int64) {
	m.used += n
	m.observer.MemoryHeld(m.used, m.limit)
}

// claim returns a claim that holds nothing yet.
func (m *memory) claim() *claim { return &claim{memory: m} }

// admit lets n bytes in, all of which count.
func (m *memory) admit(ctx context.Context, n int64) (leave func(), err error) {
	c := m.claim()
	return c.release, c.grow(ctx, freeBytes+n)
}

// grow waits until c may hold n bytes in all. Up to freeBytes cost nothing.
func (c *claim) grow(ctx context.Context, n int64) error {
	more := n - freeBytes - c.held
	if more <= 0 {
		return nil
	}
	m := c.memory
	if c.held+more > m.limit {
		m.observer.MemoryRefused()
		return tidemark.Errorf(tidemark.BadRequest,
			"the request needs more than %d MiB of memory, as much as there is for all reads: ask for fewer points, or for less of each", m.limit>>20)
	}
	m.mu.Lock()
	if len(m.waiting) == 0 && m.used+more <= m.limit {
		m.hold(more)
		c.held += more
		m.mu.Unlock()
		return nil
	}
	c.wants, c.settled = more, make(chan error, 1)
	m.waiting = append(m.waiting, c)
	m.idle += c.held
	m.settle()
	m.mu.Unlock()
	return c.wait(ctx)
}

// wait waits until the claim is settled, the time is up or ctx ends.
func (c *claim) wait(ctx context.Context) error {
	timer := time.NewTimer(c.memory.patience)
	defer timer.Stop()
	select {
	case err := <-c.settled:
		return err
	case <-timer.C:
		return c.giveUp(c.memory.refusal)
	case <-ctx.Done():
		return c.giveUp(ctx.Err)
	}
}

// giveUp ends the wait with what why says, unless it is settled already.
func (c *claim) giveUp(why func() error) error {
	m := c.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, w := range m.waiting {
		if w == c {
			m.end(i, why())
			break
		}
	}
	m.settle() // those behind may need less
	return <-c.settled
}

// release gives everything back.
func (c *claim) release() {
	if c.held == 0 {
		return
	}
	m := c.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hold(-c.held)
	c.held = 0
	m.settle()
}

// settle lets those go on for whom there is room, in order. mu is held.
func (m *memory) settle() {
	for len(m.waiting) > 0 {
		first := m.waiting[0]
		switch {
		case m.used+first.wants <= m.limit:
			m.hold(first.wants)
			m.end(0, nil)
			first.held += first.wants
		case m.idle == m.used: // nobody is left who could give anything back
			m.refuseLast()
			return
		default:
			return
		}
	}
}

// refuseLast refuses the last one who waits and holds something: when he has
// given it back, the others get on. mu is held.
func (m *memory) refuseLast() {
	for i := len(m.waiting) - 1; i >= 0; i-- {
		if m.waiting[i].held > 0 {
			m.end(i, m.refusal())
			return
		}
	}
}

// end ends the wait of the i-th. mu is held.
func (m *memory) end(i int, err error) {
	c := m.waiting[i]
	m.waiting = append(m.waiting[:i], m.waiting[i+1:]...)
	m.idle -= c.held
	c.settled <- err
}

// refusal counts that somebody is refused, and says why.
func (m *memory) refusal() error {
	m.observer.MemoryRefused()
	return &tidemark.Error{Kind: tidemark.Unavailable, Text: fmt.Sprintf(
		"reads wait for memory, of which they may take %d MiB together: try again, or ask for fewer points", m.limit>>20)}
}
