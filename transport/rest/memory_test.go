package rest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark"
)

// hold returns a claim of m that holds n bytes.
func hold(t *testing.T, m *memory, n int64) *claim {
	t.Helper()
	c := m.claim()
	require.NoError(t, c.grow(t.Context(), freeBytes+n))
	return c
}

// grown lets a claim grow in the background and returns once it waits.
func grown(t *testing.T, ctx context.Context, c *claim, n int64) <-chan error {
	t.Helper()
	out := make(chan error, 1)
	c.memory.mu.Lock()
	before := len(c.memory.waiting)
	c.memory.mu.Unlock()
	go func() { out <- c.grow(ctx, freeBytes+n) }()
	require.Eventually(t, func() bool {
		c.memory.mu.Lock()
		defer c.memory.mu.Unlock()
		return len(c.memory.waiting) > before
	}, time.Minute, time.Millisecond)
	return out
}

func TestSmallClaimsAreFree(t *testing.T) {
	m := newMemory(1, time.Minute, nil)
	for range 3 {
		require.NoError(t, m.claim().grow(t.Context(), freeBytes))
	}
	require.Zero(t, m.used)
}

func TestClaimsWaitForRoomInOrder(t *testing.T) {
	m := newMemory(100, time.Minute, nil)
	first := hold(t, m, 60)
	second, third := m.claim(), m.claim()
	waits := grown(t, t.Context(), second, 50)
	behind := grown(t, t.Context(), third, 10) // would fit, but comes later
	require.Empty(t, behind)
	first.release()
	require.NoError(t, <-waits)
	require.NoError(t, <-behind)
	second.release()
	third.release()
	require.Zero(t, m.used)
}

func TestClaimsAreRefused(t *testing.T) {
	m := newMemory(100, 0, nil)
	first := hold(t, m, 60)
	err := m.claim().grow(t.Context(), freeBytes+50)
	require.Equal(t, tidemark.Unavailable, tidemark.KindOf(err), "after waiting: %v", err)
	err = m.claim().grow(t.Context(), freeBytes+101)
	require.Equal(t, tidemark.BadRequest, tidemark.KindOf(err), "what can never be: %v", err)

	m.patience = time.Minute
	ctx, cancel := context.WithCancel(t.Context())
	waits := grown(t, ctx, m.claim(), 50)
	cancel()
	require.ErrorIs(t, <-waits, context.Canceled)
	first.release()
	require.Zero(t, m.used)
}

// TestTheLastIsRefusedWhenAllWait stages what would wait forever: each holds
// what the others wait for.
func TestTheLastIsRefusedWhenAllWait(t *testing.T) {
	m := newMemory(100, time.Minute, nil)
	first, second := hold(t, m, 50), hold(t, m, 50)
	waits := grown(t, t.Context(), first, 70)
	err := second.grow(t.Context(), freeBytes+70)
	require.Equal(t, tidemark.Unavailable, tidemark.KindOf(err), "%v", err)
	second.release()
	require.NoError(t, <-waits)
	first.release()
	require.Zero(t, m.used)
	require.Zero(t, m.idle)
}

// watcher is an Observer that looks at memory only.
type watcher struct {
	Observer
	held    []int64
	refused int
}

func (w *watcher) MemoryHeld(held, _ int64) { w.held = append(w.held, held) }
func (w *watcher) MemoryRefused()           { w.refused++ }

func TestMemoryIsObserved(t *testing.T) {
	w := &watcher{}
	m := newMemory(100, 0, w)
	first := hold(t, m, 60)
	second := hold(t, m, 30)
	require.Error(t, m.claim().grow(t.Context(), freeBytes+20), "after waiting")
	require.Error(t, m.claim().grow(t.Context(), freeBytes+101), "what can never be")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m.patience = time.Minute
	require.Error(t, m.claim().grow(ctx, freeBytes+20), "who went away was not refused")
	first.release()
	second.release()
	require.Equal(t, []int64{0, 60, 90, 30, 0}, w.held)
	require.Equal(t, 2, w.refused)
}
