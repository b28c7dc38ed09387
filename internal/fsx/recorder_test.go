package fsx_test

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
)

func create(t *testing.T, fsys fsx.FS, name string) fsx.File {
	t.Helper()
	f, err := fsys.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	return f
}

func TestRecorderTrace(t *testing.T) {
	rec, dir := record(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	f := create(t, rec, in("f"))
	_, err := f.Write([]byte("12345"))
	require.NoError(t, err)
	_, err = f.Seek(1, io.SeekStart)
	require.NoError(t, err)
	_, err = f.Write([]byte("xy"))
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("z"), 9)
	require.NoError(t, err)
	require.NoError(t, f.Truncate(4))
	require.NoError(t, f.SyncData())
	require.NoError(t, f.Sync())
	rec.Mark("what follows changes names")
	require.NoError(t, rec.Mkdir(in("d"), 0o700))
	require.NoError(t, rec.Link(in("f"), in("d/g")))
	require.NoError(t, rec.Rename(in("d/g"), in("d/h")))
	require.NoError(t, rec.Remove(in("f")))
	require.NoError(t, rec.SyncDir(in("d")))
	require.Equal(t, lines(
		"create f", "write f 0+5", "write f 1+2", "write f 9+1", "truncate f 4", "fdatasync f", "fsync f",
		"# what follows changes names",
		"mkdir d", "link f -> d/g", "rename d/g -> d/h", "remove f", "syncdir d",
	), rec.Trace(0))
	require.Equal(t, "xy", string(rec.Ops()[2].Data))
}

func TestRecorderKeepsQuietAboutReadsAndFailures(t *testing.T) {
	rec, dir := record(t)
	f := create(t, rec, filepath.Join(dir, "f"))
	n := rec.Len()
	_, err := rec.ReadDir(dir)
	require.NoError(t, err)
	_, err = f.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	_, err = rec.Stat(filepath.Join(dir, "missing"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.Error(t, rec.Remove(filepath.Join(dir, "missing")))
	require.Error(t, rec.Mkdir(filepath.Join(dir, "f"), 0o700))
	_, err = rec.OpenFile(filepath.Join(dir, "f"), os.O_RDONLY, 0)
	require.NoError(t, err)
	require.NoError(t, rec.SyncDir(t.TempDir()), "another directory")
	require.Empty(t, rec.Trace(n))
}

func TestRecorderAppendsAndTruncatesOnOpen(t *testing.T) {
	rec, dir := record(t)
	name := filepath.Join(dir, "f")
	require.NoError(t, fsx.WriteAtomic(rec, name, []byte("abc")))
	n := rec.Len()
	for _, flag := range []int{os.O_APPEND, os.O_TRUNC} {
		f, err := rec.OpenFile(name, os.O_WRONLY|flag, 0)
		require.NoError(t, err)
		_, err = f.Write([]byte("d"))
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	require.Equal(t, lines("write f 3+1", "truncate f 0", "write f 0+1"), rec.Trace(n))
}

func TestAnnouncedWritesAreRecorded(t *testing.T) {
	rec, dir := record(t)
	f := create(t, rec, filepath.Join(dir, "log"))
	require.NoError(t, f.(fsx.Announcer).Announce([]byte("entry"), 3))
	require.NoError(t, f.SyncData())
	require.Equal(t, lines("create log", "wal.write log 3+5", "wal.sync log"), rec.Trace(0))
}

// crashed returns the contents of all files in each crash state, by the
// number of operations before it and by what survived.
func crashed(t *testing.T, rec *fsx.Recorder, ways ...fsx.Survival) map[int]map[fsx.Survival]map[string]string {
	t.Helper()
	all := map[int]map[fsx.Survival]map[string]string{}
	for state := range fsx.CrashStates(rec, ways...) {
		dir := t.TempDir()
		require.NoError(t, state.LayOut(dir))
		files := map[string]string{}
		require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			rel, err := filepath.Rel(dir, path)
			require.NoError(t, err)
			b, err := os.ReadFile(path)
			files[rel] = string(b)
			return err
		}))
		if all[state.After] == nil {
			all[state.After] = map[fsx.Survival]map[string]string{}
		}
		all[state.After][state.Survival] = files
	}
	return all
}

func TestCrashStates(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "before"), []byte("kept"), 0o600))
	rec, err := fsx.NewRecorder(fsx.OS, dir)
	require.NoError(t, err)
	f := create(t, rec, filepath.Join(dir, "f")) // 1
	_, err = f.Write([]byte("synced"))           // 2
	require.NoError(t, err)
	require.NoError(t, f.Sync())           // 3
	require.NoError(t, rec.SyncDir(dir))   // 4
	_, err = f.Write([]byte(" and later")) // 5
	require.NoError(t, err)
	require.NoError(t, rec.Rename(filepath.Join(dir, "f"), filepath.Join(dir, "g"))) // 6

	states := crashed(t, rec)
	old := map[string]string{"before": "kept"}
	require.Equal(t, old, states[3][fsx.SurvivesNothing], "the name was not synced")
	require.Equal(t, map[string]string{"before": "kept", "f": ""}, states[2][fsx.SurvivesNames])
	require.Equal(t, map[fsx.Survival]map[string]string{
		fsx.SurvivesNothing: {"before": "kept", "f": "synced"},
		fsx.SurvivesAll:     {"before": "kept", "g": "synced and later"},
		fsx.SurvivesNames:   {"before": "kept", "g": "synced"},
		fsx.SurvivesHalf:    {"before": "kept", "g": "synced and "},
		fsx.SurvivesSize:    {"before": "kept", "g": "synced\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"},
	}, states[6])
	require.NotContains(t, states[5], fsx.SurvivesNothing, "equal to the state after 6")
}

func TestCrashStatesFollowARemovedAndRecreatedName(t *testing.T) {
	rec, dir := record(t)
	name := filepath.Join(dir, "f")
	require.NoError(t, fsx.WriteAtomic(rec, name, []byte("old")))
	require.NoError(t, rec.Remove(name))
	f := create(t, rec, name)
	_, err := f.Write([]byte("new"))
	require.NoError(t, err)
	require.NoError(t, f.Sync())
	states := crashed(t, rec, fsx.SurvivesNothing, fsx.SurvivesAll)
	require.Equal(t, map[string]string{"f": "old"}, states[rec.Len()][fsx.SurvivesNothing])
	require.Equal(t, map[string]string{"f": "new"}, states[rec.Len()][fsx.SurvivesAll])
}
