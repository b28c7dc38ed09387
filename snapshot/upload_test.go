package snapshot

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/snapshot/blob"
	"github.com/tidemark-db/tidemark/snapshot/blob/blobtest"
)

// send uploads content, in pieces, and waits for what becomes of it. broken is
// how the sender's connection ends.
func (h *house) send(t *testing.T, collection string, content []byte, o UploadOptions, broken error) error {
	t.Helper()
	u, err := h.StartUpload(collection, o)
	if err != nil {
		return err
	}
	for len(content) > 0 {
		n := min(1000, len(content))
		if _, err := u.Write(content[:n]); err != nil {
			require.ErrorIs(t, err, ErrUploadEnded)
			break
		}
		content = content[n:]
	}
	u.End(broken)
	_, err = u.Wait(context.Background())
	return err
}

func TestUpload(t *testing.T) {
	for _, target := range []string{"c", "alias", "new"} {
		h := newHouse(t)
		_, content, before := snapshotOfC(t, h)
		require.NoError(t, h.send(t, target, content, UploadOptions{Checksum: strings.ToUpper(blobtest.Sum(content)), Name: "mine.snapshot"}, nil))
		name := strings.ReplaceAll(target, "alias", "c")
		got, ok := h.engine.get(name)
		require.True(t, ok)
		require.Equal(t, before.digest(t), got.digest(t))
		list, err := h.List(context.Background(), name)
		require.NoError(t, err)
		require.Len(t, list, strings.Count(name, "c"), "it is not kept: the first is the one that was taken")
		require.Equal(t, JobUpload, h.Jobs()[0].Kind)
		require.Equal(t, "mine.snapshot", h.Jobs()[0].Source)
		require.EqualValues(t, len(content), h.Jobs()[0].Size)
	}
}

// TestUploadIsKept under the client's name if it is one and free, with the bytes
// that came.
func TestUploadIsKept(t *testing.T) {
	h := newHouse(t)
	_, content, _ := snapshotOfC(t, h)
	for name, want := range map[string]string{
		"mine.snapshot":          "mine.snapshot",
		`C:\dir\other.snapshot`:  "other.snapshot",
		"../../up.snapshot":      "up.snapshot",
		"no-snapshot.tar":        "c-42-2026-11-24-10-53-37-7-2.snapshot",
		"":                       "c-42-2026-11-24-10-53-37-7-3.snapshot",
		".hidden.snapshot":       "c-42-2026-11-24-10-53-37-7-4.snapshot",
		"mine.snapshot/..":       "c-42-2026-11-24-10-53-37-7-5.snapshot",
		strings.Repeat("x", 500): "c-42-2026-11-24-10-53-37-7-6.snapshot",
	} {
		require.NoError(t, h.send(t, "c", content, UploadOptions{Name: name, Keep: true}, nil))
		kept := h.Jobs()[0].Snapshot
		if !strings.HasPrefix(want, "c-42-") {
			require.Equal(t, want, kept)
		}
		require.Equal(t, content, h.read(t, kept), "the very bytes")
		h.engine.set("c", fakeCollection{config: `{"size":4}`})
	}
	list, err := h.List(context.Background(), "c")
	require.NoError(t, err)
	require.Len(t, list, 9)
	for _, info := range list {
		require.Equal(t, blobtest.Sum(content), info.SHA256)
	}
	require.NoError(t, h.send(t, "c", content, UploadOptions{Name: "mine.snapshot", Keep: true}, nil))
	require.NotEqual(t, "mine.snapshot", h.Jobs()[0].Snapshot, "nothing is overwritten")
}

// TestUploadRefuses leaves everything as it was, a kept archive included.
func TestUploadRefuses(t *testing.T) {
	wrong := strings.Repeat("0", 64)
	broken := errors.New("the connection broke")
	for name, tt := range map[string]struct {
		content  func([]byte) []byte
		checksum string
		broken   error
		install  error
		kind     tidemark.Kind
		text     string
	}{
		"junk":           {content: func([]byte) []byte { return bytes.Repeat([]byte("junk"), 5000) }, kind: tidemark.BadInput, text: "this is no snapshot archive"},
		"nothing":        {content: func([]byte) []byte { return nil }, kind: tidemark.BadInput, text: "cut off"},
		"one bit":        {content: func(b []byte) []byte { b[len(b)-4000] ^= 1; return b }, kind: tidemark.BadInput, text: "damaged at byte"},
		"longer":         {content: func(b []byte) []byte { return append(b, 0) }, kind: tidemark.BadInput, text: "bytes follow the end"},
		"wrong checksum": {checksum: wrong, kind: tidemark.ChecksumMismatch, text: "expected " + wrong + ", actual "},
		"checksum first": {content: func([]byte) []byte { return bytes.Repeat([]byte("junk"), 5000) }, checksum: wrong, kind: tidemark.ChecksumMismatch, text: "expected " + wrong + ", actual "},
		"broken":         {content: func(b []byte) []byte { return b[:2000] }, broken: broken, kind: tidemark.Internal, text: "see the server's log"},
		"broken at the end": {
			broken: tidemark.Errorf(tidemark.BadRequest, "Multipart stream is incomplete"), kind: tidemark.BadRequest,
			text: "Multipart stream is incomplete",
		},
		"not installed": {install: tidemark.Errorf(tidemark.BadRequest, "it was dropped meanwhile"), kind: tidemark.BadRequest, text: "dropped meanwhile"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			_, content, _ := snapshotOfC(t, h)
			if tt.content != nil {
				content = tt.content(content)
			}
			h.engine.onInstall = func(context.Context, string) error { return tt.install }
			before, _ := h.engine.get("c")
			for _, target := range []string{"c", "new"} {
				requireError(t, h.send(t, target, bytes.Clone(content), UploadOptions{Checksum: tt.checksum, Name: "kept.snapshot", Keep: true}, tt.broken), tt.kind, tt.text)
				h.requireClean(t)
			}
			after, _ := h.engine.get("c")
			require.Equal(t, before, after)
			_, ok := h.engine.get("new")
			require.False(t, ok, "a phantom")
			list, err := h.List(context.Background(), "c")
			require.NoError(t, err)
			require.Len(t, list, 1, "a failed upload is not kept")
		})
	}
}

// TestUploadIsCancelled while its sender has nothing to send: the job ends at
// once, the sender learns it with its next bytes.
func TestUploadIsCancelled(t *testing.T) {
	h := newHouse(t)
	_, content, _ := snapshotOfC(t, h)
	u, err := h.StartUpload("new", UploadOptions{})
	require.NoError(t, err)
	_, err = u.Write(content[:1000])
	require.NoError(t, err)
	s, err := h.CancelJob(context.Background(), u.ID.String())
	require.NoError(t, err)
	require.Equal(t, JobCancelled, s.State)
	_, err = u.Write(content[1000:])
	require.Error(t, err)
	u.End(nil)
	_, err = u.Wait(context.Background())
	requireError(t, err, tidemark.Unavailable, "cancelled")
	h.requireClean(t)
}

// TestUploadDuringTheStop ends, though its sender goes on.
func TestUploadDuringTheStop(t *testing.T) {
	h := newHouse(t)
	_, content, _ := snapshotOfC(t, h)
	u, err := h.StartUpload("new", UploadOptions{})
	require.NoError(t, err)
	_, err = u.Write(content[:1000])
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	stop()
	h.Close(ctx)
	_, err = u.Write(content[1000:])
	require.Error(t, err)
	u.End(nil)
	require.Equal(t, JobInterrupted, h.Jobs()[0].State)
	_, err = h.StartUpload("new", UploadOptions{})
	requireError(t, err, tidemark.Unavailable, "the server is stopping")
}

// TestKeepFaults: when the archive cannot be kept nothing is restored.
func TestKeepFaults(t *testing.T) {
	h := newHouse(t)
	_, content, _ := snapshotOfC(t, h)
	before, _ := h.engine.get("c")
	h.store.onPut = func(ctx context.Context, _ blob.Key, src blob.Source) error {
		if err := src.Write(ctx, io.Discard); err != nil {
			return err
		}
		return syscall.ENOSPC
	}
	requireError(t, h.send(t, "c", content, UploadOptions{Keep: true}, nil), tidemark.Unavailable, "not enough room")
	h.store.onPut = nil
	h.faults.Inject(fsx.Rule{Kinds: []fsx.Kind{fsx.KindRead}, Err: syscall.EIO})
	require.Error(t, h.send(t, "c", content, UploadOptions{Keep: true}, nil))
	h.faults.Clear()
	after, _ := h.engine.get("c")
	require.Equal(t, before, after)
	h.requireClean(t)
}
