package tidemark

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/segments"
)

// askedFS counts how often the disk is asked for its free room.
type askedFS struct {
	fsx.FS
	free  int64
	asked int
	err   error
}

func (f *askedFS) FreeBytes(string) (int64, error) {
	f.asked++
	return f.free, f.err
}

func newTestSpace(t *testing.T, fsys *askedFS, reserve, pending int64) (*space, *time.Time) {
	now := time.Unix(1, 0)
	s := newSpace(Options{FS: fsys, Dir: t.TempDir(), DiskReserve: reserve, Logger: slog.New(slog.DiscardHandler)}, func() int64 { return pending })
	s.now = func() time.Time { return now }
	return s, &now
}

// TestWatermarksAreInOrder: what can wait longest is refused first, and all but
// checkpoints leave room for what is in memory.
func TestWatermarksAreInOrder(t *testing.T) {
	for _, c := range []struct {
		free int64
		open []Work
	}{
		{450, []Work{WorkStaging, WorkMerge, WorkWrite, WorkDelete, WorkCheckpoint}},
		{449, []Work{WorkMerge, WorkWrite, WorkDelete, WorkCheckpoint}},
		{349, []Work{WorkWrite, WorkDelete, WorkCheckpoint}},
		{249, []Work{WorkDelete, WorkCheckpoint}},
		{149, []Work{WorkCheckpoint}},
		{49, nil},
	} {
		s, _ := newTestSpace(t, &askedFS{free: c.free}, 100, 50)
		var open []Work
		for w := range works {
			if s.admit(w, 0) == nil {
				open = append(open, w)
			}
		}
		require.Equal(t, c.open, open, "%d bytes free", c.free)
		for _, mark := range s.describe().Watermarks {
			require.Equal(t, mark.Open, mark.Refused == 0, mark.Work)
		}
	}
}

// TestDiskIsAskedSeldom: what was let in counts as taken until the disk is asked
// again, which a refusal waits for only so often.
func TestDiskIsAskedSeldom(t *testing.T) {
	fsys := &askedFS{free: 1000}
	s, now := newTestSpace(t, fsys, 100, 0)
	for range 80 {
		require.NoError(t, s.admit(WorkWrite, 10))
	}
	require.Equal(t, 1, fsys.asked)
	for range 100 {
		require.Error(t, s.admit(WorkWrite, 10))
	}
	require.Equal(t, 1, fsys.asked, "the news is fresh")
	*now = now.Add(freshness)
	require.NoError(t, s.admit(WorkWrite, 10), "less was taken than was let in")
	require.Equal(t, 2, fsys.asked)
	fsys.free = 0
	require.NoError(t, s.admit(WorkWrite, 10))
	*now = now.Add(staleness)
	require.Error(t, s.admit(WorkWrite, 10))
	require.Equal(t, 3, fsys.asked)
}

func TestADiskThatDoesNotTellRefusesNothing(t *testing.T) {
	fsys := &askedFS{err: syscall.EIO}
	s, _ := newTestSpace(t, fsys, 100, 0)
	require.NoError(t, s.admit(WorkStaging, 1<<40))
	require.False(t, s.describe().Known)
}

// forget lets the disk be asked at once.
func (s *space) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = time.Time{}
}

const megabyte = 1 << 20

// spacious are the options of a store on a disk of which the test says how much
// is free.
func spacious(t *testing.T) (Options, *fsx.Faults) {
	faults := fsx.NewFaults(fsx.OS)
	return Options{
		Dir: t.TempDir(), FS: faults, OpenLog: localLogs(fsx.OS), DiskReserve: megabyte, RetryInterval: time.Millisecond,
		Observer: &merges{ended: make(chan error, 100)},
	}, faults
}

func openSpacious(t *testing.T) (*Store, *Collection, func(free int64), *fsx.Faults) {
	o, faults := spacious(t)
	s, err := Open(testContext(t), o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	require.NoError(t, s.Create(testContext(t), "c", CreateSpec{}))
	c, err := s.Collection("c")
	require.NoError(t, err)
	return s, c, func(free int64) { faults.SetFree(free); s.shared.space.forget() }, faults
}

// TestWritesAreRefusedBeforeTheDiskIsFull: nothing of a refused write is in the log,
// deletes go on longer, and all goes on by itself when there is room.
func TestWritesAreRefusedBeforeTheDiskIsFull(t *testing.T) {
	s, c, setFree, _ := openSpacious(t)
	mustWrite(t, c, kilobytes(t, 1, 1), kilobytes(t, 2, 1))
	remove := func(id uint64) Operation {
		return &Delete{Selector: Selector{IDs: []segments.PointID{num(id)}}}
	}
	do := func(ops ...Operation) error {
		_, err := c.Write(testContext(t), ops, WriteOptions{Wait: true})
		return err
	}
	last, err := c.log.Last(testContext(t))
	require.NoError(t, err)

	setFree(2*megabyte - 1)
	err = do(kilobytes(t, 3, 1))
	require.Equal(t, Unavailable, KindOf(err))
	require.EqualError(t, err, "the disk of the storage directory is almost full: 1 MiB are free, a write needs 3 MiB; delete points, collections or snapshots, or make the disk larger")
	require.Error(t, do(remove(1), kilobytes(t, 3, 1)))
	require.Equal(t, Unavailable, KindOf(s.Create(testContext(t), "d", CreateSpec{})))
	change := func(ch ConfigChange) error {
		_, err := c.Configure(testContext(t), func(*Config) (ConfigChange, error) { return ch, nil }, WriteOptions{})
		return err
	}
	require.Equal(t, Unavailable, KindOf(change(ConfigChange{Settings: []byte(`{}`)})))
	after, err := c.log.Last(testContext(t))
	require.NoError(t, err)
	require.Equal(t, last, after)

	require.NoError(t, change(ConfigChange{DropIndexes: []string{"x"}}))
	require.NoError(t, do(remove(1)))
	setFree(megabyte - 1)
	require.Equal(t, Unavailable, KindOf(do(remove(2))))
	require.Equal(t, 1, mustView(t, c).Count(), "reads go on")

	setFree(4 * megabyte)
	require.NoError(t, do(kilobytes(t, 3, 1)))
	require.Equal(t, 2, mustView(t, c).Count())
	marks := s.Space().Watermarks
	require.EqualValues(t, 4, marks[WorkWrite].Refused)
	require.EqualValues(t, 1, marks[WorkDelete].Refused)
}

// TestMergesWaitForRoom: a merge that gives little back is put off while the disk
// fills, one that drops what was deleted is not.
func TestMergesWaitForRoom(t *testing.T) {
	s, c, setFree, _ := openSpacious(t)
	setFree(2*megabyte + megabyte/2)
	for i := range uint64(5) {
		mustWrite(t, c, kilobytes(t, i, 1))
		require.NoError(t, checkpointNow(testContext(t), c))
	}
	require.Eventually(t, func() bool { return s.Space().Watermarks[WorkMerge].Refused > 0 }, time.Minute, time.Millisecond)
	stats, err := c.Stats(testContext(t))
	require.NoError(t, err)
	require.Equal(t, 5, stats.Segments)

	mustWrite(t, c, &Delete{Selector: Selector{IDs: []segments.PointID{num(0), num(1)}}}, kilobytes(t, 9, 1))
	require.NoError(t, checkpointNow(testContext(t), c))
	require.NoError(t, <-s.options.Observer.(*merges).ended)
	require.Equal(t, 4, mustView(t, c).Count())
}

// TestDeadRowsGiveRoomStepByStep: where there is no room to merge all that is due,
// a segment of which much is dead is written anew.
func TestDeadRowsGiveRoomStepByStep(t *testing.T) {
	s, c, setFree, _ := openSpacious(t)
	setFree(2*megabyte + megabyte/2)
	mustWrite(t, c, kilobytes(t, 0, 1), kilobytes(t, 100, 1))
	require.NoError(t, checkpointNow(testContext(t), c))
	for i := range uint64(5) {
		mustWrite(t, c, kilobytes(t, 1+i, 1))
		require.NoError(t, checkpointNow(testContext(t), c))
	}
	mustWrite(t, c, &Delete{Selector: Selector{IDs: []segments.PointID{num(100)}}})
	require.NoError(t, checkpointNow(testContext(t), c))
	ended := s.options.Observer.(*merges).ended
	require.Eventually(t, func() bool { return len(ended) == 1 }, time.Minute, time.Millisecond)
	require.NoError(t, <-ended)
	stats, err := c.Stats(testContext(t))
	require.NoError(t, err)
	require.Equal(t, 6, stats.Segments)
	require.Equal(t, 6, mustView(t, c).Count())
}

// TestPreviousStatesGoBeforeWritesAreRefused: what is kept for undo gives way while
// there is still room for writes, the oldest first and no more than is needed.
func TestPreviousStatesGoBeforeWritesAreRefused(t *testing.T) {
	o, faults := spacious(t)
	s, c := restoredCollection(t, o)
	setFree := func(free int64) { faults.SetFree(free); s.shared.space.forget() }
	level := s.shared.space.watermark(WorkMerge)
	until := func(in time.Duration) *PreviousEntry { return &PreviousEntry{Until: time.Now().Add(in).Unix()} }
	all := []kept{{"a", until(time.Hour), 10}, {"b", until(2 * time.Hour), 10}, {"c", until(3 * time.Hour), 10}}
	s.changing.Lock() // the housekeeper waits
	for missing, goes := range map[int64]int{0: 0, 1: 1, 10: 1, 11: 2, 30: 3, 1000: 3} {
		setFree(level - missing)
		require.Len(t, s.surplus(all), goes, "%d bytes are missing", missing)
	}
	p, ok := s.Previous("c")
	require.True(t, ok)
	select {
	case <-s.tidyUp: // the restore was a reason to look
	default:
	}
	setFree(level - 1)
	require.Eventually(t, func() bool { return len(s.tidyUp) == 1 }, time.Minute, time.Millisecond, "it is woken")
	s.changing.Unlock()
	require.Eventually(t, func() bool { return s.Space().GivenUp == 1 }, time.Minute, time.Millisecond)
	s.changing.Lock() // the housekeeper has let go of it
	require.NoDirExists(t, s.dir(p.ID))
	s.changing.Unlock()
	mustWrite(t, c, kilobytes(t, 3, 1))
	_, ok = s.Previous("c")
	require.False(t, ok)
}

// TestMergeWork tells merges by what they give back.
func TestMergeWork(t *testing.T) {
	entry := func(name string, dead int) segments.SegmentEntry {
		return segments.SegmentEntry{FileInfo: segments.FileInfo{Name: name, Size: 1000}, Rows: 100, Dead: dead}
	}
	entries := []segments.SegmentEntry{entry("a", 0), entry("b", 19), entry("c", 21), entry("d", 100)}
	for _, c := range []struct {
		names []string
		work  Work
		bytes int64
	}{
		{[]string{"a"}, WorkMerge, 1000},
		{[]string{"b"}, WorkMerge, 810},
		{[]string{"c"}, WorkDelete, 790},
		{[]string{"d"}, WorkDelete, 0},
		{[]string{"a", "d"}, WorkDelete, 1000},
		{[]string{"a", "c"}, WorkMerge, 1790},
	} {
		work, bytes := mergeWork(entries, c.names)
		require.Equal(t, c.work, work, c.names)
		require.Equal(t, c.bytes, bytes, c.names)
	}
}

// TestCheckpointsLeaveTheLastReserve: a checkpoint goes on where writes do not, ends
// before the disk is full, leaves nothing behind, and succeeds later.
func TestCheckpointsLeaveTheLastReserve(t *testing.T) {
	s, c, setFree, _ := openSpacious(t)
	mustWrite(t, c, kilobytes(t, 1, 100))
	setFree(megabyte/2 + 1)
	c.requestCheckpoint()
	require.Eventually(t, func() bool { return s.Space().Watermarks[WorkCheckpoint].Refused > 1 }, time.Minute, time.Millisecond)
	left, err := filepath.Glob(filepath.Join(c.dir, segments.SegmentsDir, "*"))
	require.NoError(t, err)
	require.LessOrEqual(t, len(left), 1, "each attempt removes what it wrote")
	require.Zero(t, c.flushed.position())
	setFree(megabyte)
	require.NoError(t, c.flushed.wait(testContext(t), c.applied.position()))
}

// TestStagingEndsWhenTheDiskFills: room that was there when a snapshot or a restore
// began may be gone later.
func TestStagingEndsWhenTheDiskFills(t *testing.T) {
	s, c, setFree, _ := openSpacious(t)
	mustWrite(t, c, kilobytes(t, 1, 1))
	setFree(4 * megabyte)
	_, err := s.Receive(testContext(t), "d", megabyte)
	require.Equal(t, Unavailable, KindOf(err))
	setFree(6 * megabyte)
	in, err := s.Receive(testContext(t), "d", megabyte)
	require.NoError(t, err)
	fsys := s.StagingFS()
	free, err := fsys.FreeBytes(in.Dir())
	require.NoError(t, err)
	require.InDelta(t, 2*megabyte, free, megabyte/10)
	f, err := fsys.OpenFile(filepath.Join(in.Dir(), "x"), os.O_WRONLY|os.O_CREATE, 0o600)
	require.NoError(t, err)
	_, err = f.Write(make([]byte, 1000))
	require.NoError(t, err)
	setFree(4 * megabyte)
	n, err := f.Write(make([]byte, 1000))
	require.Zero(t, n)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NoError(t, f.Close())
	_, err = takeCopy(t, testContext(t), s, "c")
	require.ErrorIs(t, err, syscall.ENOSPC, "the snapshot is staged on the same disk")
	require.NoError(t, in.Discard())

	if elsewhere, err := os.MkdirTemp("/dev/shm", "tidemark-test-"); err == nil { // another disk
		defer os.RemoveAll(elsewhere)
		f, err := fsys.OpenFile(filepath.Join(elsewhere, "x"), os.O_WRONLY|os.O_CREATE, 0o600)
		require.NoError(t, err)
		_, err = f.Write(make([]byte, 1000))
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
}
