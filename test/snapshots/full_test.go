package snapshots

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// mount mounts a small file system of its own over dir, or skips the test where
// that is not allowed.
func mount(t *testing.T, dir, options string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o750))
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("a small file system cannot be mounted here (it takes root and CAP_SYS_ADMIN): %v", err)
	}
	// What is registered later, the end of the server too, is done before.
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
}

// ballast fills the file system of dir but for so many bytes. Others may write
// meanwhile. It returns what gives the room back.
func ballast(dir string, free int64) (undo func() error, err error) {
	f, err := os.Create(filepath.Join(dir, "ballast"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for size := int64(0); ; {
		var st unix.Statfs_t
		if err := unix.Statfs(dir, &st); err != nil {
			return nil, err
		}
		n := int64(st.Bavail)*st.Bsize - free
		if n <= 0 {
			return func() error { return os.Remove(f.Name()) }, nil
		}
		switch err := unix.Fallocate(int(f.Fd()), 0, size, n); {
		case err == nil:
			size += n
		case !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EINTR):
			return nil, err
		}
	}
}

// while lets writers write to w until the work is done; none of their writes may
// be refused.
func while(t *testing.T, s *server, work func()) {
	ctx, stop := context.WithCancel(t.Context())
	all := newWriters()
	var group sync.WaitGroup
	for _, w := range all {
		group.Go(func() { w.run(ctx, t, s, "w", func() {}) })
	}
	goOn := func() { // all of them
		for _, w := range all {
			had := w.acknowledged.Load()
			require.Eventually(t, func() bool { return w.acknowledged.Load() > had || t.Failed() }, patience, tick)
		}
	}
	goOn()
	work()
	goOn()
	stop()
	group.Wait()
	got := s.read(t, "w")
	for i, w := range all {
		_, ok := w.prefix(nil, 0, got[i], int(w.acknowledged.Load()), int(w.begun.Load()))
		require.True(t, ok, "writer %d", i)
	}
	s.must(t, "POST /collections/w/points/delete?wait=true", `{"filter":{}}`)
}

// files makes files until only so many more can be made. Bytes remain free, so
// that nobody foresees where the work will end.
func files(t *testing.T, dir string, free int) (undo func() error) {
	t.Helper()
	within := filepath.Join(dir, "files")
	require.NoError(t, os.Mkdir(within, 0o750))
	for i := 0; ; i++ {
		if err := os.WriteFile(filepath.Join(within, strconv.Itoa(i)), nil, 0o600); err != nil {
			require.ErrorIs(t, err, unix.ENOSPC)
			for j := range free {
				require.NoError(t, os.Remove(filepath.Join(within, strconv.Itoa(i-1-j))))
			}
			return func() error { return os.RemoveAll(within) }
		}
	}
}

// untilEnough gives work room for no file, for one, for two … and returns when it
// has succeeded. Each time before it is refused.
func untilEnough(t *testing.T, s *server, dir string, work func() response, unchanged func(t *testing.T)) {
	for free := 0; ; free++ {
		undo := files(t, dir, free)
		var r response
		while(t, s, func() { r = work() })
		require.NoError(t, undo())
		if r.status == http.StatusOK {
			require.Greater(t, free, 2, "it was to need more files")
			return
		}
		require.Equal(t, http.StatusServiceUnavailable, r.status, "with %d files: %s", free, r.body)
		require.Contains(t, r.errorText(t), "not enough room on the disk")
		require.NotContains(t, string(r.body), s.dir, "a path of the host")
		unchanged(t)
	}
}

// TestNoRoomForSnapshots fills the file system of the snapshots.
func TestNoRoomForSnapshots(t *testing.T) {
	dir := t.TempDir()
	snapshots := filepath.Join(dir, "snapshots")
	mount(t, snapshots, "size=160m,nr_inodes=60")
	s := start(t, dir)
	s.must(t, "PUT /collections/c", dense(64))
	s.must(t, "PUT /collections/w", dense(dim))
	s.fill(t, "c", 10000, 64)
	take := func() response { return s.get(t, "POST /collections/c/snapshots", "") }
	unchanged := func(t *testing.T) {
		require.Empty(t, s.list(t, "c"))
		require.Empty(t, s.below(t, "snapshots/.staging"))
		require.Empty(t, s.below(t, "snapshots/c"))
	}
	t.Run("of bytes", func(t *testing.T) {
		undo, err := ballast(snapshots, 1<<20)
		require.NoError(t, err)
		while(t, s, func() {
			r := take()
			require.Equal(t, http.StatusServiceUnavailable, r.status, "%s", r.body)
			require.Contains(t, r.errorText(t), "not enough room in the snapshots directory: ")
		})
		require.NoError(t, undo())
		unchanged(t)
	})
	t.Run("of files", func(t *testing.T) { untilEnough(t, s, snapshots, take, unchanged) })
	require.Len(t, s.list(t, "c"), 1)
}

// TestNoRoomForRestores fills the file system of the data as far as writes may go
// on, but no restore.
func TestNoRoomForRestores(t *testing.T) {
	for _, collection := range []string{"c", "missing"} {
		t.Run("of "+collection, func(t *testing.T) { noRoomForRestore(t, collection) })
	}
}

func noRoomForRestore(t *testing.T, collection string) {
	dir := t.TempDir()
	storage := filepath.Join(dir, "storage")
	mount(t, storage, "size=700m,nr_inodes=100")
	// One file of the log holds all that is written here.
	s := start(t, dir, "TIDEMARK__LOG_SEGMENT_MB=128", "TIDEMARK__DISK_RESERVE_MB=16")
	s.must(t, "PUT /collections/c", dense(64))
	s.must(t, "PUT /collections/w", dense(dim))
	s.fill(t, "c", 10000, 64)
	made := s.create(t, "c")
	before, directories := s.state(t, "c"), s.left(t)
	restore := func() response {
		return s.get(t, recoverRequest(collection), recoverBody(s.file("c", made.Name), ""))
	}
	unchanged := func(t *testing.T) {
		require.Equal(t, before, s.state(t, "c"))
		require.Equal(t, directories, s.left(t))
		require.Equal(t, http.StatusNotFound, s.get(t, "GET /collections/missing", "").status)
	}
	t.Run("of bytes", func(t *testing.T) {
		undo, err := ballast(storage, 56<<20) // writes leave 32 MiB and what is in memory, restores 64
		require.NoError(t, err)
		while(t, s, func() {
			r := restore()
			require.Equal(t, http.StatusServiceUnavailable, r.status, "%s", r.body)
			require.Contains(t, r.errorText(t), "no room to restore the snapshot")
		})
		require.NoError(t, undo())
		unchanged(t)
	})
	t.Run("of files", func(t *testing.T) { untilEnough(t, s, storage, restore, unchanged) })
	require.Equal(t, before.Digest, s.state(t, collection).Digest)
}

// TestNoRoomForTheLog writes until the log can get no new file. Reads go on; once
// there is room again and the server was restarted, all is there and writes go on.
func TestNoRoomForTheLog(t *testing.T) {
	dir := t.TempDir()
	storage := filepath.Join(dir, "storage")
	mount(t, storage, "size=64m")
	s := start(t, dir, "TIDEMARK__LOG_SEGMENT_MB=1", "TIDEMARK__DISK_RESERVE_MB=1")
	s.must(t, "PUT /collections/w", dense(dim))
	w := newWriters()[0]
	step := func() response { return w.step(t, s) }
	for range 50 {
		require.Equal(t, http.StatusOK, step().status)
	}
	undo, err := ballast(storage, 0)
	require.NoError(t, err)
	r := step()
	for r.status == http.StatusOK {
		r = step()
	}
	require.Equal(t, http.StatusServiceUnavailable, r.status, "%s", r.body)
	require.NotContains(t, string(r.body), dir, "a path of the host")
	last := int(w.begun.Load())
	require.Equal(t, http.StatusServiceUnavailable, step().status)
	all := func() {
		t.Helper()
		_, ok := w.prefix(nil, 0, s.read(t, "w")[0], int(w.acknowledged.Load()), last)
		require.True(t, ok, "not all of %d acknowledged writes", w.acknowledged.Load())
	}
	all()
	require.NoError(t, undo())
	s.restart(t)
	all()
	require.Equal(t, http.StatusOK, step().status)
}

// step lets a writer do its next write.
func (w *writer) step(t *testing.T, s *server) response {
	n := w.begun.Add(1)
	request, body := w.request("w", int(n))
	r := s.get(t, request, body)
	if r.status == http.StatusOK {
		w.acknowledged.Store(n)
	}
	return r
}

// TestStorageFills fills the disk of the data up to the last byte: writes are refused
// before it is full, deletes go on longer, collections can be dropped and aliases
// changed to the end, a server can be started, and all of it goes on by itself.
func TestStorageFills(t *testing.T) {
	dir := t.TempDir()
	storage := filepath.Join(dir, "storage")
	mount(t, storage, "size=64m")
	s := start(t, dir, "TIDEMARK__LOG_SEGMENT_MB=1", "TIDEMARK__DISK_RESERVE_MB=4")
	s.must(t, "PUT /collections/w", dense(dim))
	s.must(t, "PUT /collections/x", dense(dim))
	w := newWriters()[0]
	for range 20 {
		require.Equal(t, http.StatusOK, w.step(t, s).status)
	}
	becomes := func(status int, request, body string) response {
		t.Helper()
		var r response
		require.Eventually(t, func() bool { r = s.get(t, request, body); return r.status == status }, patience, tick)
		return r
	}
	put := `{"points":[{"id":1,"vector":[` + strings.Repeat("0.5,", dim-1) + `0.5]}]}`
	undo, err := ballast(storage, 6<<20)
	require.NoError(t, err)
	r := becomes(http.StatusServiceUnavailable, "PUT /collections/x/points?wait=true", put)
	require.Contains(t, r.errorText(t), "the disk of the storage directory is almost full")
	require.NotContains(t, string(r.body), dir, "a path of the host")
	s.must(t, "POST /collections/x/points/delete?wait=true", `{"points":[1]}`)
	metrics := string(s.must(t, "GET /metrics", ""))
	require.Contains(t, metrics, `tidemark_disk_open{work="write"} 0`)
	require.Contains(t, metrics, `tidemark_disk_open{work="delete"} 1`)
	require.NoError(t, undo())

	undo, err = ballast(storage, 0)
	require.NoError(t, err)
	becomes(http.StatusServiceUnavailable, "POST /collections/x/points/delete?wait=true", `{"points":[1]}`)
	s.must(t, "POST /collections/aliases", `{"actions":[{"create_alias":{"alias_name":"a","collection_name":"w"}}]}`)
	s.must(t, "DELETE /collections/x", "")
	s.restart(t)
	_, ok := w.prefix(nil, 0, s.read(t, "a")[0], int(w.acknowledged.Load()), int(w.begun.Load()))
	require.True(t, ok)
	require.Equal(t, http.StatusNotFound, s.get(t, "GET /collections/x", "").status)
	require.NoError(t, undo())
	require.Eventually(t, func() bool { return w.step(t, s).status == http.StatusOK }, patience, tick)
	require.Contains(t, string(s.must(t, "GET /metrics", "")), `tidemark_log_poisoned{collection="w"} 0`)
}
