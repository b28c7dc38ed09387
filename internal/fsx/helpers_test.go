package fsx_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
)

// record returns a recorder of a new directory.
func record(t *testing.T) (*fsx.Recorder, string) {
	t.Helper()
	dir := t.TempDir()
	rec, err := fsx.NewRecorder(fsx.OS, dir)
	require.NoError(t, err)
	return rec, dir
}

func lines(s ...string) string { return strings.Join(s, "\n") + "\n" }

func TestWriteAtomicTrace(t *testing.T) {
	rec, dir := record(t)
	require.NoError(t, fsx.WriteAtomic(rec, filepath.Join(dir, "catalog"), []byte("content")))
	require.Equal(t, lines(
		"create catalog.tmp",
		"write catalog.tmp 0+7",
		"fsync catalog.tmp",
		"rename catalog.tmp -> catalog",
		"syncdir .",
	), rec.Trace(0))
}

// After any crash the file holds the old content or the new, and the new once
// WriteAtomic has returned.
func TestWriteAtomicSurvivesCrash(t *testing.T) {
	rec, dir := record(t)
	name := filepath.Join(dir, "catalog")
	require.NoError(t, fsx.WriteAtomic(rec, name, []byte("old")))
	begin := rec.Len()
	require.NoError(t, fsx.WriteAtomic(rec, name, []byte("the new content")))
	end := rec.Len()
	seen := map[string]bool{}
	for state := range fsx.CrashStates(rec) {
		if state.After < begin {
			continue
		}
		clone := t.TempDir()
		require.NoError(t, state.LayOut(clone))
		got, err := fsx.ReadFile(fsx.OS, filepath.Join(clone, "catalog"))
		require.NoError(t, err)
		seen[string(got)] = true
		if state.After == end {
			require.Equal(t, "the new content", string(got), state.Survival)
		}
	}
	require.Equal(t, map[string]bool{"old": true, "the new content": true}, seen)
}

func TestWriteAtomicLeavesTheOldFileWhenItFails(t *testing.T) {
	for _, kind := range []fsx.Kind{fsx.KindCreate, fsx.KindWrite, fsx.KindSync, fsx.KindRename, fsx.KindSyncDir} {
		t.Run(string(kind), func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "catalog")
			faults := fsx.NewFaults(fsx.OS)
			require.NoError(t, fsx.WriteAtomic(faults, name, []byte("old")))
			faults.Inject(fsx.Rule{Kinds: []fsx.Kind{kind}, Err: syscall.ENOSPC, Short: 2})
			err := fsx.WriteAtomic(faults, name, []byte("new"))
			require.ErrorIs(t, err, syscall.ENOSPC)
			got, rerr := fsx.ReadFile(fsx.OS, name)
			require.NoError(t, rerr)
			if kind == fsx.KindSyncDir {
				require.ErrorIs(t, err, fsx.ErrNotDurable)
				require.Equal(t, "new", string(got))
				return
			}
			require.NotErrorIs(t, err, fsx.ErrNotDurable)
			require.Equal(t, "old", string(got))
			require.NoFileExists(t, name+fsx.TempSuffix)
		})
	}
}

func TestMkdirAllSyncsEachNewEntry(t *testing.T) {
	rec, dir := record(t)
	require.NoError(t, fsx.MkdirAll(rec, filepath.Join(dir, "a", "b"), 0o750))
	require.NoError(t, fsx.MkdirAll(rec, filepath.Join(dir, "a", "b"), 0o750))
	require.Equal(t, lines("mkdir a", "syncdir .", "mkdir a/b", "syncdir a"), rec.Trace(0))
}

func TestMkdirAllRefusesAFile(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	require.ErrorIs(t, fsx.MkdirAll(fsx.OS, filepath.Join(dir, "file"), 0o750), fs.ErrExist)
	require.Error(t, fsx.MkdirAll(fsx.OS, filepath.Join(dir, "file", "below"), 0o750))
}

func TestRemoveAll(t *testing.T) {
	rec, dir := record(t)
	require.NoError(t, fsx.MkdirAll(rec, filepath.Join(dir, "a", "b"), 0o750))
	require.NoError(t, fsx.WriteAtomic(rec, filepath.Join(dir, "a", "b", "file"), nil))
	from := rec.Len()
	require.NoError(t, fsx.RemoveAll(rec, filepath.Join(dir, "a")))
	require.NoError(t, fsx.RemoveAll(rec, filepath.Join(dir, "a")), "nothing there")
	require.Equal(t, lines("remove a/b/file", "remove a/b", "remove a"), rec.Trace(from))
	require.NoDirExists(t, filepath.Join(dir, "a"))
}

func TestRemoveAllSaysWhatFailed(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "a", "b"), 0o750))
	faults := fsx.NewFaults(fsx.OS)
	faults.Inject(fsx.Rule{Kinds: []fsx.Kind{fsx.KindRemove}, Path: "b"})
	require.ErrorIs(t, fsx.RemoveAll(faults, filepath.Join(dir, "a")), syscall.EIO)
	require.DirExists(t, filepath.Join(dir, "a", "b"))
}

func TestRemoveAllSaysThatADirectoryCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "f"), nil, 0o600))
	faults := fsx.NewFaults(fsx.OS)
	faults.Inject(fsx.Rule{Kinds: []fsx.Kind{fsx.KindReadDir}})
	require.ErrorIs(t, fsx.RemoveAll(faults, dir), syscall.EIO)
}

func TestReadFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	_, err := fsx.ReadFile(fsx.OS, name)
	require.ErrorIs(t, err, fs.ErrNotExist)
	for _, content := range []string{"", "some bytes"} {
		require.NoError(t, os.WriteFile(name, []byte(content), 0o600))
		got, err := fsx.ReadFile(fsx.OS, name)
		require.NoError(t, err)
		require.Equal(t, content, string(got))
	}
	faults := fsx.NewFaults(fsx.OS)
	faults.Inject(fsx.Rule{Kinds: []fsx.Kind{fsx.KindRead}})
	_, err = fsx.ReadFile(faults, name)
	require.ErrorIs(t, err, syscall.EIO)
}
