package tidemark

import (
	"context"
	"encoding/json"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/wal"
)

// byHand is a collection whose applier and committer have stopped: the test does
// their steps, in the order that it wants to see.
type byHand struct {
	*Collection
	t *testing.T
}

func newByHand(t *testing.T) byHand {
	_, c, _ := newTestCollection(t)
	c.stop()
	require.NoError(t, c.reader.Close())
	c.workers.Wait()
	return byHand{c, t}
}

// apply applies one record and returns its position.
func (c byHand) apply(body EventBody) wal.Position {
	record, err := AppendEvent(nil, &Event{Header: newHeader(c.config().Version), Body: body})
	require.NoError(c.t, err)
	p := c.state.applied + 1
	require.NoError(c.t, c.applyGroup([]wal.Record{{Position: p, Payload: record}}))
	return p
}

func (c byHand) put(ids ...uint64) wal.Position {
	effects := make([]Effect, len(ids))
	for i, id := range ids {
		effects[i] = &PutPoint{ID: num(id)}
	}
	return c.apply(&PointsEvent{Effects: effects})
}

func (c byHand) remove(ids ...uint64) wal.Position {
	points := make([]segments.PointID, len(ids))
	for i, id := range ids {
		points[i] = num(id)
	}
	return c.apply(&PointsEvent{Effects: []Effect{&RemovePoints{IDs: points}}})
}

// sealNow ends the head, as the applier does when it is full.
func (c byHand) sealNow() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seal()
}

// writeManifest does what a checkpoint does up to its commit, and does not yet
// show the segment to readers.
func (c byHand) writeManifest() {
	f := c.takeSealed()
	require.NotNil(c.t, f)
	_, err := c.committer.writeCheckpoint(context.Background(), f)
	c.written(f, err)
	require.NoError(c.t, err)
}

func upTo(n uint64) []uint64 {
	ids := make([]uint64, n)
	for i := range ids {
		ids[i] = uint64(i)
	}
	return ids
}

// TestManifestSaysWhatWasTrueAtItsPosition: settings and vectors change, and
// points die and come, between the end of a head and its checkpoint. Replay starts
// at the position of the manifest and must find what was there.
func TestManifestSaysWhatWasTrueAtItsPosition(t *testing.T) {
	c := newByHand(t)
	at := c.put(1, 2, 3)
	before, digest := c.config(), c.current.Load().view.Digest()
	c.sealNow()
	c.remove(1)
	c.put(2, 4)
	c.apply(&ConfigureEvent{Settings: json.RawMessage(`{"later":1}`), DropVectors: []segments.VectorKey{before.Schema[0].Key}})
	c.writeManifest()
	m, err := segments.LoadManifest(fsx.OS, c.dir)
	require.NoError(t, err)
	require.Equal(t, at, m.Through)
	require.Equal(t, 3, m.Count)
	require.Equal(t, digest, m.Digest)
	require.Nil(t, m.Deletes)
	config := new(Config)
	require.NoError(t, config.UnmarshalJSON(m.Config))
	require.Equal(t, before.Version, config.Version)
	require.Equal(t, before.Schema, config.Schema)
	require.Equal(t, before.Schema, c.committer.schema)
}

// TestReplacementLetsTheApplierIn: however many points died since, no step holds
// up the applier for more than replaceStep of them.
func TestReplacementLetsTheApplierIn(t *testing.T) {
	c := newByHand(t)
	c.put(upTo(2*replaceStep + 1)...)
	c.sealNow()
	c.writeManifest()
	c.remove(upTo(2*replaceStep + 1)...)
	steps := 0
	for done := false; !done; steps++ {
		var err error
		done, err = c.committer.replaceOnce(c.committer.replacing)
		require.NoError(t, err)
	}
	c.committer.replacing = nil
	require.Equal(t, 3, steps)
	require.Zero(t, c.current.Load().view.Count())
}

// TestRemovalsFillAHead: where points are only removed, what grows are the deaths,
// and only a checkpoint lets go of them.
func TestRemovalsFillAHead(t *testing.T) {
	c := newByHand(t)
	c.put(upTo(100)...)
	c.sealNow()
	c.writeManifest()
	require.NoError(t, c.committer.replace())
	c.store.headBytes = 1000
	c.remove(upTo(10)...)
	require.Nil(t, c.sealed)
	used, _ := c.store.budget.used()
	require.NotZero(t, used, "deaths are in the budget")
	c.remove(upTo(100)...)
	require.NotNil(t, c.sealed)
	c.writeManifest()
	require.NoError(t, c.committer.replace())
	used, _ = c.store.budget.used()
	require.Zero(t, used)
	c.remove(1) // nothing dies
	require.Nil(t, c.sealed)
}

// TestTimeAloneSealsOnlyWhatIsWorthIt: a little log is left alone for an hour, more
// of it for a few minutes.
func TestTimeAloneSealsOnlyWhatIsWorthIt(t *testing.T) {
	c := newByHand(t)
	c.put(1)
	require.False(t, c.sealOld(anyCheckpoint-1))
	c.logged = idleLogBytes
	require.False(t, c.sealOld(idleCheckpoint-1))
	require.True(t, c.sealOld(idleCheckpoint))
	c.writeManifest()
	require.NoError(t, c.committer.replace())
	require.False(t, c.sealOld(anyCheckpoint), "there is nothing new")
	c.put(2)
	require.True(t, c.sealOld(anyCheckpoint))
}

// TestRecordsAreAppliedUnderTheirConfiguration: a record that was made for another
// configuration than the one in force means that the two are not what was written.
func TestRecordsAreAppliedUnderTheirConfiguration(t *testing.T) {
	c := newByHand(t)
	digest := c.state.points.Digest()
	for _, version := range []wal.Position{0, c.config().Version + 1} {
		e := &Event{Header: newHeader(version), Body: &PointsEvent{Effects: []Effect{&PutPoint{ID: num(1)}}}}
		record, err := AppendEvent(nil, e)
		require.NoError(t, err)
		require.Error(t, c.applyGroup([]wal.Record{{Position: c.state.applied + 1, Payload: record}}))
		require.Equal(t, digest, c.state.points.Digest())
	}
}

// TestWhatFailedIsWrittenUnderAnotherName: the kernel may have dropped what could
// not be written, and says so only once. No file is written to again.
func TestWhatFailedIsWrittenUnderAnotherName(t *testing.T) {
	for _, tc := range []struct {
		name string
		rule fsx.Rule
	}{
		{"write of the segment", fsx.Rule{Kinds: []fsx.Kind{fsx.KindWrite}, Path: segments.SegmentsDir}},
		{"sync of the segment", fsx.Rule{Kinds: []fsx.Kind{fsx.KindSync, fsx.KindSyncData}, Path: segments.SegmentsDir}},
		{"name of the segment", fsx.Rule{Kinds: []fsx.Kind{fsx.KindRename}, Path: segments.SegmentsDir}},
		{"sync of the deletes", fsx.Rule{Kinds: []fsx.Kind{fsx.KindSync, fsx.KindSyncData}, Path: "deletes-"}},
		{"write of the manifest", fsx.Rule{Kinds: []fsx.Kind{fsx.KindWrite}, Path: "manifest-"}},
		{"sync of the manifest", fsx.Rule{Kinds: []fsx.Kind{fsx.KindSync, fsx.KindSyncData}, Path: "manifest-"}},
		{"name of the manifest", fsx.Rule{Kinds: []fsx.Kind{fsx.KindRename}, Path: "manifest-"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newByHand(t)
			c.put(1, 2)
			c.checkpoint()
			faults := fsx.NewFaults(fsx.OS)
			rec, err := fsx.NewRecorder(faults, c.dir)
			require.NoError(t, err)
			c.store.fsys = rec
			c.put(1, 3)
			c.sealNow()
			tc.rule.Times, tc.rule.Err = 1, syscall.EIO
			failed := faults.Inject(tc.rule)
			require.ErrorIs(t, c.committer.checkpoint(t.Context()), syscall.EIO)
			require.Equal(t, 1, failed())
			require.NoError(t, c.committer.checkpoint(t.Context()))
			require.Equal(t, c.state.through, c.flushed.position())
			created := make(map[string]bool)
			for _, op := range rec.Ops() {
				if op.Kind == fsx.KindCreate {
					require.NotContains(t, created, op.Name)
					created[op.Name] = true
				}
			}
			require.GreaterOrEqual(t, len(created), 4, "%v", created)
		})
	}
}

// TestStartWithoutSpaceServesReads: the disk is full when the server starts, after
// a clean end and after a crash.
func TestStartWithoutSpaceServesReads(t *testing.T) {
	dir, crashed := t.TempDir(), t.TempDir()
	s, err := openOnFiles(t, dir, fsx.OS)
	require.NoError(t, err)
	require.NoError(t, s.Create(testContext(t), "c", CreateSpec{}))
	c, err := s.Collection("c")
	require.NoError(t, err)
	mustWrite(t, c, upsert(PointInput{ID: num(1)}))
	require.NoError(t, checkpointNow(testContext(t), c))
	mustWrite(t, c, upsert(PointInput{ID: num(2)}))
	require.NoError(t, os.CopyFS(crashed, os.DirFS(dir)))
	require.NoError(t, s.Close(testContext(t)))
	for name, dir := range map[string]string{"clean": dir, "crashed": crashed} {
		t.Run(name, func(t *testing.T) {
			full := fsx.NewFaults(fsx.OS)
			// Not mkdir: on a full disk, too, it says that what is there exists.
			full.Inject(fsx.Rule{Kinds: []fsx.Kind{fsx.KindCreate, fsx.KindWrite, fsx.KindLogWrite}, Err: syscall.ENOSPC})
			s, err := openOnFiles(t, dir, full)
			require.NoError(t, err)
			c, err := s.Collection("c")
			require.NoError(t, err)
			require.Equal(t, 2, mustView(t, c).Count())
			_, err = c.Write(testContext(t), []Operation{upsert(PointInput{ID: num(3)})}, WriteOptions{})
			require.Equal(t, Unavailable, KindOf(err))
			require.Equal(t, 2, mustView(t, c).Count())
			_ = s.Close(testContext(t)) // the log could not be closed in order
		})
	}
}
