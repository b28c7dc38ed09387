package snapshot

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark"
)

// restoredHouse returns a house whose collection c was restored from a snapshot.
func restoredHouse(t *testing.T) *house {
	h := newHouse(t)
	info := h.create(t)
	c, _ := h.engine.get("c")
	c.position, c.salt = 8, 1
	h.engine.set("c", c)
	require.NoError(t, h.Restore(context.Background(), "c", Source{Location: fileURL(filepath.Join(h.dir, "c", info.Name))}))
	return h
}

func TestUndoRestore(t *testing.T) {
	h := restoredHouse(t)
	var log bytes.Buffer
	h.logger = slog.New(slog.NewTextHandler(&log, nil))
	before := h.Previous("c")
	require.NotNil(t, before)
	require.EqualValues(t, 8, before.Position)
	restored, _ := h.engine.get("c")

	preview, err := h.PreviewUndo(context.Background(), "c")
	require.NoError(t, err)
	require.Equal(t, before, preview.State)
	job, err := h.StartUndo(context.Background(), "alias", UndoOptions{})
	require.NoError(t, err)
	undone, err := job.Wait(context.Background())
	require.NoError(t, err)
	require.EqualValues(t, 1, undone.Writes)
	require.NotEqual(t, before.ID, undone.State.ID)
	require.Equal(t, restored.position, undone.State.Position)
	now, _ := h.engine.get("c")
	require.Equal(t, 1, now.salt)

	status, err := h.JobStatus(job.ID.String())
	require.NoError(t, err)
	require.Equal(t, JobUndo, status.Kind)
	require.Equal(t, JobDone, status.State)
	require.Equal(t, "c", status.Collection)
	require.EqualValues(t, 8, status.Position)
	require.Equal(t, untilOf, status.UndoUntil)
	require.Contains(t, log.String(), "until=2026-11-24T12:00:00")
	require.Subset(t, h.events.all(), []string{"undo c began", "undo c passed wait", "undo c passed install", "undo c ended "})
}

// TestRestoresTellUntilWhenTheyCanBeUndone: but not if nothing was replaced.
func TestRestoresTellUntilWhenTheyCanBeUndone(t *testing.T) {
	h := newHouse(t)
	location := fileURL(filepath.Join(h.dir, "c", h.create(t).Name))
	for name, want := range map[string]bool{"c": true, "new": false} {
		job, err := h.StartRestore(context.Background(), name, Source{Location: location})
		require.NoError(t, err)
		done, err := job.Wait(context.Background())
		require.NoError(t, err)
		require.Equal(t, want, done.Previous != nil, name)
		status, err := h.JobStatus(job.ID.String())
		require.NoError(t, err)
		require.Equal(t, want, status.UndoUntil.Equal(untilOf), name)
		require.Equal(t, !want, status.UndoUntil.IsZero(), name)
	}
}

// TestUndoIsRefusedAtOnce: not only by the job, which nobody may wait for.
func TestUndoIsRefusedAtOnce(t *testing.T) {
	h := newHouse(t)
	_, err := h.StartUndo(context.Background(), "c", UndoOptions{})
	requireError(t, err, tidemark.NotFound, "has no previous state")
	_, err = h.StartUndo(context.Background(), "none", UndoOptions{})
	requireError(t, err, tidemark.NotFound, "doesn't exist")
	_, err = h.PreviewUndo(context.Background(), "c")
	requireError(t, err, tidemark.NotFound, "has no previous state")
	require.Empty(t, h.Jobs())
}

// TestAnUndoThatIsSentTwiceUndoesOnce: the second one finds another previous
// state than the one it was about.
func TestAnUndoThatIsSentTwiceUndoesOnce(t *testing.T) {
	h := restoredHouse(t)
	begun, hold := make(chan struct{}), make(chan struct{})
	h.engine.onUndo = func(context.Context, string) error {
		begun <- struct{}{}
		<-hold
		return nil
	}
	first, err := h.StartUndo(context.Background(), "c", UndoOptions{})
	require.NoError(t, err)
	<-begun
	second, err := h.StartUndo(context.Background(), "c", UndoOptions{})
	require.NoError(t, err)
	close(hold)
	_, err = first.Wait(context.Background())
	require.NoError(t, err)
	<-begun
	_, err = second.Wait(context.Background())
	requireError(t, err, tidemark.BadRequest, "Nothing was undone")
	now, _ := h.engine.get("c")
	require.Equal(t, 1, now.salt)
}

// TestUndoWaitsForItsTurnAndCanBeCancelled: nothing else is done to the
// collection meanwhile.
func TestUndoWaitsForItsTurnAndCanBeCancelled(t *testing.T) {
	h := restoredHouse(t)
	frozen, hold := make(chan struct{}), make(chan struct{})
	h.engine.onFreeze = func(context.Context, string) error {
		close(frozen)
		<-hold
		return nil
	}
	create, err := h.StartCreate("c", CreateOptions{})
	require.NoError(t, err)
	<-frozen
	undo, err := h.StartUndo(context.Background(), "c", UndoOptions{})
	require.NoError(t, err)
	status, err := h.CancelJob(context.Background(), undo.ID.String())
	require.NoError(t, err)
	require.Equal(t, JobCancelled, status.State)
	require.Equal(t, PhaseWait, status.Phase)
	close(hold)
	_, err = create.Wait(context.Background())
	require.NoError(t, err)
	now, _ := h.engine.get("c")
	require.NotEqual(t, 1, now.salt, "nothing was undone")
}
