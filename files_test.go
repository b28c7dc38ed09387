package tidemark

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/wal"
	"github.com/tidemark-db/tidemark/wal/local"
)

// localLogs opens logs on files of a small size.
func localLogs(fsys fsx.FS) OpenLog {
	return func(o LogOptions) (wal.Log, error) {
		log, _, err := local.Open(o.Dir, local.Options{
			Base: o.Base, From: o.From, AtLeast: o.AtLeast, SegmentBytes: 64 << 10, FS: fsys, Logger: o.Logger,
		})
		if err != nil {
			return nil, err
		}
		return log, nil
	}
}

// merges tells about each merge that ended.
type merges struct {
	noObserver
	ended chan error
}

func (m *merges) Merged(_ string, _ time.Duration, _ int64, err error) { m.ended <- err }

// testReserve lets small disks suffice, as memory often is.
const testReserve = 256 << 10

func openOnFiles(t testing.TB, dir string, fsys fsx.FS) (*Store, error) {
	o := Options{
		Dir: dir, FS: fsys, OpenLog: localLogs(fsys), RetryInterval: time.Millisecond, DiskReserve: testReserve,
		Observer: &merges{ended: make(chan error, 100)},
	}
	s, err := Open(testContext(t), o)
	if err == nil {
		s.recovery.Wait()
	}
	return s, err
}

// memoryDir returns a directory in memory if the host has one: these tests sync
// thousands of times, and what a power failure leaves they lay out themselves.
func memoryDir(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "tidemark-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// seen is what a client of a store sees: the digest and the count of each
// collection.
type seen map[string]seenCollection

type seenCollection struct {
	digest segments.Digest
	count  int
}

func look(t testing.TB, s *Store) seen {
	out := make(seen)
	for _, name := range s.Names() {
		c, err := s.Collection(name)
		require.NoError(t, err, "collection %s", name)
		v, err := c.View(testContext(t))
		require.NoError(t, err)
		out[name] = seenCollection{v.Digest(), v.Count()}
		v.Release()
	}
	return out
}

// lookAfterCrash lays out what a power failure left, and opens it.
func lookAfterCrash(t *testing.T, crash fsx.CrashState) seen {
	dir := memoryDir(t)
	defer os.RemoveAll(dir)
	require.NoError(t, crash.LayOut(dir))
	s, err := openOnFiles(t, dir, fsx.OS)
	require.NoError(t, err, "crash after operation %d, %s survives", crash.After, crash.Survival)
	defer func() { require.NoError(t, s.Close(testContext(t))) }()
	return look(t, s)
}

// requireNothingUnnamed checks that there are directories of just the collections
// that the catalog names.
func requireNothingUnnamed(t testing.TB, s *Store) {
	var named []string
	for _, e := range s.catalog.Entries() {
		named = append(named, e.ID.String())
		if e.Previous != nil {
			named = append(named, e.Previous.ID.String())
		}
	}
	entries, err := os.ReadDir(filepath.Join(s.options.Dir, collectionsDir))
	require.NoError(t, err)
	var there []string
	for _, e := range entries {
		there = append(there, e.Name())
	}
	require.ElementsMatch(t, named, there)
}
