package tidemark

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/wal"
)

// heldRecovery returns a store whose collection "c" recovers until hold is
// closed, and a copy of that collection.
func heldRecovery(t *testing.T) (s *Store, snap copied, hold chan struct{}) {
	dir, logs := t.TempDir(), newMemoryLogs()
	before := openTestStore(t, dir, logs)
	require.NoError(t, before.Create(testContext(t), "c", CreateSpec{}))
	c, err := before.Collection("c")
	require.NoError(t, err)
	mustWrite(t, c, upsert(PointInput{ID: num(1)}))
	snap, err = takeCopy(t, testContext(t), before, "c")
	require.NoError(t, err)
	require.NoError(t, before.Close(testContext(t)))
	hold = make(chan struct{})
	open := func(o LogOptions) (wal.Log, error) {
		<-hold
		return logs.open(o)
	}
	s, err = Open(testContext(t), Options{Dir: dir, OpenLog: open})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	return s, snap, hold
}

// TestNothingIsReplacedWhileItRecovers prevents that what recovers takes the place
// of what was put there meanwhile.
func TestNothingIsReplacedWhileItRecovers(t *testing.T) {
	s, snap, hold := heldRecovery(t)
	_, err := s.Drop(testContext(t), "c")
	require.Equal(t, Unavailable, KindOf(err))
	require.Equal(t, Unavailable, KindOf(restoreCopy(testContext(t), s, "c", snap)))
	close(hold)
	s.recovery.Wait()
	c, err := s.Collection("c")
	require.NoError(t, err)
	require.Equal(t, s.catalog.Entries()["c"].ID, c.ID())
	require.NoError(t, restoreCopy(testContext(t), s, "c", snap))
}

// syncDirFault fails the sync of one directory while it is armed.
type syncDirFault struct {
	fsx.FS
	armed func(dir string) bool
}

func (f *syncDirFault) SyncDir(name string) error {
	if f.armed(name) {
		return syscall.EIO
	}
	return f.FS.SyncDir(name)
}

// TestChangeOfUnknownOutcomeIsOutrun: after a drop whose rename may or may not
// survive, the collection goes on, and what it acknowledges is there after a
// restart.
func TestChangeOfUnknownOutcomeIsOutrun(t *testing.T) {
	dir := t.TempDir()
	faults := fsx.NewFaults(fsx.OS)
	s, err := openOnFiles(t, dir, faults)
	require.NoError(t, err)
	require.NoError(t, s.Create(testContext(t), "c", CreateSpec{}))
	faults.Inject(fsx.Rule{Kinds: []fsx.Kind{fsx.KindSyncDir}, Path: dir, Times: 1})
	_, err = s.Drop(testContext(t), "c")
	require.Error(t, err)
	c, err := s.Collection("c")
	require.NoError(t, err)
	mustWrite(t, c, upsert(PointInput{ID: num(5)}))
	require.NoError(t, s.Close(testContext(t)))

	s, err = openOnFiles(t, dir, fsx.OS)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close(testContext(t))) }()
	require.Equal(t, 1, look(t, s)["c"].count)
}

// TestChangeThatCannotBeSettledStopsWrites: if it cannot be outrun either, nothing
// is acknowledged that the next start might remove.
func TestChangeThatCannotBeSettledStopsWrites(t *testing.T) {
	dir := t.TempDir()
	faults := fsx.NewFaults(fsx.OS)
	s, err := openOnFiles(t, dir, faults)
	require.NoError(t, err)
	require.NoError(t, s.Create(testContext(t), "c", CreateSpec{}))
	c, err := s.Collection("c")
	require.NoError(t, err)
	s.catalog.fsys = &syncDirFault{FS: fsx.OS, armed: func(name string) bool { return name == dir }}
	_, err = s.Drop(testContext(t), "c")
	require.ErrorIs(t, err, fsx.ErrNotDurable)
	_, err = c.Write(testContext(t), []Operation{upsert(PointInput{ID: num(5)})}, WriteOptions{})
	require.Equal(t, Unavailable, KindOf(err))
	require.Zero(t, mustView(t, c).Count(), "it is still read")
	require.NoError(t, s.Close(testContext(t)))
}

// TestRestoreThatCannotBeSettledStopsWrites: the next start may find either of the
// two states. Nothing that it may need is removed, and nothing is acknowledged.
func TestRestoreThatCannotBeSettledStopsWrites(t *testing.T) {
	dir := t.TempDir()
	s, err := openOnFiles(t, dir, fsx.OS)
	require.NoError(t, err)
	createWith(t, s, "c", 1)
	c := mustCollection(t, s, "c")
	snap, err := takeCopy(t, testContext(t), s, "c")
	require.NoError(t, err)
	mustWrite(t, c, upsert(PointInput{ID: num(2)}))
	a := receiveCopy(t, s, "c", snap)
	s.catalog.fsys = &syncDirFault{FS: fsx.OS, armed: func(name string) bool { return name == dir }}
	require.ErrorIs(t, a.Incoming.Install(testContext(t), a.Manifest), fsx.ErrNotDurable)
	_, err = c.Write(testContext(t), []Operation{upsert(PointInput{ID: num(5)})}, WriteOptions{})
	require.Equal(t, Unavailable, KindOf(err))
	require.Equal(t, 2, mustView(t, c).Count(), "it is still read")
	require.NoError(t, a.Incoming.Discard())
	require.DirExists(t, a.Incoming.Dir())
	require.NoError(t, s.Close(testContext(t)))
}

// requireCollectionAfterCrashes opens every state that a crash after the from-th
// operation can leave.
func requireCollectionAfterCrashes(t *testing.T, rec *fsx.Recorder, from int) {
	for crash := range fsx.CrashStates(rec) {
		if crash.After < from {
			continue
		}
		got := lookAfterCrash(t, crash)
		require.Contains(t, got, "c", "crash after operation %d, %s survives", crash.After-from, crash.Survival)
	}
}

// TestSweepWaitsForTheCatalog: the process ends between the rename of a catalog
// and the sync of its directory. The next start must not remove what the catalog
// before names until the newest is sure to survive.
func TestSweepWaitsForTheCatalog(t *testing.T) {
	dir := memoryDir(t)
	rec, err := fsx.NewRecorder(fsx.OS, dir)
	require.NoError(t, err)
	s, err := openOnFiles(t, dir, rec)
	require.NoError(t, err)
	require.NoError(t, s.Create(testContext(t), "c", CreateSpec{}))
	c, err := s.Collection("c")
	require.NoError(t, err)
	mustWrite(t, c, upsert(PointInput{ID: num(1)}))
	snap, err := takeCopy(t, testContext(t), s, "c")
	require.NoError(t, err)
	in, err := s.Receive(testContext(t), "c", 0)
	require.NoError(t, err)
	require.NoError(t, unpackCopy(rec, in.Dir(), snap))
	require.NoError(t, segments.CommitManifest(rec, in.Dir(), snap.manifest))
	before := s.catalog.generation
	s.catalog.fsys = &syncDirFault{FS: rec, armed: func(name string) bool { return name == dir }}
	require.ErrorIs(t, in.Install(testContext(t), snap.manifest), fsx.ErrNotDurable)
	// As if it had ended after the first of the two attempts.
	require.NoError(t, rec.Remove(s.catalog.path(before+2)))
	require.NoError(t, s.Close(testContext(t)))
	from := rec.Len()
	s, err = openOnFiles(t, dir, rec)
	require.NoError(t, err)
	require.NoError(t, s.Create(testContext(t), "d", CreateSpec{}))
	require.NoError(t, s.Close(testContext(t)))
	requireCollectionAfterCrashes(t, rec, from)
}

// TestSweepWaitsForTheManifest is the same for a manifest.
func TestSweepWaitsForTheManifest(t *testing.T) {
	dir := memoryDir(t)
	rec, err := fsx.NewRecorder(fsx.OS, dir)
	require.NoError(t, err)
	s, err := openOnFiles(t, dir, rec)
	require.NoError(t, err)
	require.NoError(t, s.Create(testContext(t), "c", CreateSpec{}))
	c, err := s.Collection("c")
	require.NoError(t, err)
	for i := range uint64(10) {
		mustWrite(t, c, upsert(PointInput{ID: num(i)}))
	}
	require.NoError(t, checkpointNow(testContext(t), c))
	for i := range uint64(5) {
		mustWrite(t, c, upsert(PointInput{ID: num(i)}))
	}
	// The merge is renamed, its name is not synced.
	s.shared.fsys = &syncDirFault{FS: rec, armed: func(name string) bool {
		g, err := segments.ManifestGenerations(fsx.OS, c.dir)
		return err == nil && name == c.dir && len(g) > 0 && g[len(g)-1] >= 3
	}}
	c.requestCheckpoint()
	require.ErrorIs(t, <-s.options.Observer.(*merges).ended, fsx.ErrNotDurable)
	require.NoError(t, s.Close(testContext(t)))
	from := rec.Len()
	s, err = openOnFiles(t, dir, rec)
	require.NoError(t, err)
	c, err = s.Collection("c")
	require.NoError(t, err)
	mustWrite(t, c, upsert(PointInput{ID: num(3)}))
	require.NoError(t, checkpointNow(testContext(t), c))
	require.NoError(t, s.Close(testContext(t)))
	requireCollectionAfterCrashes(t, rec, from)
}

// TestUnfinishedCatalogsGo: what a crash left of one is removed, what is not ours
// stays.
func TestUnfinishedCatalogsGo(t *testing.T) {
	dir := t.TempDir()
	unfinished, other := filepath.Join(dir, "catalog-7.json"+fsx.TempSuffix), filepath.Join(dir, "other"+fsx.TempSuffix)
	for _, name := range []string{unfinished, other} {
		require.NoError(t, os.WriteFile(name, []byte("{"), 0o600))
	}
	s, err := openOnFiles(t, dir, fsx.OS)
	require.NoError(t, err)
	require.NoError(t, s.Close(testContext(t)))
	require.NoFileExists(t, unfinished)
	require.FileExists(t, other)
}

func TestMissingFilesAreNotTakenForNothing(t *testing.T) {
	for _, tc := range []struct {
		name   string
		remove func(t *testing.T, dir string)
		opens  bool
	}{
		{"the log of a collection", func(t *testing.T, dir string) {
			require.NoError(t, os.RemoveAll(filepath.Join(dir, collectionsDir, only(t, filepath.Join(dir, collectionsDir)), logDir)))
		}, true},
		{"every catalog", func(t *testing.T, dir string) {
			names, err := filepath.Glob(filepath.Join(dir, "catalog-*"))
			require.NoError(t, err)
			for _, name := range names {
				require.NoError(t, os.Remove(name))
			}
		}, false},
		{"the newest catalog", func(t *testing.T, dir string) { require.NoError(t, os.Remove(filepath.Join(dir, "catalog-3.json"))) }, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			s, err := openOnFiles(t, dir, fsx.OS)
			require.NoError(t, err)
			require.NoError(t, s.UpdateAliases(testContext(t), []AliasChange{{Kind: AliasDelete, Alias: "none"}}))
			require.NoError(t, s.Create(testContext(t), "c", CreateSpec{}))
			require.NoError(t, s.Close(testContext(t)))
			tc.remove(t, dir)
			s, err = openOnFiles(t, dir, fsx.OS)
			require.Equal(t, tc.opens, err == nil, "%v", err)
			if err == nil {
				_, err = s.Collection("c")
				require.Error(t, err)
				require.NoError(t, s.Close(testContext(t)))
			}
			require.NotEmpty(t, only(t, filepath.Join(dir, collectionsDir)), "nothing is removed")
		})
	}
}

// only returns the name of the only entry of a directory.
func only(t *testing.T, dir string) string {
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	return entries[0].Name()
}

// TestNothingIsAcceptedAfterAHalt: the write has come as far as the order lock
// when the applier stops.
func TestNothingIsAcceptedAfterAHalt(t *testing.T) {
	_, c, logs := newTestCollection(t)
	before, err := logs.only(t).Last(testContext(t))
	require.NoError(t, err)
	require.NoError(t, c.order.exclusive(testContext(t)))
	answers := make(chan error, 2)
	go func() {
		_, err := c.Write(context.Background(), []Operation{upsert(PointInput{ID: num(5)})}, WriteOptions{})
		answers <- err
	}()
	go func() {
		_, err := c.Configure(context.Background(), func(*Config) (ConfigChange, error) { return ConfigChange{Settings: []byte(`{}`)}, nil }, WriteOptions{})
		answers <- err
	}()
	c.applied.fail(&Error{Kind: Unavailable, Text: "halted"})
	c.order.unlockExclusive()
	for range 2 {
		require.EqualError(t, <-answers, "halted")
	}
	after, err := logs.only(t).Last(testContext(t))
	require.NoError(t, err)
	require.Equal(t, before, after)
}

func TestAfterTheEnd(t *testing.T) {
	s, c, _ := newTestCollection(t)
	mustWrite(t, c, upsert(PointInput{ID: num(1)}))
	_, err := s.Drop(testContext(t), "c")
	require.NoError(t, err)
	require.NotPanics(t, c.requestCheckpoint)
	_, err = c.Write(testContext(t), []Operation{upsert(PointInput{ID: num(1)})}, WriteOptions{})
	require.EqualError(t, err, "Collection `c` doesn't exist!")
	_, err = c.View(testContext(t))
	require.Equal(t, NotFound, KindOf(err))
	require.NoError(t, s.Close(testContext(t)))
	require.Equal(t, Unavailable, KindOf(s.Create(testContext(t), "late", CreateSpec{})))
}

func TestReadsEndAfterACloseThatWasCutShort(t *testing.T) {
	_, c, _ := newTestCollection(t)
	require.NoError(t, c.order.shared(context.Background())) // a writer on its way
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	_ = c.close(ended)
	c.order.unlockShared()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := c.View(ctx)
	require.Equal(t, Unavailable, KindOf(err))
}

// TestMergeAfterAVectorWasDropped: the vector goes between the checkpoint and the
// merge, which writes what was durable then.
func TestMergeAfterAVectorWasDropped(t *testing.T) {
	s, err := openOnFiles(t, t.TempDir(), fsx.OS)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close(testContext(t))) }()
	require.NoError(t, s.Create(testContext(t), "c", CreateSpec{Vectors: testSchema()}))
	c, err := s.Collection("c")
	require.NoError(t, err)
	put := func(n uint64, x float32) {
		for i := range n {
			mustWrite(t, c, upsert(PointInput{ID: num(i), Vectors: []NamedVector{dense("", 1, x), dense("cos", 1, x)}}))
		}
	}
	put(10, 2)
	require.NoError(t, checkpointNow(testContext(t), c))
	put(5, 3)
	c.mu.Lock()
	c.seal()
	c.mu.Unlock()
	_, err = c.Configure(testContext(t), func(*Config) (ConfigChange, error) { return ConfigChange{DropVectors: []string{"cos"}}, nil }, WriteOptions{})
	require.NoError(t, err)
	require.NoError(t, <-s.options.Observer.(*merges).ended)
	require.Equal(t, 10, mustView(t, c).Count())
}

// TestReplayWritesNoMarks: marks that fell due in what is replayed are in the log
// already.
func TestReplayWritesNoMarks(t *testing.T) {
	dir, logs := t.TempDir(), newMemoryLogs()
	s := openTestStore(t, dir, logs)
	require.NoError(t, s.Create(testContext(t), "c", CreateSpec{}))
	c, err := s.Collection("c")
	require.NoError(t, err)
	for i := range uint64(markInterval) {
		_, err := c.Write(testContext(t), []Operation{upsert(PointInput{ID: num(i % 10)})}, WriteOptions{})
		require.NoError(t, err)
	}
	require.NoError(t, s.Close(testContext(t)))
	before, err := logs.only(t).Last(testContext(t))
	require.Error(t, err) // closed
	for range 3 {
		s = openTestStore(t, dir, logs)
		last, err := logs.only(t).Last(testContext(t))
		require.NoError(t, err)
		if before.IsZero() {
			before = last
		}
		require.NoError(t, s.Close(testContext(t)))
		require.Equal(t, before, last)
	}
}
