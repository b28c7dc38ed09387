package local

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/snapshot/blob"
	"github.com/tidemark-db/tidemark/snapshot/blob/blobtest"
)

var update = flag.Bool("update", false, "write the golden files")

var (
	faultKey     = blob.Key{Folder: "c", Name: "a.snapshot"}
	faultContent = []byte(strings.Repeat("content ", 1000))
)

// requireWholeOrAbsent looks at a directory as a new process would.
func requireWholeOrAbsent(t *testing.T, dir, temp string) (there bool) {
	t.Helper()
	s, err := Open(Options{Dir: dir, TempDir: temp})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	list, err := s.List(context.Background(), faultKey.Folder)
	require.NoError(t, err)
	if len(list) == 0 {
		_, err := s.Get(context.Background(), faultKey)
		require.ErrorIs(t, err, blob.ErrNotFound)
		return false
	}
	o, err := s.Get(context.Background(), faultKey)
	require.NoError(t, err)
	got, err := io.ReadAll(o)
	require.NoError(t, err)
	require.NoError(t, o.Close())
	require.Equal(t, faultContent, got)
	require.Equal(t, blobtest.Sum(faultContent), list[0].SHA256)
	return true
}

// TestPutKnowsTheChecksum: that the file beside the object cannot be read for a
// moment takes nothing from what is known.
func TestPutKnowsTheChecksum(t *testing.T) {
	faults := fsx.NewFaults(fsx.OS)
	s, err := Open(Options{Dir: t.TempDir(), FS: faults})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	faults.Inject(fsx.Rule{Kinds: []fsx.Kind{fsx.KindOpen}, Path: checksumSuffix})
	info, err := s.Put(context.Background(), faultKey, blobtest.Content(faultContent))
	require.NoError(t, err)
	require.Equal(t, blobtest.Sum(faultContent), info.SHA256)
}

// manyOperations is more than any way to change the store has.
const manyOperations = 40

// TestFaultAtEveryOperation lets one operation after the other fail, once or from
// then on, in Put, Copy and Delete.
func TestFaultAtEveryOperation(t *testing.T) {
	for _, way := range []string{"put", "put across devices", "delete", "copy"} {
		for _, times := range []int{1, 0} {
			for nth := 1; nth <= manyOperations; nth++ {
				err := faultAt(t, way, nth, times)
				require.False(t, nth == manyOperations && err != nil, "%s has more operations than were tried: %v", way, err)
			}
		}
	}
}

// faultAt goes a way whose nth operation fails.
func faultAt(t *testing.T, way string, nth, times int) error {
	t.Helper()
	dir, temp := t.TempDir(), ""
	base := fsx.OS
	if way == "put across devices" {
		temp = t.TempDir()
		base = noLinks{fsx.OS, syscall.EXDEV, temp}
	}
	faults := fsx.NewFaults(base)
	s, err := Open(Options{Dir: dir, TempDir: temp, FS: faults})
	require.NoError(t, err)
	ctx, other := context.Background(), blob.Key{Folder: "c2", Name: "b.snapshot"}
	switch way {
	case "delete":
		_, err = s.Put(ctx, faultKey, blobtest.Content(faultContent))
	case "copy":
		_, err = s.Put(ctx, other, blobtest.Content(faultContent))
	}
	require.NoError(t, err)

	hit := errors.New("injected")
	faults.Inject(fsx.Rule{Nth: nth, Times: times, Err: hit, Short: 3})
	switch way {
	case "delete":
		err = s.Delete(ctx, faultKey)
	case "copy":
		_, err = s.Copy(ctx, other, faultKey)
	default:
		_, err = s.Put(ctx, faultKey, blobtest.Content(faultContent))
	}
	faults.Clear()
	require.NoError(t, s.Close())
	there := requireWholeOrAbsent(t, dir, temp)
	switch {
	case err == nil:
		require.Equal(t, way != "delete", there, "%s, operation %d: acknowledged", way, nth)
	case way != "delete" && !errors.Is(err, blob.ErrOutcomeUnknown):
		require.False(t, there, "%s, operation %d: failed but visible: %v", way, nth, err)
	}
	requireRetry(t, dir, there)
	return err
}

// requireRetry puts the object again, as a client would.
func requireRetry(t *testing.T, dir string, there bool) {
	t.Helper()
	s := open(t, Options{Dir: dir})
	_, err := s.Put(context.Background(), faultKey, blobtest.Content(faultContent))
	if there {
		require.ErrorIs(t, err, blob.ErrExists)
		return
	}
	require.NoError(t, err)
}

// TestPowerLoss cuts the power at every point of a life: put, copy, delete.
func TestPowerLoss(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "snapshots"), 0o750))
	rec, err := fsx.NewRecorder(fsx.OS, dir)
	require.NoError(t, err)
	s := open(t, Options{Dir: filepath.Join(dir, "snapshots"), FS: rec})
	ctx := context.Background()
	_, err = s.Put(ctx, faultKey, blobtest.Content(faultContent))
	require.NoError(t, err)
	put := rec.Len()
	other := blob.Key{Folder: "c2", Name: "b.snapshot"}
	_, err = s.Copy(ctx, faultKey, other)
	require.NoError(t, err)
	begin := rec.Len()
	require.NoError(t, s.Delete(ctx, faultKey))
	deleted := rec.Len()
	require.NoError(t, s.Delete(ctx, other))

	for state := range fsx.CrashStates(rec) {
		clone := t.TempDir()
		require.NoError(t, state.LayOut(clone))
		there := requireWholeOrAbsent(t, filepath.Join(clone, "snapshots"), "")
		switch {
		case state.After >= put && state.After <= begin:
			require.True(t, there, "after %d operations, %s", state.After, state.Survival)
		case state.After >= deleted:
			require.False(t, there, "after %d operations, %s", state.After, state.Survival)
		}
	}
}

// TestTrace fixes the order of operations, above all of syncs, as text.
func TestTrace(t *testing.T) {
	dir := t.TempDir()
	rec, err := fsx.NewRecorder(fsx.OS, dir)
	require.NoError(t, err)
	s := open(t, Options{Dir: dir, FS: rec})
	start := rec.Len()
	ctx := context.Background()
	rec.Mark("put")
	_, err = s.Put(ctx, faultKey, blobtest.Content([]byte("content")))
	require.NoError(t, err)
	rec.Mark("copy")
	_, err = s.Copy(ctx, faultKey, blob.Key{Folder: "c", Name: "b.snapshot"})
	require.NoError(t, err)
	rec.Mark("delete")
	require.NoError(t, s.Delete(ctx, faultKey))
	golden := filepath.Join("testdata", "trace.golden")
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(rec.Trace(start)), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), rec.Trace(start))
}
