package tidemark

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/wal"
)

// pointsRecord returns the record of an event for the collection as it is.
func pointsRecord(t *testing.T, c *Collection, effects ...Effect) []byte {
	e := &Event{Header: newHeader(c.config().Version), Body: &PointsEvent{Effects: effects}}
	record, err := AppendEvent(nil, e)
	require.NoError(t, err)
	return record
}

// enqueueRecord puts a record in order past all that a write does before.
func enqueueRecord(t *testing.T, c *Collection, record []byte) wal.Position {
	pending, err := c.log.Enqueue(testContext(t), record)
	require.NoError(t, err)
	p, err := pending.Wait(testContext(t))
	require.NoError(t, err)
	return p
}

// TestViewIsPublishedBeforeTheAnswer stops the applier where it has published a
// view and tells the budget: whoever waits for the record still waits.
func TestViewIsPublishedBeforeTheAnswer(t *testing.T) {
	_, c, _ := newTestCollection(t)
	record := pointsRecord(t, c, &PutPoint{ID: num(1)})
	ctx := testContext(t)
	c.store.budget.mu.Lock()
	p := enqueueRecord(t, c, record)
	for c.current.Load().view.Through() < p && ctx.Err() == nil {
		runtime.Gosched()
	}
	at := c.applied.position()
	c.store.budget.mu.Unlock()
	require.NoError(t, ctx.Err())
	require.Less(t, at, p)
	require.NoError(t, c.applied.wait(ctx, p))
}

// TestVerdictIsThereBeforeTheAnswer stops the applier where it gives its verdict:
// nobody may wake before, for he would find none.
func TestVerdictIsThereBeforeTheAnswer(t *testing.T) {
	_, c, _ := newTestCollection(t)
	record := pointsRecord(t, c, &PutPoint{ID: num(1)})
	c.waiting.mu.Lock()
	p := enqueueRecord(t, c, record)
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := c.applied.wait(short, p)
	c.waiting.mu.Unlock()
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, c.applied.wait(testContext(t), p))
}

// boundedWaits notes whether somebody waits for durability under a deadline.
type boundedWaits struct {
	wal.Log
	bounded *atomic.Bool
}

func (l *boundedWaits) Enqueue(ctx context.Context, record []byte) (wal.Pending, error) {
	p, err := l.Log.Enqueue(ctx, record)
	return &boundedWait{p, l.bounded}, err
}

type boundedWait struct {
	wal.Pending
	bounded *atomic.Bool
}

func (p *boundedWait) Wait(ctx context.Context) (wal.Position, error) {
	if _, bounded := ctx.Deadline(); bounded {
		p.bounded.Store(true)
	}
	return p.Pending.Wait(ctx)
}

// TestTimeoutBoundsOnlyTheWaitForApply: a write whose time is over is answered
// once it is durable, not before, and every later read sees it.
func TestTimeoutBoundsOnlyTheWaitForApply(t *testing.T) {
	logs, bounded := newMemoryLogs(), new(atomic.Bool)
	s, err := Open(t.Context(), Options{Dir: t.TempDir(), OpenLog: func(o LogOptions) (wal.Log, error) {
		log, err := logs.open(o)
		return &boundedWaits{log, bounded}, err
	}})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close(testContext(t))) }()
	require.NoError(t, s.Create(t.Context(), "c", CreateSpec{}))
	c, err := s.Collection("c")
	require.NoError(t, err)

	c.mu.Lock() // the applier works under it
	results, err := c.Write(t.Context(), []Operation{upsert(PointInput{ID: num(1)})}, WriteOptions{Wait: true, Timeout: time.Nanosecond})
	short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, early := c.View(short)
	c.mu.Unlock()
	require.NoError(t, err)
	require.Equal(t, WaitTimeout, results[0].Status)
	require.False(t, bounded.Load(), "durability is awaited however long it takes")
	require.Equal(t, Timeout, KindOf(early), "a read waits for what was answered")
	require.Equal(t, 1, mustView(t, c).Count())
}

// TestRecordsBeforeAHaltAreApplied: of records that became durable together, those
// before the one that cannot be applied are shown, that one and those behind it
// are not.
func TestRecordsBeforeAHaltAreApplied(t *testing.T) {
	_, c, _ := newTestCollection(t)
	p := c.applied.position()
	err := c.applyGroup([]wal.Record{
		{Position: p + 1, Payload: pointsRecord(t, c, &PutPoint{ID: num(1)})},
		{Position: p + 2, Payload: []byte("of no version that is known, and long enough for a header")},
		{Position: p + 3, Payload: pointsRecord(t, c, &PutPoint{ID: num(3)})},
	})
	var unknown *UnknownEventError
	require.ErrorAs(t, err, &unknown)
	require.Equal(t, p+1, c.applied.position())
	v := mustView(t, c)
	require.Equal(t, p+1, v.Through())
	require.Equal(t, 1, v.Count())
}

// TestReadsOfWhatCannotBeAppliedFail: a write was acknowledged and then turns out
// to need a row that is damaged. No later read may pretend that it never was.
func TestReadsOfWhatCannotBeAppliedFail(t *testing.T) {
	s, err := openOnFiles(t, t.TempDir(), fsx.OS)
	require.NoError(t, err)
	defer func() { _ = s.Close(context.Background()) }()
	require.NoError(t, s.Create(testContext(t), "c", CreateSpec{}))
	c, err := s.Collection("c")
	require.NoError(t, err)
	for i := range uint64(50) {
		mustWrite(t, c, upsert(PointInput{ID: num(i), Payload: object(t, "text", "some text")}))
	}
	require.NoError(t, checkpointNow(testContext(t), c))
	damageSegment(t, c)
	patch := &SetPayload{Selector: Selector{IDs: []segments.PointID{num(7)}}, Payload: object(t, "a", 1)}
	_, err = c.Write(testContext(t), []Operation{patch}, WriteOptions{})
	require.NoError(t, err)
	_, err = c.View(testContext(t))
	require.Equal(t, Unavailable, KindOf(err))
	var damaged *segments.DamagedError
	require.ErrorAs(t, err, &damaged)
	require.ErrorContains(t, err, segments.SegmentSuffix, "the answer names the file")
}

// heldFiles lets whoever creates a segment wait until hold is closed.
type heldFiles struct {
	fsx.FS
	entered, hold chan struct{}
}

func (h *heldFiles) OpenFile(name string, flag int, perm os.FileMode) (fsx.File, error) {
	if strings.Contains(name, segments.SegmentsDir+string(filepath.Separator)) && flag&os.O_CREATE != 0 {
		select {
		case h.entered <- struct{}{}:
		default:
		}
		<-h.hold
	}
	return h.FS.OpenFile(name, flag, perm)
}

// TestApplierDoesNotWaitForTheCommitter asks the committer for marks and
// checkpoints again and again while it writes a segment.
func TestApplierDoesNotWaitForTheCommitter(t *testing.T) {
	files := &heldFiles{FS: fsx.OS, entered: make(chan struct{}, 1), hold: make(chan struct{})}
	s, err := Open(testContext(t), Options{Dir: t.TempDir(), FS: files, OpenLog: newMemoryLogs().open, HeadBytes: 1})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close(testContext(t))) }()
	require.NoError(t, s.Create(testContext(t), "c", CreateSpec{}))
	c, err := s.Collection("c")
	require.NoError(t, err)
	mustWrite(t, c, upsert(PointInput{ID: num(0)})) // fills the head
	<-files.entered
	for i := range uint64(5) {
		c.mu.Lock()
		c.state.marks.due = MarkEvent{At: c.state.through, Digest: c.state.points.Digest()}
		c.state.marks.fresh = true
		c.mu.Unlock()
		mustWrite(t, c, upsert(PointInput{ID: num(i)}))
	}
	close(files.hold)
	require.NoError(t, checkpointNow(testContext(t), c))
}

// TestStepsOfABatchAreOneHold lets two batches that look at points wait for the
// order lock together: the records of one never lie between those of the other.
func TestStepsOfABatchAreOneHold(t *testing.T) {
	_, c, _ := newTestCollection(t)
	batch := []Operation{
		&Upsert{Mode: InsertOnly, Points: []PointInput{{ID: num(1)}}},
		&Upsert{Mode: UpdateOnly, Points: []PointInput{{ID: num(1)}}},
		&Upsert{Mode: UpdateOnly, Points: []PointInput{{ID: num(1)}}},
	}
	for range 20 {
		mustWrite(t, c, &Delete{Selector: Selector{IDs: []segments.PointID{num(1)}}})
		require.NoError(t, c.order.exclusive(testContext(t)))
		positions := make(chan [2]wal.Position, 2)
		for range 2 {
			go func() {
				results, err := c.Write(context.Background(), batch, WriteOptions{})
				if err != nil {
					t.Error(err)
					results = make([]Result, 3)
				}
				positions <- [2]wal.Position{results[1].Position, results[2].Position}
			}()
		}
		runtime.Gosched()
		c.order.unlockExclusive()
		for range 2 {
			p := <-positions
			require.Equal(t, p[0]+1, p[1])
		}
	}
}

// TestUnknownOutcomesAreAnsweredAsSuch: the log was poisoned after the record may
// have reached the disk.
func TestUnknownOutcomesAreAnsweredAsSuch(t *testing.T) {
	var answer *Error
	require.ErrorAs(t, writeError(fmt.Errorf("%w: %w", wal.ErrOutcomeUnknown, wal.ErrPoisoned)), &answer)
	require.Equal(t, Unavailable, answer.Kind)
	require.Equal(t, "the outcome of the write is unknown, it may appear later", answer.Text)
}
