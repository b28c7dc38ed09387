package fsx_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
)

func TestFaultsFailTheNthMatch(t *testing.T) {
	faults := fsx.NewFaults(fsx.OS)
	f := create(t, faults, filepath.Join(t.TempDir(), "f"))
	other := create(t, faults, filepath.Join(t.TempDir(), "other"))
	matched := faults.Inject(fsx.Rule{Kinds: []fsx.Kind{fsx.KindSync}, Path: "/f", Nth: 2, Times: 1})
	require.NoError(t, f.Sync())
	require.NoError(t, other.Sync())
	require.NoError(t, f.SyncData())
	require.ErrorIs(t, f.Sync(), syscall.EIO)
	require.NoError(t, f.Sync())
	require.Equal(t, 3, matched())
}

func TestFaultsGoOnUntilTheyAreCleared(t *testing.T) {
	faults := fsx.NewFaults(fsx.OS)
	dir := t.TempDir()
	faults.Inject(fsx.Rule{Err: syscall.ENOSPC, Nth: 2})
	require.NoError(t, faults.Mkdir(filepath.Join(dir, "a"), 0o700))
	for range 3 {
		require.ErrorIs(t, faults.Mkdir(filepath.Join(dir, "b"), 0o700), syscall.ENOSPC)
	}
	_, err := faults.ReadDir(dir)
	require.NoError(t, err, "a rule without kinds spares what only reads")
	faults.Clear()
	require.NoError(t, faults.Mkdir(filepath.Join(dir, "b"), 0o700))
}

func TestFaultsReachEveryOperation(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "f")
	require.NoError(t, os.WriteFile(name, []byte("x"), 0o600))
	faults := fsx.NewFaults(fsx.OS)
	f := create(t, faults, name)
	log := create(t, faults, filepath.Join(dir, "log"))
	open := func(name string, flag int) func() error {
		return func() error { _, err := faults.OpenFile(name, flag, 0o600); return err }
	}
	b := make([]byte, 1)
	for kind, do := range map[fsx.Kind]func() error{
		fsx.KindCreate:   open(filepath.Join(dir, "new"), os.O_CREATE|os.O_RDWR),
		fsx.KindOpen:     open(name, os.O_RDONLY),
		fsx.KindTruncate: open(name, os.O_RDWR|os.O_TRUNC),
		fsx.KindMkdir:    func() error { return faults.Mkdir(filepath.Join(dir, "d"), 0o700) },
		fsx.KindRename:   func() error { return faults.Rename(name, name+"2") },
		fsx.KindLink:     func() error { return faults.Link(name, name+"2") },
		fsx.KindRemove:   func() error { return faults.Remove(name) },
		fsx.KindReadDir:  func() error { _, err := faults.ReadDir(dir); return err },
		fsx.KindStat:     func() error { _, err := faults.Stat(name); return err },
		fsx.KindSyncDir:  func() error { return faults.SyncDir(dir) },
		fsx.KindRead:     func() error { _, err := f.ReadAt(b, 0); return err },
		fsx.KindWrite:    func() error { _, err := f.WriteAt(b, 0); return err },
		fsx.KindSync:     f.Sync,
		fsx.KindSyncData: f.SyncData,
		fsx.KindLogWrite: func() error { return log.(fsx.Announcer).Announce(b, 0) },
	} {
		faults.Clear()
		faults.Inject(fsx.Rule{Kinds: []fsx.Kind{kind}})
		require.ErrorIs(t, do(), syscall.EIO, kind)
	}
	faults.Clear()
	faults.Inject(fsx.Rule{Kinds: []fsx.Kind{fsx.KindLogSync}})
	require.ErrorIs(t, log.SyncData(), syscall.EIO, "the file was announced above")
	got, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, "x", string(got), "nothing that failed was done")
}

func TestFaultsWriteShort(t *testing.T) {
	faults := fsx.NewFaults(fsx.OS)
	name := filepath.Join(t.TempDir(), "f")
	f := create(t, faults, name)
	faults.Inject(fsx.Rule{Kinds: []fsx.Kind{fsx.KindWrite, fsx.KindLogWrite}, Short: 3})
	n, err := f.Write([]byte("abcdef"))
	require.ErrorIs(t, err, syscall.EIO)
	require.Equal(t, 3, n)
	require.ErrorIs(t, f.(fsx.Announcer).Announce([]byte("xyz123"), 3), syscall.EIO)
	got, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, "abcxyz", string(got))
}

// A recorder over faults records what was done, not what was tried.
func TestRecorderOverFaults(t *testing.T) {
	dir := t.TempDir()
	faults := fsx.NewFaults(fsx.OS)
	rec, err := fsx.NewRecorder(faults, dir)
	require.NoError(t, err)
	f := create(t, rec, filepath.Join(dir, "f"))
	faults.Inject(fsx.Rule{Short: 2})
	_, err = f.Write([]byte("abcd"))
	require.ErrorIs(t, err, syscall.EIO)
	require.Error(t, f.Sync())
	require.Error(t, f.(fsx.Announcer).Announce([]byte("abcd"), 0))
	require.Equal(t, lines("create f", "write f 0+2"), rec.Trace(0))
}
