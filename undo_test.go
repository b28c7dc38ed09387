package tidemark

import (
	"context"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/wal"
	"github.com/tidemark-db/tidemark/wal/waltest"
)

// restoredCollection returns a store whose collection "c" held point 1, then
// point 2 as well, and was restored to the former.
func restoredCollection(t testing.TB, o Options) (*Store, *Collection) {
	s, err := Open(testContext(t), o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	require.NoError(t, s.Create(testContext(t), "c", CreateSpec{}))
	c, err := s.Collection("c")
	require.NoError(t, err)
	mustWrite(t, c, upsert(PointInput{ID: num(1)}))
	snap, err := takeCopy(t, testContext(t), s, "c")
	require.NoError(t, err)
	mustWrite(t, c, upsert(PointInput{ID: num(2)}))
	require.NoError(t, restoreCopy(testContext(t), s, "c", snap))
	return s, mustCollection(t, s, "c")
}

func mustCollection(t testing.TB, s *Store, name string) *Collection {
	c, err := s.Collection(name)
	require.NoError(t, err)
	return c
}

func mustUndo(t testing.TB, s *Store) SetAside {
	out, err := s.Undo(testContext(t), "c", uuid.Nil)
	require.NoError(t, err)
	return out
}

// testClock is a clock that stands still, at a number of seconds.
type testClock struct{ seconds atomic.Int64 }

func (c *testClock) set(seconds int64) { c.seconds.Store(seconds) }
func (c *testClock) time() time.Time   { return time.Unix(c.seconds.Load(), 0) }

func memoryOptions(t testing.TB) Options {
	return Options{Dir: t.TempDir(), OpenLog: newMemoryLogs().open}
}

func TestUndoSwapsBackAndForth(t *testing.T) {
	o := memoryOptions(t)
	s, restored := restoredCollection(t, o)
	first := restored.ID()
	begun := restored.applied.position()
	mustWrite(t, restored, upsert(PointInput{ID: num(7)}, PointInput{ID: num(3)}))
	last := mustWrite(t, restored, &Delete{Selector: Selector{IDs: []segments.PointID{num(1), num(7)}}})[0].Position

	preview, err := s.PreviewUndo(testContext(t), "c")
	require.NoError(t, err)
	require.Equal(t, begun, preview.After)
	require.Equal(t, last, preview.Through)
	require.EqualValues(t, 2, preview.Writes)
	require.Equal(t, []segments.PointID{num(7), num(3), num(1)}, preview.IDs)

	_, err = s.Undo(testContext(t), "c", uuid.New())
	require.ErrorIs(t, err, errChanged)
	out, err := s.Undo(testContext(t), "c", preview.Previous)
	require.NoError(t, err)
	require.Equal(t, preview.IDs, out.IDs)
	require.Equal(t, first, out.Previous, "what was replaced can be brought back")

	back := mustCollection(t, s, "c")
	require.Equal(t, preview.Previous, back.ID())
	require.Equal(t, []uint64{1, 2}, idsOf(t, back))
	p := mustWrite(t, restored, upsert(PointInput{ID: num(9)}))[0].Position
	require.Greater(t, p, last, "who holds the old handle writes to what was brought back, above all positions")
	out = mustUndo(t, s)
	require.Equal(t, []segments.PointID{num(9)}, out.IDs)
	require.EqualValues(t, 1, out.Writes)
	require.Equal(t, []uint64{3}, idsOf(t, mustCollection(t, s, "c")))

	require.NoError(t, s.Close(testContext(t)))
	s = openTestStoreWith(t, o)
	require.Equal(t, []uint64{3}, idsOf(t, mustCollection(t, s, "c")))
	require.Zero(t, mustUndo(t, s).Writes, "previous survives a restart")
	require.Equal(t, []uint64{1, 2, 9}, idsOf(t, mustCollection(t, s, "c")))
}

func openTestStoreWith(t testing.TB, o Options) *Store {
	s, err := Open(testContext(t), o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	s.recovery.Wait()
	return s
}

func idsOf(t testing.TB, c *Collection) []uint64 {
	v := mustView(t, c)
	require.NoError(t, prove(v))
	var ids []uint64
	scan := v.Scan(segments.PointID{})
	for scan.Next() {
		ids = append(ids, scan.Row().ID().Number())
	}
	require.NoError(t, scan.Err())
	return ids
}

// TestWritesSinceARestoreSurviveEverything: what an undo would set aside is told
// the same after checkpoints, replays and restarts, and stops at 100 ids.
func TestWritesSinceARestoreSurviveEverything(t *testing.T) {
	o := memoryOptions(t)
	s, c := restoredCollection(t, o)
	var want []segments.PointID
	for i := range uint64(segments.SinceIDs + 20) {
		mustWrite(t, c, upsert(PointInput{ID: num(1000 - i)}, PointInput{ID: num(1)}))
		want = append(want, num(1000-i))
		if i == 0 {
			want = append(want, num(1))
		}
		if i == 30 {
			require.NoError(t, checkpointNow(testContext(t), c))
		}
		if i == 10 || i == 60 {
			require.NoError(t, s.Close(testContext(t)))
			s = openTestStoreWith(t, o)
			c = mustCollection(t, s, "c")
		}
	}
	got, err := s.PreviewUndo(testContext(t), "c")
	require.NoError(t, err)
	require.Equal(t, want[:segments.SinceIDs], got.IDs)
	require.EqualValues(t, segments.SinceIDs+20, got.Writes)
	got.IDs[0] = num(5) // it is the caller's
	require.Equal(t, want[:segments.SinceIDs], mustUndo(t, s).IDs)
}

func TestNothingToUndo(t *testing.T) {
	s, c, _ := newTestCollection(t)
	mustWrite(t, c, upsert(PointInput{ID: num(1)}))
	_, err := s.Undo(testContext(t), "c", uuid.Nil)
	require.Equal(t, NotFound, KindOf(err))
	_, err = s.PreviewUndo(testContext(t), "none")
	require.EqualError(t, err, "Collection `none` doesn't exist!")
	snap, err := takeCopy(t, testContext(t), s, "c")
	require.NoError(t, err)
	require.NoError(t, restoreCopy(testContext(t), s, "new", snap))
	_, err = s.PreviewUndo(testContext(t), "new")
	require.Equal(t, NotFound, KindOf(err), "a restore that replaced nothing cannot be undone")
}

func TestUndoOfACollectionThatCannotBeOpened(t *testing.T) {
	o := memoryOptions(t)
	openLog := o.OpenLog
	s, c := restoredCollection(t, o)
	begun := c.applied.position()
	last := mustWrite(t, c, upsert(PointInput{ID: num(5)}))[0].Position
	broken := c.ID().String()
	require.NoError(t, s.Close(testContext(t)))
	o.OpenLog = func(lo LogOptions) (wal.Log, error) {
		if filepath.Base(filepath.Dir(lo.Dir)) == broken {
			return nil, os.ErrPermission
		}
		return openLog(lo)
	}
	s = openTestStoreWith(t, o)
	_, err := s.Collection("c")
	require.Equal(t, Unavailable, KindOf(err))
	replaced := s.catalog.Entries()["c"].Previous.Last
	require.Equal(t, begun-1, replaced)
	out := mustUndo(t, s)
	require.Zero(t, out.Through, "nobody knows")
	require.Equal(t, []uint64{1, 2}, idsOf(t, mustCollection(t, s, "c")))
	next := mustWrite(t, mustCollection(t, s, "c"), upsert(PointInput{ID: num(1)}))[0].Position
	require.Greater(t, next, last)
	require.Greater(t, next, replaced+unknownLast, "as many may have been given out since")

	// The other way round: what cannot be opened is not brought back.
	_, err = s.Undo(testContext(t), "c", uuid.Nil)
	require.Equal(t, Unavailable, KindOf(err))
	require.ErrorIs(t, err, os.ErrPermission)
	require.Equal(t, []uint64{1, 2}, idsOf(t, mustCollection(t, s, "c")))
}

func TestPreviousStateGoesWhenItsTimeIsOver(t *testing.T) {
	o := memoryOptions(t)
	var now testClock
	now.set(1_000_000)
	o.Now = now.time
	var fails atomic.Bool // the housekeeper may be looking, too
	o.FS = &syncDirFault{FS: fsx.OS, armed: func(string) bool { return fails.Load() }}
	s, c := restoredCollection(t, o)
	p, ok := s.Previous("c")
	require.True(t, ok)
	require.Equal(t, now.time().Add(time.Hour).UTC(), p.Until)
	dir := s.dir(p.ID)

	now.set(1_000_000 + 3599)
	wait, due := s.tidy()
	require.True(t, due)
	require.Equal(t, time.Second, wait)
	require.DirExists(t, dir)
	fails.Store(true)
	now.set(1_000_000 + 3600)
	wait, due = s.tidy()
	require.True(t, due)
	require.Equal(t, forgetRetry, wait)
	require.DirExists(t, dir, "the catalog names it still")
	fails.Store(false)
	_, due = s.tidy()
	require.False(t, due)
	require.NoDirExists(t, dir)
	_, err := s.Undo(testContext(t), "c", uuid.Nil)
	require.Equal(t, NotFound, KindOf(err))
	require.Equal(t, []uint64{1}, idsOf(t, c))
}

func TestPreviousStateGoesAtStart(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"its time is over":     func(o *Options) { o.Now = func() time.Time { return time.Now().Add(2 * time.Hour) } },
		"nothing is kept":      func(o *Options) { o.UndoRetention = -1 },
		"it takes too much":    func(o *Options) { o.UndoBytes = 1 },
		"a little more than 0": func(o *Options) { o.UndoBytes = 1; o.UndoRetention = time.Minute },
	} {
		t.Run(name, func(t *testing.T) {
			o := memoryOptions(t)
			s, c := restoredCollection(t, o)
			mustUndo(t, s)
			mustWrite(t, c, upsert(PointInput{ID: num(3)}))
			require.NoError(t, checkpointNow(testContext(t), mustCollection(t, s, "c")))
			mustUndo(t, s) // the previous one has files now
			require.NoError(t, s.Close(testContext(t)))
			change(&o)
			s = openTestStoreWith(t, o)
			require.Eventually(t, func() bool { _, ok := s.Previous("c"); return !ok }, time.Minute, time.Millisecond)
			s.changing.Lock() // the housekeeper has let go of it
			requireNothingUnnamed(t, s)
			s.changing.Unlock()
		})
	}
}

func TestBytesOfPreviousStatesAreBounded(t *testing.T) {
	o := memoryOptions(t)
	var now testClock
	now.set(100)
	o.Now = now.time
	s, _ := restoredCollection(t, o)
	s.changing.Lock() // the housekeeper waits
	defer s.changing.Unlock()
	require.Empty(t, s.surplus(s.allKept()))
	all := []kept{{"a", &PreviousEntry{Until: 101}, 10}, {"b", &PreviousEntry{Until: 102}, 10}, {"c", &PreviousEntry{Until: 103}, 10}}
	for limit, goes := range map[int64]int{30: 0, 29: 1, 20: 1, 19: 2, 10: 2, 9: 3} {
		s.options.UndoBytes = limit
		require.Len(t, s.surplus(all), goes, "limit %d", limit)
	}
	now.set(102)
	s.options.UndoBytes = 30
	require.Len(t, s.surplus(all), 2)
}

func TestStatsCountThePreviousState(t *testing.T) {
	dir := t.TempDir()
	s, c := restoredCollection(t, Options{Dir: dir, OpenLog: localLogs(fsx.OS)})
	st, err := c.Stats(testContext(t))
	require.NoError(t, err)
	p, _ := s.Previous("c")
	require.Positive(t, st.PreviousBytes)
	require.Equal(t, p.Bytes, st.PreviousBytes)
	require.NoError(t, s.Close(testContext(t)))
	s = openTestStoreWith(t, Options{Dir: dir, OpenLog: localLogs(fsx.OS)})
	s.tidy() // or the housekeeper, whoever is first
	st, err = mustCollection(t, s, "c").Stats(testContext(t))
	require.NoError(t, err)
	require.Equal(t, p.Bytes, st.PreviousBytes)
}

// TestPreviousTellsWhereItStands: what an undo would bring back is known without
// opening it, also after a restart.
func TestPreviousTellsWhereItStands(t *testing.T) {
	o := memoryOptions(t)
	fences := &fences{}
	o.Observer = fences
	s, restored := restoredCollection(t, o)
	p, ok := s.Previous("c")
	require.True(t, ok)
	require.Equal(t, 2, p.Count)
	require.Less(t, p.Position, restored.applied.position())
	at := mustWrite(t, restored, upsert(PointInput{ID: num(5)}, PointInput{ID: num(6)}))[0].Position
	mustUndo(t, s)
	require.Equal(t, []uint64{1, 2}, idsOf(t, mustCollection(t, s, "c")))
	require.Equal(t, []string{"c", "c"}, fences.names, "the restore's and the undo's")

	require.NoError(t, s.Close(testContext(t)))
	s = openTestStoreWith(t, o)
	p, ok = s.Previous("c")
	require.True(t, ok)
	require.Equal(t, 3, p.Count)
	require.Equal(t, at, p.Position)
}

// fences notes who was fenced.
type fences struct {
	noObserver
	names []string
}

func (f *fences) Fenced(name string, _ time.Duration) { f.names = append(f.names, name) }

// TestAFenceThatFailsIsToldToo: writes waited for it as well.
func TestAFenceThatFailsIsToldToo(t *testing.T) {
	o := memoryOptions(t)
	openLog, fail, fences := o.OpenLog, false, &fences{}
	o.Observer = fences
	o.OpenLog = func(lo LogOptions) (wal.Log, error) {
		if fail {
			return nil, os.ErrPermission
		}
		return openLog(lo)
	}
	s := openTestStoreWith(t, o)
	createWith(t, s, "c", 1)
	snap, err := takeCopy(t, testContext(t), s, "c")
	require.NoError(t, err)
	fail = true
	require.ErrorIs(t, restoreCopy(testContext(t), s, "c", snap), os.ErrPermission)
	require.Equal(t, []string{"c"}, fences.names)
	mustWrite(t, mustCollection(t, s, "c"), upsert(PointInput{ID: num(2)}))
}

// TestAStateThatIsTooLargeIsNotPromised: nobody is told that a restore can be
// undone if what it replaced must go at once.
func TestAStateThatIsTooLargeIsNotPromised(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"too large":     func(o *Options) { o.UndoBytes = 1 },
		"none are kept": func(o *Options) { o.UndoRetention = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			o := Options{Dir: t.TempDir(), OpenLog: localLogs(fsx.OS)}
			change(&o)
			s, c := restoredCollection(t, o)
			_, ok := s.Previous("c")
			require.False(t, ok)
			requireNothingUnnamed(t, s)
			require.Equal(t, []uint64{1}, idsOf(t, c))
		})
	}
}

// TestOnePreviousStateIsKept: restore over what was restored, and drop, leave
// nothing behind.
func TestOnePreviousStateIsKept(t *testing.T) {
	s, c := restoredCollection(t, memoryOptions(t))
	snap, err := takeCopy(t, testContext(t), s, "c")
	require.NoError(t, err)
	mustWrite(t, c, upsert(PointInput{ID: num(8)}))
	require.NoError(t, restoreCopy(testContext(t), s, "c", snap))
	requireNothingUnnamed(t, s)
	mustUndo(t, s)
	require.Equal(t, []uint64{1, 8}, idsOf(t, mustCollection(t, s, "c")))
	_, err = s.Drop(testContext(t), "c")
	require.NoError(t, err)
	requireNothingUnnamed(t, s)
	require.NoError(t, s.Create(testContext(t), "c", CreateSpec{}))
	_, err = s.Undo(testContext(t), "c", uuid.Nil)
	require.Equal(t, NotFound, KindOf(err), "a new collection of the name has no previous state")
}

// TestDropWhileAnUndoReplays: the undo finds the name gone, and takes what it had
// opened with it.
func TestDropWhileAnUndoReplays(t *testing.T) {
	for name, meanwhile := range map[string]func(*testing.T, *Store){
		"drop": func(t *testing.T, s *Store) { _, err := s.Drop(testContext(t), "c"); require.NoError(t, err) },
		"retention": func(t *testing.T, s *Store) {
			s.changing.Lock()
			s.options.UndoBytes = -1
			s.changing.Unlock()
			s.tidy()
		},
		"another undo": func(t *testing.T, s *Store) {
			_, err := s.Undo(testContext(t), "c", uuid.Nil)
			require.Equal(t, Unavailable, KindOf(err))
			_, err = s.Drop(testContext(t), "c")
			require.NoError(t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := memoryOptions(t)
			openLog, opened, hold := o.OpenLog, make(chan struct{}, 10), make(chan struct{}, 10)
			o.OpenLog = func(lo LogOptions) (wal.Log, error) {
				opened <- struct{}{}
				<-hold
				return openLog(lo)
			}
			hold <- struct{}{} // create
			hold <- struct{}{} // restore, first record
			hold <- struct{}{} // restore
			s, _ := restoredCollection(t, o)
			for range 3 {
				<-opened
			}
			done := make(chan error, 1)
			go func() { _, err := s.Undo(context.Background(), "c", uuid.Nil); done <- err }()
			<-opened
			previous, _ := s.Previous("c")
			meanwhile(t, s)
			_, gone := os.Stat(s.dir(previous.ID))
			hold <- struct{}{}
			err := <-done
			require.NoError(t, gone, "it was open")
			require.Len(t, s.shared.budget.usage, len(s.Names()), "it is closed")
			if name == "retention" {
				require.Equal(t, NotFound, KindOf(err))
			} else {
				require.ErrorIs(t, err, errChanged)
			}
			require.NoDirExists(t, s.dir(previous.ID))
			requireNothingUnnamed(t, s)
			require.Empty(t, s.reviving)
		})
	}
}

// TestUndoAfterCrashAnywhere: whatever a power failure during a restore or an
// undo leaves, the present state and the previous one are those of before or
// after, and can be exchanged.
func TestUndoAfterCrashAnywhere(t *testing.T) {
	dir := memoryDir(t)
	rec, err := fsx.NewRecorder(fsx.OS, dir)
	require.NoError(t, err)
	s, err := openOnFiles(t, dir, rec)
	require.NoError(t, err)
	require.NoError(t, s.Create(testContext(t), "c", CreateSpec{}))
	mustWrite(t, mustCollection(t, s, "c"), upsert(PointInput{ID: num(1)}))
	snap, err := takeCopy(t, testContext(t), s, "c")
	require.NoError(t, err)
	mustWrite(t, mustCollection(t, s, "c"), upsert(PointInput{ID: num(2)}))
	require.NoError(t, restoreCopy(testContext(t), s, "c", snap))
	last := mustWrite(t, mustCollection(t, s, "c"), upsert(PointInput{ID: num(3)}))[0].Position
	from := rec.Len()
	mustUndo(t, s)
	undone := rec.Len()
	mustUndo(t, s)
	require.NoError(t, s.Close(testContext(t)))

	original, restored := []uint64{1, 2}, []uint64{1, 3}
	for crash := range fsx.CrashStates(rec) {
		if crash.After < from {
			continue
		}
		clone := memoryDir(t)
		require.NoError(t, crash.LayOut(clone))
		s, err := openOnFiles(t, clone, fsx.OS)
		require.NoError(t, err)
		present := idsOf(t, mustCollection(t, s, "c"))
		require.Contains(t, [][]uint64{original, restored}, present)
		if crash.After == undone {
			require.Equal(t, original, present)
		}
		mustUndo(t, s)
		other := idsOf(t, mustCollection(t, s, "c"))
		require.ElementsMatch(t, [][]uint64{original, restored}, [][]uint64{present, other})
		require.Greater(t, mustWrite(t, mustCollection(t, s, "c"), upsert(PointInput{ID: num(1)}))[0].Position, last)
		requireNothingUnnamed(t, s)
		require.NoError(t, s.Close(testContext(t)))
		require.NoError(t, os.RemoveAll(clone))
	}
}

func TestNothingIsKeptWithoutRetention(t *testing.T) {
	o := memoryOptions(t)
	o.UndoRetention = -1
	s, _ := restoredCollection(t, o)
	_, ok := s.Previous("c")
	require.False(t, ok)
	_, err := s.Undo(testContext(t), "c", uuid.Nil)
	require.Equal(t, NotFound, KindOf(err))
	requireNothingUnnamed(t, s)
}

// TestUndoNeedsTheLog: a previous state whose files somebody has removed is not
// taken for an empty collection.
func TestUndoNeedsTheLog(t *testing.T) {
	o := memoryOptions(t)
	s, c := restoredCollection(t, o)
	previous, ok := s.Previous("c")
	require.True(t, ok)
	require.NoError(t, s.Close(testContext(t)))
	openLog := o.OpenLog
	o.OpenLog = func(lo LogOptions) (wal.Log, error) {
		if filepath.Base(filepath.Dir(lo.Dir)) == previous.ID.String() {
			return waltest.NewMemory(lo.Base), nil
		}
		return openLog(lo)
	}
	s = openTestStoreWith(t, o)
	_, err := s.Undo(testContext(t), "c", uuid.Nil)
	require.ErrorIs(t, err, errNoLog)
	require.Equal(t, c.ID(), mustCollection(t, s, "c").ID())
	require.Equal(t, []uint64{1}, idsOf(t, mustCollection(t, s, "c")))
}

// stuckLog has records that never come.
type stuckLog struct {
	wal.Log
	begun chan<- struct{}
}

func (l *stuckLog) Tail(ctx context.Context, after wal.Position) (wal.Reader, error) {
	r, err := l.Log.Tail(ctx, after)
	return &stuckReader{r, l.begun}, err
}

type stuckReader struct {
	wal.Reader
	begun chan<- struct{}
}

func (r *stuckReader) Next(ctx context.Context) ([]wal.Record, error) {
	close(r.begun)
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestCloseEndsAnUndo: the store does not wait until the log of the previous state
// is replayed.
func TestCloseEndsAnUndo(t *testing.T) {
	o := memoryOptions(t)
	s, _ := restoredCollection(t, o)
	previous, _ := s.Previous("c")
	require.NoError(t, s.Close(testContext(t)))
	openLog, begun := o.OpenLog, make(chan struct{})
	o.OpenLog = func(lo LogOptions) (wal.Log, error) {
		log, err := openLog(lo)
		if filepath.Base(filepath.Dir(lo.Dir)) == previous.ID.String() {
			log = &stuckLog{log, begun}
		}
		return log, err
	}
	s = openTestStoreWith(t, o)
	done := make(chan error, 1)
	go func() { _, err := s.Undo(context.Background(), "c", uuid.Nil); done <- err }()
	<-begun
	require.NoError(t, s.Close(testContext(t)))
	require.Equal(t, Unavailable, KindOf(<-done))
}
