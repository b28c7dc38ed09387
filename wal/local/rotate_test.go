package local_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/wal"
	"github.com/tidemark-db/tidemark/wal/local"
)

// secondGeneration is a part of every name in the generation after the first.
const secondGeneration = "0000000000000002"

// While the next generation cannot be prepared the log goes on in the present
// one, and rotates when it can: with new files, never those that failed.
func TestRotationIsPostponedUntilThereIsRoom(t *testing.T) {
	for _, kind := range []fsx.Kind{fsx.KindMkdir, fsx.KindCreate, fsx.KindSync, fsx.KindSyncDir} {
		t.Run(string(kind), func(t *testing.T) {
			dir, told := fastDir(t), newLedger()
			rec, err := fsx.NewRecorder(fsx.OS, dir)
			require.NoError(t, err)
			faults := fsx.NewFaults(rec)
			faults.Inject(fsx.Rule{Kinds: []fsx.Kind{kind}, Path: secondGeneration, Err: syscall.ENOSPC})
			o := local.Options{SegmentBytes: 8 * block, FS: faults}
			log, _ := mustOpen(t, dir, o)
			told.write(t, log, 2, 20)
			generations, bytes := log.Size()
			require.Equal(t, 1, generations)
			require.Greater(t, bytes, o.SegmentBytes)
			require.NoError(t, log.Quiesce(t.Context()))

			faults.Clear()
			from := rec.Len()
			told.write(t, log, 2, 20)
			generations, _ = log.Size()
			require.Greater(t, generations, 1)
			require.Equal(t, kind != fsx.KindMkdir, strings.Contains(rec.Trace(from), "remove "+secondGeneration+"\n"), "what failed is removed")
			require.Contains(t, rec.Trace(from), "create "+secondGeneration)
			told.check(t, log, 0)
			require.NoError(t, log.Close())
			log, r := mustOpen(t, dir, local.Options{})
			require.True(t, r.Clean)
			told.check(t, log, 0)
			require.NoError(t, log.Close())
		})
	}
}

// A full disk that takes neither a new file nor more of the present one poisons
// the log, and what was acknowledged is there.
func TestPostponedRotationOnAFullDisk(t *testing.T) {
	dir, told, faults := fastDir(t), newLedger(), fsx.NewFaults(fsx.OS)
	faults.Inject(fsx.Rule{Kinds: []fsx.Kind{fsx.KindMkdir}, Path: secondGeneration, Err: syscall.ENOSPC})
	faults.Inject(fsx.Rule{Kinds: []fsx.Kind{fsx.KindLogWrite}, Nth: 20, Err: syscall.ENOSPC, Short: 1000})
	log, _ := mustOpen(t, dir, local.Options{SegmentBytes: 8 * block, FS: faults})
	told.write(t, log, 1, 30)
	_, err := log.Last(t.Context())
	require.ErrorIs(t, err, wal.ErrPoisoned)
	require.ErrorIs(t, log.Close(), syscall.ENOSPC)
	log, _ = mustOpen(t, dir, local.Options{SegmentBytes: 8 * block})
	told.check(t, log, 0)
	told.write(t, log, 1, 5)
	generations, _ := log.Size()
	require.Equal(t, 2, generations, "it rotates at once")
	require.NoError(t, log.Close())
}

// dirFault fails the sync of one directory.
type dirFault struct {
	fsx.FS
	dir   string
	armed bool
}

func (f *dirFault) SyncDir(name string) error {
	if f.armed && name == f.dir {
		return syscall.ENOSPC
	}
	return f.FS.SyncDir(name)
}

// The directory of the log is no new file: a sync of it that failed is not
// repeated, and the log does not go on.
func TestFailedSyncOfTheDirectoryIsFinal(t *testing.T) {
	dir, told := fastDir(t), newLedger()
	fault := &dirFault{FS: fsx.OS, dir: dir}
	log, _ := mustOpen(t, dir, local.Options{SegmentBytes: 8 * block, FS: fault})
	fault.armed = true
	told.write(t, log, 1, 20)
	_, err := log.Last(t.Context())
	require.ErrorIs(t, err, wal.ErrPoisoned)
	require.Error(t, log.Close())
	log, _ = mustOpen(t, dir, local.Options{})
	told.check(t, log, 0)
	require.NoError(t, log.Close())
}

// What is left of a spare that failed does not stand beside the marker of a clean
// close, where nothing unfinished may be.
func TestCloseRemovesAFailedSpare(t *testing.T) {
	dir, told, faults := fastDir(t), newLedger(), fsx.NewFaults(fsx.OS)
	faults.Inject(fsx.Rule{Kinds: []fsx.Kind{fsx.KindCreate}, Path: secondGeneration, Times: 1, Err: syscall.ENOSPC})
	log, _ := mustOpen(t, dir, local.Options{SegmentBytes: 16 * block, FS: faults})
	told.write(t, log, 1, 10)
	require.NoError(t, log.Quiesce(t.Context()))
	require.DirExists(t, filepath.Join(dir, secondGeneration), "the fault was met")
	require.NoError(t, log.Close())
	log, r := mustOpen(t, dir, local.Options{})
	require.True(t, r.Clean)
	told.check(t, log, 0)
	require.NoError(t, log.Close())
}

// Blocks are set aside only where that leaves enough: some file systems give all
// that they have before they say that it does not suffice.
func TestBlocksAreSetAsideOnlyWhereThereIsRoom(t *testing.T) {
	const size, keep = 64 * block, 1 << 20
	for _, c := range []struct {
		free     int64
		reserved bool
	}{{size + keep - 2*block, false}, {size + keep, true}} {
		dir, faults := fastDir(t), fsx.NewFaults(fsx.OS)
		faults.SetFree(c.free)
		log, _ := mustOpen(t, dir, local.Options{SegmentBytes: size, KeepFree: keep, FS: faults})
		newLedger().write(t, log, 1, 1)
		st, err := os.Stat(filepath.Join(dir, generation("1")))
		require.NoError(t, err)
		allocated := st.Sys().(*syscall.Stat_t).Blocks * 512
		require.Equal(t, c.reserved, allocated >= size, "%d bytes free", c.free)
		require.NoError(t, log.Close())
	}
}

// Only the header of a generation can say that positions were skipped.
func TestARotationThatSkipsIsNotPostponed(t *testing.T) {
	dir, told, faults := fastDir(t), newLedger(), fsx.NewFaults(fsx.OS)
	faults.Inject(fsx.Rule{Kinds: []fsx.Kind{fsx.KindMkdir}, Path: secondGeneration, Err: syscall.ENOSPC})
	log, _ := mustOpen(t, dir, local.Options{FS: faults})
	told.write(t, log, 1, 2)
	require.NoError(t, log.Skip(t.Context(), 100))
	told.write(t, log, 1, 1)
	_, err := log.Last(t.Context())
	require.ErrorIs(t, err, wal.ErrPoisoned)
	require.ErrorIs(t, log.Close(), syscall.ENOSPC)
	log, r := mustOpen(t, dir, local.Options{})
	require.EqualValues(t, 2, r.Last)
	told.check(t, log, 0)
	require.NoError(t, log.Close())
}
