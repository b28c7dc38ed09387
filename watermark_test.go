package tidemark

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/wal"
)

func TestWatermarkWakesWhoWaits(t *testing.T) {
	var w watermark
	var group sync.WaitGroup
	errs := make([]error, 100)
	for i := range errs {
		group.Go(func() { errs[i] = w.wait(t.Context(), wal.Position(i)) })
	}
	for p := range wal.Position(100) {
		w.raise(p)
	}
	group.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	w.raise(5)
	require.Equal(t, wal.Position(99), w.position(), "it never falls")
}

func TestWatermarkEndsWaits(t *testing.T) {
	var w watermark
	w.raise(3)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, w.wait(ended, 4), context.Canceled)

	failure := errors.New("halted")
	done := make(chan error)
	go func() { done <- w.wait(context.Background(), 4) }()
	w.fail(failure)
	require.ErrorIs(t, <-done, failure)
	require.NoError(t, w.wait(t.Context(), 3), "what was reached stays reached")
}

func TestOrderLock(t *testing.T) {
	l := newOrderLock()
	require.NoError(t, l.shared(t.Context()))
	require.NoError(t, l.shared(t.Context()))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, l.exclusive(ended))
	l.unlockShared()
	l.unlockShared()
	require.NoError(t, l.exclusive(t.Context()))
	waiting := make(chan error)
	go func() { waiting <- l.shared(context.Background()) }()
	l.retire()
	require.ErrorIs(t, <-waiting, errCollectionClosed)
}
