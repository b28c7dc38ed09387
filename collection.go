package tidemark

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"

	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/wal"
)

// Collection is a log, the state that its records make, and the goroutine that
// applies them. All methods may be called concurrently.
type Collection struct {
	id     uuid.UUID
	name   string
	dir    string
	logger *slog.Logger

	log    wal.Log
	reader wal.Reader
	order  *orderLock

	// mu is held by the applier for each commit group, and by the committer for
	// steps of bounded length: nobody waits for I/O under it.
	mu    sync.Mutex
	state *state

	current atomic.Pointer[published]
	// applied is where the applier stands, acknowledged what a new read must
	// see at least.
	applied      watermark
	acknowledged watermark
	waiting      waiters
	pins         pins

	// dueMarks carries marks from the applier, which waits for nobody, to the
	// goroutine that enqueues them.
	dueMarks chan MarkEvent
	stop     context.CancelFunc
	workers  sync.WaitGroup
	closing  sync.Once
}

// published is what readers find: a view and the configuration as of it.
type published struct {
	view   *segments.View
	config *Config
}

// openCollection opens the log below dir and starts to apply it. The
// collection can be read once recovered returns.
func openCollection(ctx context.Context, id uuid.UUID, name, dir string, open OpenLog, logger *slog.Logger) (*Collection, error) {
	log, err := open(LogOptions{Dir: filepath.Join(dir, logDir), Logger: logger})
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	c := &Collection{
		id: id, name: name, dir: dir, logger: logger, log: log, order: newOrderLock(),
		state: newState(), dueMarks: make(chan MarkEvent, 1),
	}
	c.waiting.init()
	c.publish()
	if c.reader, err = log.Tail(ctx, c.state.applied); err != nil {
		return nil, errors.Join(fmt.Errorf("read the log: %w", err), log.Close())
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	c.stop = stop
	c.workers.Go(func() { c.applyAll(run) })
	c.workers.Go(func() { c.enqueueMarks(run) })
	return c, nil
}

// recovered waits until everything that the log held is applied.
func (c *Collection) recovered(ctx context.Context) error {
	last, err := c.log.Last(ctx)
	if err != nil {
		return fmt.Errorf("find the end of the log: %w", err)
	}
	if err := c.applied.wait(ctx, last); err != nil {
		return fmt.Errorf("replay the log: %w", err)
	}
	c.acknowledged.raise(last)
	return nil
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

// applyGroup applies records that became durable together and publishes one
// view of what they made.
func (c *Collection) applyGroup(records []wal.Record) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var failed error
	for _, rec := range records {
		header, verdict, err := c.state.apply(rec)
		if err != nil {
			failed = err
			break
		}
		c.waiting.judge(header.OperationID, verdict)
		if mark, due := c.state.marks.take(); due {
			select {
			case c.dueMarks <- mark:
			default: // one waits already; a missed mark is only a missed check
			}
		}
	}
	c.publish()
	c.applied.raise(c.state.applied)
	return failed
}

// publish makes the state visible. mu is held, or nobody else knows c yet.
func (c *Collection) publish() {
	next := &published{view: c.state.points.Publish(c.state.through), config: c.state.config}
	if old := c.current.Swap(next); old != nil {
		old.view.Release()
	}
}

// halt ends all waits for positions that will not be applied.
func (c *Collection) halt(err error) {
	if errors.Is(err, wal.ErrClosed) || errors.Is(err, context.Canceled) {
		c.applied.fail(errCollectionClosed)
		return
	}
	c.logger.Error("the collection stopped applying its log; it serves what it has and accepts no writes",
		slog.Uint64("position", uint64(c.state.applied)), slog.Any("error", err))
	c.applied.fail(&Error{Kind: Unavailable, Text: "the collection cannot apply its log after position " + c.state.applied.String(), Err: err})
}

var errCollectionClosed = &Error{Kind: Unavailable, Text: "the collection is closed"}

// enqueueMarks writes the marks that the applier asks for.
func (c *Collection) enqueueMarks(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case mark := <-c.dueMarks:
			if err := c.enqueueMark(ctx, mark); err != nil && ctx.Err() == nil {
				c.logger.Warn("could not write a mark to the log", slog.Any("error", err))
			}
		}
	}
}

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
	drained := c.drain(ctx)
	c.stop() // the applier ends, so that its state can be read here
	err := errors.Join(c.reader.Close())
	c.workers.Wait()
	c.applied.fail(errCollectionClosed)
	if drained == nil {
		if mark, due := c.state.marks.closing(c.state); due {
			if merr := c.enqueueMark(ctx, mark); merr != nil {
				c.logger.Warn("could not mark the clean end of the log", slog.Any("error", merr))
			}
		}
	}
	err = errors.Join(err, c.log.Close())
	c.current.Load().view.Release()
	c.state.points.Close()
	return err
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
