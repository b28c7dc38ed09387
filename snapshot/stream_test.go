package snapshot

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark"
)

// TestStream: what is sent is what would be stored, and the collection is free
// meanwhile.
func TestStream(t *testing.T) {
	h := newHouse(t)
	s, err := h.Stream(context.Background(), "alias")
	require.NoError(t, err)
	stored := h.create(t)
	require.Equal(t, stored.Name, s.Name)
	require.Equal(t, stored.Size, s.Size)
	var sent bytes.Buffer
	require.NoError(t, s.Send(&sent))
	require.Equal(t, h.read(t, stored.Name), sent.Bytes())
	s.Close()
	h.requireClean(t)

	_, err = h.Stream(context.Background(), "none")
	requireError(t, err, tidemark.NotFound, "doesn't exist")
}

// failing takes some bytes and fails.
type failing struct{ left int }

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errors.New("the client is gone")
	}
	return len(p), nil
}

// TestStreamsThatEndEarly leave nothing behind: newHouse looks for it.
func TestStreamsThatEndEarly(t *testing.T) {
	h := newHouse(t)
	s, err := h.Stream(context.Background(), "c")
	require.NoError(t, err)
	require.ErrorContains(t, s.Send(&failing{2000}), "the client is gone")
	s.Close()

	h.engine.onFreeze = func(context.Context, string) error { return tidemark.Errorf(tidemark.Unavailable, "not now") }
	_, err = h.Stream(context.Background(), "c")
	requireError(t, err, tidemark.Unavailable, "not now")
	h.engine.onFreeze = nil

	ctx, cancel := context.WithCancel(context.Background())
	s, err = h.Stream(ctx, "c")
	require.NoError(t, err)
	cancel()
	require.ErrorIs(t, s.Send(new(bytes.Buffer)), context.Canceled)
	s.Close()
}

// TestCloseEndsStreams: the store is not closed under them.
func TestCloseEndsStreams(t *testing.T) {
	h := newHouse(t)
	s, err := h.Stream(context.Background(), "c")
	require.NoError(t, err)
	ending, cancel := context.WithCancel(context.Background())
	cancel()
	closed := make(chan struct{})
	go func() { h.Close(ending); close(closed) }()
	<-s.ctx.Done()
	require.ErrorIs(t, s.Send(new(bytes.Buffer)), context.Canceled)
	s.Close()
	<-closed
	_, err = h.Stream(context.Background(), "c")
	requireError(t, err, tidemark.Unavailable, "stopping")
}
