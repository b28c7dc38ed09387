package tidemark

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestBudgetCountsEverything: what is on its way and what all collections hold,
// until it is given back.
func TestBudgetCountsEverything(t *testing.T) {
	b, one, two := newBudget(100, 0), new(Collection), new(Collection)
	requireUsed := func(want int64) {
		t.Helper()
		used, limit := b.used()
		require.Equal(t, want, used)
		require.EqualValues(t, 100, limit)
	}
	require.NoError(t, b.admit(t.Context(), 10))
	requireUsed(10)
	b.set(one, 20)
	b.set(two, 30)
	requireUsed(60)
	b.set(one, 5)
	requireUsed(45)
	b.remove(two)
	requireUsed(15)
	b.leave(10)
	requireUsed(5)
}

// TestWritesAreSlowedBeforeTheyAreRefused: near the limit a write waits a little,
// though there is room. Whether the wait or the context ends first is chance; in
// a hundred attempts the context does.
func TestWritesAreSlowedBeforeTheyAreRefused(t *testing.T) {
	b := newBudget(100, 0)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, b.admit(ended, 70), "far from the limit nobody waits")
	waited := false
	for range 100 {
		if err := b.admit(ended, 10); err != nil {
			require.ErrorIs(t, err, context.Canceled)
			waited = true
			break
		}
		b.leave(10)
	}
	require.True(t, waited)
	require.NoError(t, b.admit(t.Context(), 10), "there is room")
	require.Equal(t, Unavailable, KindOf(b.admit(t.Context(), 50)))
}

// TestTheLargestHeadIsSealed: it is not the one who writes that pays for the
// memory that another collection takes.
func TestTheLargestHeadIsSealed(t *testing.T) {
	s, large, _ := openSmall(t, time.Minute)
	s.shared.headBytes = 1 << 30 // only the budget seals
	require.NoError(t, s.Create(testContext(t), "small", CreateSpec{}))
	small, err := s.Collection("small")
	require.NoError(t, err)
	for i := range uint64(20) {
		mustWrite(t, large, kilobytes(t, i, 32))
	}
	require.Zero(t, large.flushed.position())
	for i := uint64(0); large.flushed.position().IsZero(); i++ {
		mustWrite(t, small, kilobytes(t, i, 16))
	}
	require.Zero(t, small.flushed.position())
}
