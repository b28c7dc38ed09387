package tidemark

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/wal"
)

// applyNext applies an event, stamped with a clock, to a state.
func applyNext(t *testing.T, s *state, clock time.Time, body EventBody) error {
	h := newHeader(s.config.Version)
	h.Clock = clock
	record, err := AppendEvent(nil, &Event{Header: h, Body: body})
	require.NoError(t, err)
	_, _, err = s.apply(wal.Record{Position: s.applied + 1, Payload: record})
	return err
}

func putOne(id uint64) *PointsEvent { return &PointsEvent{Effects: []Effect{&PutPoint{ID: num(id)}}} }

func newTestStateOf(t *testing.T) *state {
	s := newState()
	require.NoError(t, applyNext(t, s, time.Now(), &CreateEvent{Lineage: uuid.New()}))
	return s
}

// TestMarksFallDue: a record before the interval is full no mark is written, with
// the last of it one is, and it says what the digest was then.
func TestMarksFallDue(t *testing.T) {
	_, c, _ := newTestCollection(t)
	c.mu.Lock()
	c.state.marks.since = markInterval - 2
	c.mu.Unlock()
	mustWrite(t, c, upsert(PointInput{ID: num(1)}))
	p := mustWrite(t, c, upsert(PointInput{ID: num(2)}))[0].Position
	require.NoError(t, c.applied.wait(testContext(t), p+1), "the mark comes by itself")
	reader, err := c.log.Tail(testContext(t), p)
	require.NoError(t, err)
	defer func() { require.NoError(t, reader.Close()) }()
	records, err := reader.Next(testContext(t))
	require.NoError(t, err)
	require.Len(t, records, 1)
	e, err := DecodeEvent(records[0].Payload)
	require.NoError(t, err)
	v := mustView(t, c)
	require.Equal(t, &MarkEvent{At: p, Digest: v.Digest()}, e.Body)
	require.Equal(t, p, v.Through())
}

// TestReplayLeavesMarksToItsEnd: what falls due in a replay is in the log already,
// or is written once behind it; otherwise each start would make the log longer.
func TestReplayLeavesMarksToItsEnd(t *testing.T) {
	c := newByHand(t)
	c.live.Store(false)
	c.state.marks.since = markInterval - 1
	p := c.put(1)
	require.Empty(t, c.committer.marks)
	c.live.Store(true)
	c.put(2)
	require.Len(t, c.committer.marks, 1)
	require.Equal(t, p, (<-c.committer.marks).At)
	c.put(3)
	require.Empty(t, c.committer.marks)
}

// TestMarksAreComparedLater: a mark names the position at which it fell due, and
// other records came before it was written.
func TestMarksAreComparedLater(t *testing.T) {
	s := newTestStateOf(t)
	s.marks.since = markInterval - 1
	require.NoError(t, applyNext(t, s, time.Now(), putOne(1)))
	due := MarkEvent{At: s.applied, Digest: s.points.Digest()}
	require.NoError(t, applyNext(t, s, time.Now(), putOne(2)))
	wrong := due
	wrong.Digest = segments.Digest{1}
	var diverged *DivergedError
	require.ErrorAs(t, applyNext(t, s, time.Now(), &wrong), &diverged)
	require.Equal(t, due.At, diverged.At)
	require.NoError(t, applyNext(t, s, time.Now(), &due))
}

// TestEventTimeNeverGoesBack, though the clock of the writer does; and a manifest
// keeps it, and the rhythm of marks, over a restart.
func TestEventTimeNeverGoesBack(t *testing.T) {
	c := newByHand(t)
	noon := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
	require.NoError(t, applyNext(t, c.state, noon, putOne(1)))
	require.Equal(t, noon, c.state.eventTime)
	require.NoError(t, applyNext(t, c.state, noon.Add(-time.Minute), putOne(2)))
	require.Equal(t, noon, c.state.eventTime)

	c.sealNow()
	c.writeManifest()
	m, err := segments.LoadManifest(c.store.fsys, c.dir)
	require.NoError(t, err)
	again, err := loadState(m, c.committer.durable)
	require.NoError(t, err)
	defer again.points.Close()
	require.True(t, noon.Equal(again.eventTime))
	require.Equal(t, c.state.marks.since, again.marks.since)
	require.NotZero(t, again.marks.since)
	require.NoError(t, applyNext(t, again, noon.Add(-time.Hour), putOne(3)))
	require.True(t, noon.Equal(again.eventTime))
}

// TestRestoreElsewhereBeginsAnotherLineage: positions increase within a lineage, so
// only the collection that goes on where the history came from keeps it.
func TestRestoreElsewhereBeginsAnotherLineage(t *testing.T) {
	s, c, _ := newTestCollection(t)
	mustWrite(t, c, upsert(PointInput{ID: num(1)}))
	snap, err := takeCopy(t, testContext(t), s, "c")
	require.NoError(t, err)
	lineage := snap.manifest.Lineage
	lineageOf := func(name string) uuid.UUID {
		c, err := s.Collection(name)
		require.NoError(t, err)
		return c.current.Load().lineage
	}
	require.NoError(t, restoreCopy(testContext(t), s, "c", snap))
	require.Equal(t, lineage, lineageOf("c"))
	require.NoError(t, restoreCopy(testContext(t), s, "other", snap))
	require.NotEqual(t, lineage, lineageOf("other"))
	_, err = s.Drop(testContext(t), "c")
	require.NoError(t, err)
	require.NoError(t, restoreCopy(testContext(t), s, "c", snap))
	require.NotEqual(t, lineage, lineageOf("c"), "what was dropped had gone on, nobody knows how far")
}

// TestRestoredStateIsCompared: the first record of a restored collection says which
// state it began with. Whoever has another one does not go on.
func TestRestoredStateIsCompared(t *testing.T) {
	s := newTestStateOf(t)
	require.NoError(t, applyNext(t, s, time.Now(), putOne(1)))
	through, digest := s.through, s.points.Digest()
	var diverged *DivergedError
	require.ErrorAs(t, applyNext(t, s, time.Now(), &RestoreEvent{Position: through, Digest: segments.Digest{1}}), &diverged)
	require.Equal(t, through, s.through, "nothing was applied")
	require.NoError(t, applyNext(t, s, time.Now(), &RestoreEvent{Position: through, Digest: digest}))
	require.Greater(t, s.through, through)
}
