package tidemark

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/segments"
)

// smallDisk mounts a file system of its own of that many bytes.
func smallDisk(t *testing.T, size int64) string {
	dir := t.TempDir()
	err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size))
	if err != nil {
		t.Skipf("no file system can be mounted here: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	return dir
}

// openSmallDisk opens a store for a disk of a few megabytes.
func openSmallDisk(t *testing.T, dir string) *Store {
	s, err := Open(testContext(t), Options{
		Dir: dir, OpenLog: localLogs(fsx.OS), DiskReserve: 512 << 10, Budget: 2 * megabyte, HeadBytes: 256 << 10,
		RetryInterval: 10 * time.Millisecond,
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	s.recovery.Wait()
	return s
}

func createOn(t *testing.T, s *Store) *Collection {
	require.NoError(t, s.Create(testContext(t), "c", CreateSpec{}))
	c, err := s.Collection("c")
	require.NoError(t, err)
	return c
}

// incompressible is a point of about n bytes on disk.
func incompressible(t testing.TB, id uint64, n int) Operation {
	b := make([]byte, n/2)
	_, _ = rand.Read(b)
	return upsert(PointInput{ID: num(id), Payload: object(t, "x", hex.EncodeToString(b))})
}

func writeOne(t *testing.T, c *Collection, ops ...Operation) error {
	_, err := c.Write(testContext(t), ops, WriteOptions{Wait: true})
	return err
}

// fillDisk takes everything that is left and returns what gives it back.
func fillDisk(t *testing.T, dir string) (free func()) {
	name := filepath.Join(dir, "somebody else's")
	f, err := os.Create(name)
	require.NoError(t, err)
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NoError(t, f.Close())
	return func() { require.NoError(t, os.Remove(name)) }
}

// TestFillingADiskEndsInRefusals: writers that write until the disk is full are
// refused and no log fails. What they delete makes room, without anybody else.
func TestFillingADiskEndsInRefusals(t *testing.T) {
	s := openSmallDisk(t, smallDisk(t, 12*megabyte))
	c := createOn(t, s)
	var writers sync.WaitGroup
	var mu sync.Mutex
	written := 0
	for w := range uint64(4) {
		writers.Go(func() {
			refused := 0
			for i := uint64(0); refused < 20; i++ {
				_, err := c.Write(testContext(t), []Operation{incompressible(t, i*4+w, 16<<10)}, WriteOptions{})
				if err != nil {
					if KindOf(err) != Unavailable {
						t.Error(err)
						return
					}
					refused++
					continue
				}
				mu.Lock()
				written++
				mu.Unlock()
			}
		})
	}
	writers.Wait()
	require.Greater(t, written, 200)
	require.Equal(t, written, mustView(t, c).Count())
	_, err := c.log.Last(testContext(t))
	require.NoError(t, err, "the log is well")
	require.Positive(t, s.Space().Free)

	var ids []segments.PointID
	for i := range uint64(10_000) {
		if i%4 != 0 {
			ids = append(ids, num(i))
		}
	}
	// What is in memory needs room first: until it is written, deletes are refused too.
	s.relieve()
	require.Eventually(t, func() bool { return writeOne(t, c, &Delete{Selector: Selector{IDs: ids}}) == nil }, time.Minute, 10*time.Millisecond)
	left := mustView(t, c).Count()
	s.relieve()
	require.Eventually(t, func() bool { return writeOne(t, c, incompressible(t, 1, 16<<10)) == nil }, time.Minute, 10*time.Millisecond)
	require.Equal(t, left+1, mustView(t, c).Count())

	before := look(t, s)
	require.NoError(t, s.Close(testContext(t)))
	require.Equal(t, before, look(t, openSmallDisk(t, s.options.Dir)))
}

// TestZeroBytesFree: somebody else takes all that is left. Reads go on, writes are
// refused without harm, and collections can be dropped and aliases changed.
func TestZeroBytesFree(t *testing.T) {
	dir := smallDisk(t, 8*megabyte)
	s := openSmallDisk(t, dir)
	c := createOn(t, s)
	require.NoError(t, s.Create(testContext(t), "d", CreateSpec{}))
	require.NoError(t, writeOne(t, c, incompressible(t, 1, 1000)))
	free := fillDisk(t, dir)
	s.shared.space.forget()
	require.Equal(t, Unavailable, KindOf(writeOne(t, c, incompressible(t, 2, 1000))))
	require.Equal(t, Unavailable, KindOf(writeOne(t, c, &Delete{Selector: Selector{IDs: []segments.PointID{num(1)}}})))
	require.NotNil(t, mustGet(t, mustView(t, c), num(1)))

	require.True(t, s.Space().Reserved)
	require.NoError(t, s.UpdateAliases(testContext(t), []AliasChange{{AliasCreate, "al", "c"}}))
	dropped, err := s.Drop(testContext(t), "d")
	require.NoError(t, err)
	require.True(t, dropped)
	require.False(t, s.Space().Reserved, "it was needed")
	require.NoFileExists(t, filepath.Join(dir, reserveName))

	free()
	s.shared.space.forget()
	require.NoError(t, writeOne(t, c, incompressible(t, 2, 1000)))
	s.shared.space.look()
	require.FileExists(t, filepath.Join(dir, reserveName), "it is kept again")
	require.NoError(t, s.Close(testContext(t)))
	s = openSmallDisk(t, dir)
	require.Equal(t, []string{"c"}, s.Names())
	require.Equal(t, 2, look(t, s)["c"].count)
}

// TestStartWithoutSpace: a store serves reads whatever room there is: after a clean
// close, and after a crash that cut the last write short.
func TestStartWithoutSpace(t *testing.T) {
	for _, c := range []struct {
		name             string
		crashed, reserve bool
	}{
		{"closed", false, true},
		{"crashed", true, true},
		{"closed, without the reserve", false, false},
		{"crashed, without the reserve", true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := smallDisk(t, 8*megabyte)
			s := openSmallDisk(t, dir)
			collection := createOn(t, s)
			for i := range uint64(20) {
				require.NoError(t, writeOne(t, collection, incompressible(t, i, 32<<10)))
			}
			before := look(t, s)
			require.NoError(t, s.Close(testContext(t)))
			if c.crashed {
				tearLog(t, collection.dir)
			}
			if !c.reserve {
				require.NoError(t, os.Remove(filepath.Join(dir, reserveName)))
			}
			free := fillDisk(t, dir)
			s = openSmallDisk(t, dir)
			require.Equal(t, before, look(t, s))
			again, err := s.Collection("c")
			require.NoError(t, err)
			require.Equal(t, Unavailable, KindOf(writeOne(t, again, incompressible(t, 50, 1000))))
			free()
			s.shared.space.forget()
			require.NoError(t, writeOne(t, again, incompressible(t, 50, 1000)))
		})
	}
}

// tearLog makes the log of a collection that was closed look as if it had been
// killed in the middle of a write.
func tearLog(t *testing.T, dir string) {
	require.NoError(t, os.Remove(filepath.Join(dir, logDir, "CLEAN")))
	generations, err := filepath.Glob(filepath.Join(dir, logDir, "0*", "0*"))
	require.NoError(t, err)
	f, err := os.OpenFile(generations[len(generations)-1], os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	_, err = f.WriteString("cut short")
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

// TestReserveIsGivenForTheCatalogAndManifests stages a full disk at the moment of
// the change.
func TestReserveIsGivenForTheCatalogAndManifests(t *testing.T) {
	for _, path := range []string{"catalog-", "manifest-", "deletes-"} {
		s, c, _, faults := openSpacious(t)
		mustWrite(t, c, kilobytes(t, 1, 1), kilobytes(t, 2, 1))
		require.NoError(t, checkpointNow(testContext(t), c))
		mustWrite(t, c, kilobytes(t, 1, 1))
		faults.Inject(fsx.Rule{Kinds: []fsx.Kind{fsx.KindWrite}, Path: path, Times: 1, Short: 5, Err: syscall.ENOSPC})
		if path == "catalog-" {
			require.NoError(t, s.UpdateAliases(testContext(t), []AliasChange{{AliasCreate, "al", "c"}}))
		} else {
			require.NoError(t, checkpointNow(testContext(t), c))
		}
		require.False(t, s.Space().Reserved, path)
		faults.Inject(fsx.Rule{Kinds: []fsx.Kind{fsx.KindAllocate}, Path: reserveName, Err: syscall.ENOSPC})
		s.shared.space.look()
		require.False(t, s.Space().Reserved)
		require.NoFileExists(t, filepath.Join(s.options.Dir, reserveName), "half of it is of no use")
		faults.Clear()
		s.shared.space.look()
		require.True(t, s.Space().Reserved)

		before := look(t, s)
		require.NoError(t, s.Close(testContext(t)))
		again, err := openOnFiles(t, s.options.Dir, fsx.OS)
		require.NoError(t, err)
		require.Equal(t, before, look(t, again))
		require.NoError(t, again.Close(testContext(t)))
	}
}
