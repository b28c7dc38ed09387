package local

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/snapshot/blob"
	"github.com/tidemark-db/tidemark/snapshot/blob/blobtest"
)

func open(t testing.TB, o Options) *Store {
	t.Helper()
	s, err := Open(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func TestConformance(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Store { return open(t, Options{Dir: t.TempDir()}) })
}

func TestConformanceWithTempDir(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Store { return open(t, Options{Dir: t.TempDir(), TempDir: t.TempDir()}) })
}

// noLinks is a file system on which links fail in the given way.
type noLinks struct {
	fsx.FS
	err  error
	from string // only of files in this directory; empty: of all
}

func (n noLinks) Link(oldname, newname string) error {
	if n.from == "" || filepath.Dir(filepath.Dir(oldname)) == n.from {
		return &os.LinkError{Op: "link", Old: oldname, New: newname, Err: n.err}
	}
	return n.FS.Link(oldname, newname)
}

func TestConformanceAcrossDevices(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Store {
		temp := t.TempDir()
		return open(t, Options{Dir: t.TempDir(), TempDir: temp, FS: noLinks{fsx.OS, syscall.EXDEV, temp}})
	})
}

func TestRenameWhereThereAreNoLinks(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir(), FS: noLinks{fsx.OS, syscall.EPERM, ""}})
	k := blob.Key{Folder: "c", Name: "a.snapshot"}
	_, err := s.Put(context.Background(), k, blobtest.Content([]byte("x")))
	require.NoError(t, err)
	_, err = s.Put(context.Background(), k, blobtest.Content([]byte("y")))
	require.ErrorIs(t, err, blob.ErrExists)
	_, err = s.Copy(context.Background(), k, blob.Key{Folder: "c", Name: "b.snapshot"})
	require.ErrorIs(t, err, syscall.EPERM)
	list, err := s.List(context.Background(), "c")
	require.NoError(t, err)
	require.Len(t, list, 1)
}

// TestNoChecksumWithoutObject lets the very last step fail.
func TestNoChecksumWithoutObject(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir, FS: noLinks{fsx.OS, syscall.EIO, ""}})
	_, err := s.Put(context.Background(), blob.Key{Folder: "c", Name: "a.snapshot"}, blobtest.Content([]byte("x")))
	require.ErrorIs(t, err, syscall.EIO)
	for _, d := range []string{"c", stagingName} {
		entries, err := os.ReadDir(filepath.Join(dir, d))
		require.NoError(t, err)
		for _, e := range entries {
			require.Equal(t, lockName, e.Name())
		}
	}
}

// TestLayout is what operators and other programs find.
func TestLayout(t *testing.T) {
	dir, temp := t.TempDir(), t.TempDir()
	s := open(t, Options{Dir: dir, TempDir: temp})
	_, err := s.Put(context.Background(), blob.Key{Folder: "ü", Name: "a.snapshot"}, blobtest.Content([]byte("x")))
	require.NoError(t, err)
	_, err = s.Put(context.Background(), blob.Key{Name: "full-snapshot-1.snapshot"}, blobtest.Content([]byte("y")))
	require.NoError(t, err)
	sum, err := os.ReadFile(filepath.Join(dir, "%C3%BC", "a.snapshot.checksum"))
	require.NoError(t, err)
	require.Equal(t, blobtest.Sum([]byte("x")), string(sum), "no newline")
	require.FileExists(t, filepath.Join(dir, "full-snapshot-1.snapshot"))
	for _, staging := range s.stagings() {
		entries, err := os.ReadDir(staging)
		require.NoError(t, err)
		require.Len(t, entries, 1, "only the lock is left in staging")
	}
	others, err := os.ReadDir(temp)
	require.NoError(t, err)
	require.Len(t, others, 1)
}

// TestForeignFiles are listed if they are snapshots, and never followed
// elsewhere.
func TestForeignFiles(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	folder := filepath.Join(dir, "c")
	require.NoError(t, os.Mkdir(folder, 0o750))
	write := func(name, content string) {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(content), 0o640))
	}
	write("by-hand.snapshot", "content")
	write("bad-sum.snapshot", "content")
	write("bad-sum.snapshot.checksum", "not a checksum\n")
	write("readme.txt", "")
	write("orphan.snapshot.checksum", blobtest.Sum(nil))
	require.NoError(t, os.Mkdir(filepath.Join(folder, "dir.snapshot"), 0o750))
	require.NoError(t, os.Symlink("/etc/passwd", filepath.Join(folder, "link.snapshot")))
	require.NoError(t, syscall.Mkfifo(filepath.Join(folder, "pipe.snapshot"), 0o640))

	list, err := s.List(context.Background(), "c")
	require.NoError(t, err)
	require.Len(t, list, 2)
	for i, name := range []string{"bad-sum.snapshot", "by-hand.snapshot"} {
		require.Equal(t, name, list[i].Name)
		require.Empty(t, list[i].SHA256)
		require.False(t, list[i].Created.IsZero())
	}
	for _, name := range []string{"dir.snapshot", "link.snapshot", "pipe.snapshot", "orphan.snapshot"} {
		_, err := s.Get(context.Background(), blob.Key{Folder: "c", Name: name})
		require.ErrorIs(t, err, blob.ErrNotFound, name)
		require.ErrorIs(t, s.Delete(context.Background(), blob.Key{Folder: "c", Name: name}), blob.ErrNotFound, name)
	}
	k := blob.Key{Folder: "c", Name: "orphan.snapshot"}
	info, err := s.Put(context.Background(), k, blobtest.Content([]byte("new")))
	require.NoError(t, err)
	require.Equal(t, blobtest.Sum([]byte("new")), info.SHA256, "the orphan was replaced")
}

func TestStagingIsLockedAndSwept(t *testing.T) {
	dir, temp := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(temp, "not-ours"), nil, 0o640))
	first, err := Open(Options{Dir: dir, TempDir: temp})
	require.NoError(t, err)
	for _, staging := range first.stagings() {
		require.NoError(t, os.WriteFile(filepath.Join(staging, "7"), []byte("half"), 0o640))
	}
	work, err := first.WorkDir()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(work, "x"), nil, 0o640))
	_, err = Open(Options{Dir: dir, TempDir: temp})
	require.ErrorIs(t, err, fsx.ErrLocked)
	require.FileExists(t, filepath.Join(first.near, "7"), "swept although it is locked")
	require.NoError(t, first.Close())
	second := open(t, Options{Dir: dir, TempDir: temp})
	for _, staging := range second.stagings() {
		require.NoFileExists(t, filepath.Join(staging, "7"))
	}
	require.NoDirExists(t, work)
	require.FileExists(t, filepath.Join(temp, "not-ours"))
}

func TestNoRoom(t *testing.T) {
	free := int64(1000)
	s := open(t, Options{Dir: t.TempDir(), Reserve: 100, Free: func(string) (int64, error) { return free, nil }})
	require.NoError(t, s.CheckRoom(context.Background(), 900))
	var noRoom *blob.NoRoomError
	require.ErrorAs(t, s.CheckRoom(context.Background(), 901), &noRoom)
	require.Equal(t, &blob.NoRoomError{Place: "the snapshots directory", Need: 1001, Free: 1000}, noRoom)
	free = 50
	_, err := s.Put(context.Background(), blob.Key{Folder: "c", Name: "a.snapshot"}, blobtest.Content([]byte("x")))
	require.ErrorAs(t, err, &noRoom)
}
