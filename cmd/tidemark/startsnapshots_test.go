package main

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStartFlags(t *testing.T) {
	f := startFlags{snapshots: []string{`C:\a b\x.snapshot:c`, "x:y"}, force: true}
	r, err := f.restores()
	require.NoError(t, err)
	require.Equal(t, startRestores{archives: []startArchive{{`C:\a b\x.snapshot`, "c"}, {"x", "y"}}, force: true}, r)
	for _, wrong := range [][]string{{""}, {"x"}, {"x:"}, {":x"}, {"x:a/b"}, {"x:.."}, {"x:a", "y:a"}} {
		_, err := (&startFlags{snapshots: wrong}).restores()
		require.Equal(t, exitUsage, exitCode(err), "%q", wrong)
	}
}

// TestStorageFlag stands alone.
func TestStorageFlag(t *testing.T) {
	r, err := (&startFlags{storage: "x:y", force: true}).restores()
	require.NoError(t, err)
	require.Equal(t, startRestores{storage: "x:y", force: true}, r)
	_, err = (&startFlags{storage: "x", snapshots: []string{"y:z"}}).restores()
	require.Equal(t, exitUsage, exitCode(err))
}

// TestNothingIsServedAfterARefusal: the engine is closed, and its reason is the
// exit code.
func TestNothingIsServedAfterARefusal(t *testing.T) {
	e := newFakeEngine()
	e.restoreErr = &exitError{exitExists, errors.New("it exists")}
	e.closeErr = errors.New("it cannot be closed")
	log := &lockedBuffer{}
	a := &app{open: openFake(e), dir: t.TempDir(), root: t.TempDir()}
	require.Equal(t, exitExists, a.run(t.Context(), []string{"--http-port", "0", "--snapshot", "x:y"}, io.Discard, log))
	require.Equal(t, []string{"open", "restore", "close"}, e.history())
	require.Contains(t, log.String(), "it exists")
	require.Contains(t, log.String(), "it cannot be closed")
}

// TestRestoresAtStartComeFirst: before the line that says where it listens.
func TestRestoresAtStartComeFirst(t *testing.T) {
	e := newFakeEngine()
	p := start(t, e, nil, "--snapshot", "x:y")
	require.Equal(t, []string{"open", "restore"}, e.history())
	p.stop()
	require.Equal(t, exitOK, <-p.exited)
}

// endless is an engine whose restore ends when it is told to stop.
type endless struct {
	*fakeEngine
	restoring chan struct{}
}

func (e endless) RestoreAtStart(ctx context.Context, _ startRestores) error {
	close(e.restoring)
	<-ctx.Done()
	return ctx.Err()
}

func TestStopDuringARestoreAtStart(t *testing.T) {
	e := endless{newFakeEngine(), make(chan struct{})}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stopped := make(chan error, 1)
	go func() {
		stopped <- restoreAtStart(ctx, e, startRestores{archives: make([]startArchive, 1)}, time.Minute)
	}()
	<-e.restoring
	cancel()
	require.ErrorIs(t, <-stopped, context.Canceled)
	require.Equal(t, []string{"close"}, e.history())
}
