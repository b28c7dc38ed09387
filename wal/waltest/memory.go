package waltest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync"

	"github.com/tidemark-db/tidemark/wal"
)

// MaxMemoryRecord is the largest payload, in bytes, that a Memory log accepts.
const MaxMemoryRecord = 64<<20 + 64<<10

// Memory is a wal.Log without files. A record is durable as soon as it is
// enqueued. Reopen stands for a restart, Poison for a failed disk.
type Memory struct {
	mu       sync.Mutex
	base     wal.Position // position before the first record ever given out
	released wal.Position // records at and below were forgotten
	records  []wal.Record // above released, ascending
	next     wal.Position // of the next record
	failed   error        // nil, wal.ErrPoisoned or wal.ErrClosed
	changed  chan struct{}
}

var _ wal.Log = (*Memory)(nil)

// NewMemory returns an empty log whose first record will lie at base+1.
func NewMemory(base wal.Position) *Memory {
	return &Memory{
		base:     base,
		released: base,
		next:     base + 1,
		changed:  make(chan struct{}),
	}
}

// Reopen closes m and returns a log with the same records, as a restart of the
// process would find it.
func (m *Memory) Reopen() *Memory {
	m.fail(wal.ErrClosed)
	m.mu.Lock()
	defer m.mu.Unlock()
	fresh := NewMemory(m.base)
	fresh.released = m.released
	fresh.records = slices.Clone(m.records)
	fresh.next = m.last() + 1
	return fresh
}

// Poison makes m behave as after a failed write: it can be read, not written.
func (m *Memory) Poison() { m.fail(wal.ErrPoisoned) }

// Enqueue implements wal.Log.
func (m *Memory) Enqueue(ctx context.Context, payload []byte) (wal.Pending, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(payload) > MaxMemoryRecord {
		return nil, fmt.Errorf("record of %d bytes: %w", len(payload), wal.ErrTooLarge)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failed != nil {
		return nil, m.failed
	}
	if m.next > wal.MaxPosition {
		return nil, wal.ErrExhausted
	}
	m.records = append(m.records, wal.Record{Position: m.next, Payload: slices.Clone(payload)})
	m.next++
	m.wake()
	return memoryPending(m.last()), nil
}

// Skip implements wal.Log.
func (m *Memory) Skip(ctx context.Context, through wal.Position) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.failed != nil:
		return m.failed
	case through >= wal.MaxPosition:
		return wal.ErrExhausted
	}
	m.next = max(m.next, through+1)
	return nil
}

// Tail implements wal.Log.
func (m *Memory) Tail(ctx context.Context, after wal.Position) (wal.Reader, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if errors.Is(m.failed, wal.ErrClosed) {
		return nil, m.failed
	}
	if after < m.released && m.released > m.base {
		return nil, fmt.Errorf("records after %d: %w", after, wal.ErrReleased)
	}
	return &memoryReader{log: m, after: max(after, m.base), closed: make(chan struct{})}, nil
}

// Last implements wal.Log.
func (m *Memory) Last(ctx context.Context) (wal.Position, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failed != nil {
		return 0, m.failed
	}
	return m.last(), nil
}

// Release implements wal.Log. It forgets everything that it may.
func (m *Memory) Release(ctx context.Context, through wal.Position) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failed != nil {
		return m.failed
	}
	through = min(through, m.last())
	if through > m.released {
		m.records = slices.Clone(m.records[m.above(through):])
		m.released = through
		m.wake()
	}
	return nil
}

// Close implements wal.Log.
func (m *Memory) Close() error {
	m.fail(wal.ErrClosed)
	return nil
}

func (m *Memory) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !errors.Is(m.failed, wal.ErrClosed) {
		m.failed = err
		m.wake()
	}
}

func (m *Memory) last() wal.Position {
	if n := len(m.records); n > 0 {
		return m.records[n-1].Position
	}
	return m.released
}

// above returns the index of the first record above p.
func (m *Memory) above(p wal.Position) int {
	return sort.Search(len(m.records), func(i int) bool { return m.records[i].Position > p })
}

// wake tells all readers to look again; m.mu is held.
func (m *Memory) wake() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// memoryPending is a record that is durable already.
type memoryPending wal.Position

func (p memoryPending) Wait(context.Context) (wal.Position, error) { return wal.Position(p), nil }
