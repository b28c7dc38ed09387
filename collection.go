package tidemark

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/wal"
)

// Collection is a log, the state that its records make, the goroutine that
// applies them and the one that writes segments. All methods may be called
// concurrently.
type Collection struct {
	id     uuid.UUID
	name   string
	dir    string
	store  *shared
	logger *slog.Logger

	log    wal.Log
	reader wal.Reader
	order  *orderLock

	// mu is held by the applier for each commit group, and by the committer for
	// steps of bounded length. Readers never take it.
	mu    sync.Mutex
	state *state
	// sealed is the newest position as of which a checkpoint can be written, nil
	// if none is due.
	sealed *published
	// shown is the durable version whose segments the state has.
	shown *segments.Durable
	// writing says that a checkpoint is being written, wanted that another one
	// was asked for meanwhile.
	writing, wanted bool
	closed          bool // the state is given back
	// logged counts the bytes of records since the active head was begun.
	logged int64
	// replayEnd is where the log ended when it was opened, unseen the commit
	// groups since the last view.
	replayEnd wal.Position
	unseen    int

	current atomic.Pointer[published]
	// previousBytes is what the state takes on disk that this one replaced.
	previousBytes atomic.Int64
	// applied is where the applier stands, acknowledged what a new read must
	// see at least, flushed what the manifest holds.
	applied      watermark
	acknowledged watermark
	flushed      watermark
	waiting      waiters
	pins         pins
	marked       cutMarks    // where cuts of the whole storage want views
	live         atomic.Bool // recovery is over
	scans        *scanQueue

	suspended atomic.Pointer[Error]
	// dropped says that the name stands for nothing any more.
	dropped atomic.Bool
	// successor is the collection that was restored into this one's place.
	successor atomic.Pointer[Collection]

	committer committer
	stop      context.CancelFunc
	workers   sync.WaitGroup
	closing   sync.Once
}

// shared is what all collections of a store use.
type shared struct {
	fsys      fsx.FS
	openLog   OpenLog
	budget    *budget
	space     *space
	headBytes int64
	logBytes  int64
	// retryInterval is the wait after a checkpoint that failed.
	retryInterval time.Duration
	observer      Observer
	cut           cutLock
	// merging is held by the one merge that runs in the process.
	merging chan struct{}
}

// openCollection opens what is below dir: the manifest, the segments that it
// names, and the log, which it starts to apply from there. The collection can
// be read once recovered returns.
func openCollection(ctx context.Context, store *shared, id uuid.UUID, name, dir string, logger *slog.Logger) (*Collection, error) {
	c := &Collection{id: id, name: name, dir: dir, store: store, logger: logger, order: newOrderLock(), scans: newScanQueue()}
	c.waiting.init()
	c.committer.init(c)
	if err := c.committer.load(); err != nil {
		return nil, err
	}
	c.shown = c.committer.durable
	c.publish()
	if err := c.openLog(ctx); err != nil {
		return nil, errors.Join(err, c.releaseState())
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	c.stop = stop
	c.workers.Go(func() { c.applyAll(run) })
	c.workers.Go(func() { c.committer.run(run) })
	return c, nil
}

// openLog opens the log and reads it from where the state stands.
func (c *Collection) openLog(ctx context.Context) (err error) {
	from := c.state.applied
	c.log, err = c.store.openLog(LogOptions{
		Dir: filepath.Join(c.dir, logDir), From: from + 1, AtLeast: from, Logger: c.logger,
	})
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	if c.replayEnd, err = c.log.Last(ctx); err != nil {
		return errors.Join(fmt.Errorf("find the end of the log: %w", err), c.log.Close())
	}
	if c.reader, err = c.log.Tail(ctx, from); err != nil {
		return errors.Join(fmt.Errorf("read the log: %w", err), c.log.Close())
	}
	c.applied.raise(from)
	return nil
}

// releaseState gives back what the state holds. Views that are held keep what
// they need.
func (c *Collection) releaseState() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.current.Load().view.Release()
	c.state.points.Close()
	if c.sealed != nil {
		c.sealed.release()
	}
	c.committer.durable.Release()
	c.store.budget.remove(c)
	return nil
}

// recovered waits until everything that the log held is applied.
func (c *Collection) recovered(ctx context.Context) error {
	for {
		reached, err := c.replayed(ctx, c.replayEnd)
		if err != nil {
			return fmt.Errorf("replay the log: %w", err)
		}
		if reached {
			c.acknowledge(c.replayEnd)
			c.live.Store(true)
			return nil
		}
		c.logger.Info("replaying the log", slog.Uint64("position", uint64(c.applied.position())), slog.Uint64("last", uint64(c.replayEnd)))
	}
}

// progressInterval is the time between two lines about a replay.
const progressInterval = 2 * time.Second

// replayed waits until last is applied, but no longer than until the next line
// about the progress is due.
func (c *Collection) replayed(ctx context.Context, last wal.Position) (bool, error) {
	bounded, cancel := context.WithTimeout(ctx, progressInterval)
	defer cancel()
	err := c.applied.wait(bounded, last)
	if err != nil && bounded.Err() != nil && ctx.Err() == nil {
		return false, nil
	}
	return err == nil, err
}

// Name returns the name of the collection.
func (c *Collection) Name() string { return c.name }

// ID returns the identity of this incarnation of the collection.
func (c *Collection) ID() uuid.UUID { return c.id }

// applyAll is the applier: it waits for nobody but the log.
func (c *Collection) applyAll(ctx context.Context) {
	for {
		records, err := c.reader.Next(ctx)
		if err != nil {
			c.halt(err)
			return
		}
		if err := c.applyGroup(records); err != nil {
			c.halt(err)
			return
		}
	}
}

// replayGroups is how many commit groups of a replay share a view: nobody reads
// before its end, and what a view shares with the state is copied when it
// changes.
const replayGroups = 32

// applyGroup applies records that became durable together and publishes one
// view of what they made, or several where a cut wants one.
func (c *Collection) applyGroup(records []wal.Record) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(records) > 0 {
		n := c.marked.begin(records)
		if err := c.applyPart(records[:n]); err != nil {
			return err
		}
		records = records[n:]
	}
	return nil
}

// applyPart applies records and publishes one view of what they made, during a
// replay one of several groups. mu is held.
func (c *Collection) applyPart(records []wal.Record) error {
	var failed error
	for _, rec := range records {
		header, verdict, err := c.state.apply(rec)
		if err != nil {
			failed = err
			break
		}
		c.logged += int64(len(rec.Payload))
		c.waiting.judge(header.OperationID, verdict)
	}
	c.unseen++
	full := c.state.points.Growth() >= c.store.headBytes || c.logged >= c.store.logBytes
	if !full && failed == nil && c.state.applied < c.replayEnd && c.unseen < replayGroups {
		return nil
	}
	c.show(full)
	// A replay finds the marks that fell due in the log, or leaves the last one
	// for the first group after it.
	if c.live.Load() {
		if mark, due := c.state.marks.take(); due {
			c.committer.mark(mark)
		}
	}
	return failed
}

// show makes what is applied visible, and seals the active head if it is full.
// mu is held.
func (c *Collection) show(full bool) {
	c.store.cut.RLock()
	if full {
		c.seal()
	} else {
		c.publish()
	}
	c.applied.raise(c.state.applied)
	c.store.cut.RUnlock()
	c.marked.reached(c.state.applied, c.current.Load())
}

// seal ends the active head and asks for a checkpoint as of this moment. mu is
// held.
func (c *Collection) seal() {
	c.state.points.Seal(c.state.through)
	c.logged = 0
	c.publish()
	if c.sealed != nil {
		c.sealed.release()
	}
	c.sealed = c.current.Load()
	c.sealed.view.TryRetain() // cannot fail: it is replaced under mu only
	c.committer.wake()
}

// publish makes the state visible. mu is held, or nobody else knows c yet.
func (c *Collection) publish() {
	c.unseen = 0
	next := &published{
		view: c.state.points.Publish(c.state.through), config: c.state.config, durable: c.shown,
		lineage: c.state.lineage, eventTime: c.state.eventTime, marks: c.state.marks, since: c.state.since,
	}
	if old := c.current.Swap(next); old != nil {
		old.view.Release()
	}
	c.store.budget.set(c, c.state.points.Usage().Total())
}

// suspendIf refuses writes from now on if a change of the catalog failed in a way
// that may remove or replace the collection at the next start: what would be
// acknowledged could be lost.
func (c *Collection) suspendIf(err error) {
	if c == nil || !errors.Is(err, fsx.ErrNotDurable) {
		return
	}
	c.suspended.Store(&Error{Kind: Unavailable, Text: "the collection accepts no writes since the catalog could not be written safely; restart to settle it", Err: err})
	c.logger.Error("the catalog could not be written safely; the collection accepts no writes until a restart", slog.Any("error", err))
}

// writable returns why a write cannot be accepted: what cannot be applied, or may
// be lost, is not, even from those who do not wait. The order lock is held.
func (c *Collection) writable() error {
	if err := c.suspended.Load(); err != nil {
		return err
	}
	return c.applied.failure()
}

// halt ends all waits for positions that will not be applied.
func (c *Collection) halt(err error) {
	if errors.Is(err, wal.ErrClosed) || errors.Is(err, context.Canceled) {
		c.fail(errCollectionClosed)
		return
	}
	c.logger.Error("the collection stopped applying its log; it serves what it has and accepts no writes",
		slog.Uint64("position", uint64(c.state.applied)), slog.Any("error", err))
	text := "the collection cannot apply its log after position " + c.state.applied.String()
	if errors.Is(err, wal.ErrPoisoned) {
		text = logPoisoned // whoever learns of it first, all say the same
	}
	c.fail(&Error{Kind: Unavailable, Text: text, Err: err})
}

// fail ends what waits for the applier.
func (c *Collection) fail(err error) {
	c.applied.fail(err)
	c.marked.fail(err)
}

// ended turns the end of the collection into what a client should know: that it
// was dropped, or that the server stops.
func (c *Collection) ended(err error) error {
	if c.dropped.Load() && errors.Is(err, errCollectionClosed) {
		return notFoundCollection(c.name)
	}
	return err
}

var errCollectionClosed = &Error{Kind: Unavailable, Text: "the collection is closed"}

// enqueueMark writes a mark and waits until it is durable.
func (c *Collection) enqueueMark(ctx context.Context, mark MarkEvent) error {
	e := &Event{Header: newHeader(0), Body: &mark}
	record, err := AppendEvent(nil, e)
	if err != nil {
		return err
	}
	pending, err := c.log.Enqueue(ctx, record)
	if err != nil {
		return err
	}
	_, err = pending.Wait(ctx)
	return err
}

// close refuses new writes, applies what is in order, marks the clean end and
// closes the log. It returns once no goroutine of the collection is left.
func (c *Collection) close(ctx context.Context) error {
	var err error
	c.closing.Do(func() { err = c.closeOnce(ctx) })
	return err
}

func (c *Collection) closeOnce(ctx context.Context) error {
	var drained error
	if !c.order.retired.Load() {
		drained = c.drain(ctx)
	}
	c.order.retired.Store(true) // also if the drain was given up
	c.stop()                    // the applier ends, so that its state can be read here
	err := errors.Join(c.reader.Close())
	c.workers.Wait()
	c.fail(errCollectionClosed)
	if drained == nil {
		if mark, due := c.state.marks.closing(c.state); due {
			if merr := c.enqueueMark(ctx, mark); merr != nil {
				c.logger.Warn("could not mark the clean end of the log", slog.Any("error", merr))
			}
		}
	}
	return errors.Join(err, c.log.Close(), c.releaseState())
}

// drain retires the order lock and waits until what was enqueued before
// is applied.
func (c *Collection) drain(ctx context.Context) error {
	if err := c.order.exclusive(ctx); err != nil {
		return err
	}
	defer c.order.retire()
	last, err := c.log.Last(ctx)
	if err != nil {
		return err
	}
	return c.applied.wait(ctx, last)
}
