package tidemark

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
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

func openOnFiles(t testing.TB, dir string, fsys fsx.FS) (*Store, error) {
	o := Options{
		Dir: dir, FS: fsys, OpenLog: localLogs(fsys), RetryInterval: time.Millisecond,
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
	digest   segments.Digest
	count    int
	undoable bool
}

func look(t testing.TB, s *Store) seen {
	out := make(seen)
	for _, name := range s.Names() {
		c, err := s.Collection(name)
		require.NoError(t, err, "collection %s", name)
		v, err := c.View(testContext(t))
		require.NoError(t, err)
		_, undoable := s.Previous(name)
		out[name] = seenCollection{v.Digest(), v.Count(), undoable}
		v.Release()
	}
	return out
}

// life is a scenario whose steps are each acknowledged before the next begins.
func life(t testing.TB) []struct {
	name string
	do   func(context.Context, *Store) error
} {
	write := func(name string, ops ...Operation) func(context.Context, *Store) error {
		return func(ctx context.Context, s *Store) error {
			c, err := s.Collection(name)
			if err != nil {
				return err
			}
			_, err = c.Write(ctx, ops, WriteOptions{Wait: true})
			return err
		}
	}
	create := func(name string) func(context.Context, *Store) error {
		return func(ctx context.Context, s *Store) error {
			return s.Create(ctx, name, CreateSpec{Vectors: testSchema()})
		}
	}
	snap := exampleCopy(t)
	undo := func(ctx context.Context, s *Store) error {
		_, err := s.Undo(ctx, "c", uuid.Nil)
		return err
	}
	checkpoint := func(ctx context.Context, s *Store) error {
		c, err := s.Collection("c")
		if err != nil {
			return err
		}
		return checkpointNow(ctx, c)
	}
	return []struct {
		name string
		do   func(context.Context, *Store) error
	}{
		{"create a collection", create("c")},
		{"write", write("c", upsert(PointInput{ID: num(1), Payload: object(t, "a", 1), Vectors: []NamedVector{dense("", 1, 2)}}))},
		{"replace and delete", write("c", upsert(PointInput{ID: num(1)}, PointInput{ID: num(2)}), &Delete{Selector: Selector{IDs: []segments.PointID{num(1)}}})},
		{"checkpoint", checkpoint},
		{"replace what is in a segment", write("c", upsert(PointInput{ID: num(2), Payload: object(t, "b", 2)}, PointInput{ID: num(4)}))},
		{"checkpoint, and the merge that it makes due", func(ctx context.Context, s *Store) error {
			if err := checkpoint(ctx, s); err != nil {
				return err
			}
			select {
			case err := <-s.options.Observer.(*merges).ended:
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		}},
		{"create another", create("d")},
		{"write to the other", write("d", upsert(PointInput{ID: num(3)}))},
		{"drop", func(ctx context.Context, s *Store) error { _, err := s.Drop(ctx, "c"); return err }},
		{"create it again", create("c")},
		{"write to it again", write("c", upsert(PointInput{ID: num(9)}))},
		{"restore", func(ctx context.Context, s *Store) error { return restoreCopy(ctx, s, "c", snap) }},
		{"write to what was restored", write("c", upsert(PointInput{ID: num(10)}))},
		{"undo", undo},
		{"write to what was brought back", write("c", upsert(PointInput{ID: num(11)}))},
		{"undo the undo", undo},
		{"restore over what was restored", func(ctx context.Context, s *Store) error { return restoreCopy(ctx, s, "c", snap) }},
		{"restore under a new name", func(ctx context.Context, s *Store) error { return restoreCopy(ctx, s, "e", snap) }},
	}
}

// recordedLife runs the whole life once. states[i] is what a client saw before
// step i, ends[i] the number of operations by then.
func recordedLife(t *testing.T) (rec *fsx.Recorder, states []seen, ends []int) {
	dir := memoryDir(t)
	rec, err := fsx.NewRecorder(fsx.OS, dir)
	require.NoError(t, err)
	s, err := openOnFiles(t, dir, rec)
	require.NoError(t, err)
	states, ends = []seen{look(t, s)}, []int{rec.Len()}
	for _, step := range life(t) {
		rec.Mark(step.name)
		require.NoError(t, step.do(testContext(t), s), step.name)
		states, ends = append(states, look(t, s)), append(ends, rec.Len())
	}
	rec.Mark("close")
	require.NoError(t, s.Close(testContext(t)))
	return rec, states, ends
}

// exampleCopy returns the copy of a collection with a segment, deletes and
// points in memory.
func exampleCopy(t testing.TB) copied {
	s, c, _ := newTestCollection(t)
	mustWrite(t, c, upsert(PointInput{ID: num(1)}, PointInput{ID: num(2)}))
	require.NoError(t, checkpointNow(testContext(t), c))
	mustWrite(t, c, upsert(PointInput{ID: num(2), Payload: object(t, "z", 1)}))
	snap, err := takeCopy(t, testContext(t), s, "c")
	require.NoError(t, err)
	return snap
}

// TestCrashAnywhere lays out what a power failure at any moment could leave and
// opens it: everything that was acknowledged is there, and nothing but what was
// acknowledged or under way.
func TestCrashAnywhere(t *testing.T) {
	rec, states, ends := recordedLife(t)
	for crash := range fsx.CrashStates(rec) {
		if crash.After < ends[0] {
			continue // the store was not open yet
		}
		acknowledged := 0
		for acknowledged+1 < len(ends) && ends[acknowledged+1] <= crash.After {
			acknowledged++
		}
		got := lookAfterCrash(t, crash)
		require.Contains(t, states[acknowledged:min(acknowledged+2, len(states))], got,
			"crash after operation %d, %s survives", crash.After, crash.Survival)
	}
}

func lookAfterCrash(t *testing.T, crash fsx.CrashState) seen {
	dir := memoryDir(t)
	defer os.RemoveAll(dir)
	require.NoError(t, crash.LayOut(dir))
	s, err := openOnFiles(t, dir, fsx.OS)
	require.NoError(t, err, "crash after operation %d, %s survives", crash.After, crash.Survival)
	defer func() { require.NoError(t, s.Close(testContext(t))) }()
	requireNothingUnnamed(t, s)
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

var (
	uuidText = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	sizeText = regexp.MustCompile(`((?:catalog|manifest)-\d+\.json\S* \d+\+)\d+`)
)

// TestGoldenTrace keeps the order of writes and syncs as text: a change of it
// is a change of what a crash leaves.
func TestGoldenTrace(t *testing.T) {
	rec, _, _ := recordedLife(t)
	golden := filepath.Join("testdata", "trace.txt")
	trace := normaliseTrace(rec.Trace(0))
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(trace), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), trace)
}

// normaliseTrace gives ids the names that they appear in order, and leaves out
// sizes that depend on them or on the clock.
func normaliseTrace(trace string) string {
	names := make(map[string]string)
	trace = uuidText.ReplaceAllStringFunc(trace, func(id string) string {
		if names[id] == "" {
			names[id] = "<id" + string(rune('1'+len(names))) + ">"
		}
		return names[id]
	})
	trace = sizeText.ReplaceAllString(trace, "$1…")
	return strings.TrimSpace(trace) + "\n"
}

// TestFaultAnywhere lets each operation fail once. Whatever a step answers, the
// next start finds all that was acknowledged, and of the failed step all or
// nothing.
func TestFaultAnywhere(t *testing.T) {
	rec, states, ends := recordedLife(t)
	for nth := 1; nth <= rec.Len()-ends[0]; nth++ {
		dir := memoryDir(t)
		faults := fsx.NewFaults(fsx.OS)
		s, err := openOnFiles(t, dir, faults)
		require.NoError(t, err)
		faults.Inject(fsx.Rule{Nth: nth, Times: 1})
		done := liveUntilFault(t, s)
		faults.Clear()
		_ = s.Close(testContext(t)) // what it could not do, the next start does

		again, err := openOnFiles(t, dir, fsx.OS)
		require.NoError(t, err, "fault at operation %d, in step %d", nth, done)
		require.Contains(t, states[done:min(done+2, len(states))], look(t, again), "fault at operation %d, in step %d", nth, done)
		require.NoError(t, again.Close(testContext(t)))
		require.NoError(t, os.RemoveAll(dir))
	}
}

// liveUntilFault returns how many steps were acknowledged.
func liveUntilFault(t *testing.T, s *Store) int {
	for i, step := range life(t) {
		if err := step.do(testContext(t), s); err != nil {
			return i
		}
	}
	return len(life(t))
}
