package tidemark

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/wal"
)

// errConfigChanged makes a write start again under the new configuration.
var errConfigChanged = errors.New("the configuration changed meanwhile")

// Write applies operations in order and answers each with the position of the
// last record that holds a part of it. Everything that can be judged without
// the points is checked before anything is written. Operations that need not
// look at points become one event, within the limits; one that selects points
// by a filter starts a new event.
//
// If a patch did not find a point, Write with o.Wait returns the Error that
// names it, although everything else was written.
func (c *Collection) Write(ctx context.Context, ops []Operation, o WriteOptions) ([]Result, error) {
	w := &write{c: c, ctx: ctx, options: o, started: time.Now(), work: workOf(ops)}
	defer func() { c.store.budget.leave(w.admitted) }()
	for {
		err := w.attempt(ops)
		if errors.Is(err, errConfigChanged) {
			continue
		}
		if err != nil && len(w.sent) > 0 {
			return nil, partError(err)
		}
		if next := c.successor.Load(); next != nil && errors.Is(err, errCollectionClosed) {
			return next.Write(ctx, ops, o)
		}
		if err != nil {
			return nil, c.ended(writeError(err))
		}
		results, err := w.finish()
		return results, c.ended(err)
	}
}

// write is one request on its way into the log.
type write struct {
	c       *Collection
	ctx     context.Context
	options WriteOptions
	started time.Time
	config  *Config
	work    Work

	sent []sent
	// admitted is how much of the budget the request takes.
	admitted int64
	// lastEvent is, for each operation, the index in sent of the last event
	// that holds a part of it, -1 if it has no effect.
	lastEvent []int
}

type sent struct {
	pending   wal.Pending
	operation uuid.UUID
	verdict   *verdict // nil if nobody waits for it
}

func (w *write) attempt(ops []Operation) error {
	w.config = w.c.config()
	steps, err := w.config.plan(ops)
	if err != nil {
		return err
	}
	w.lastEvent = make([]int, len(ops))
	for i := range w.lastEvent {
		w.lastEvent[i] = -1
	}
	for i := range steps {
		if !steps[i].resolved() {
			return w.resolve(steps)
		}
	}
	return w.enqueueKnown(steps)
}

// enqueueKnown writes steps whose effects are known. Everything is encoded
// before the order lock is taken.
func (w *write) enqueueKnown(steps []step) error {
	d := w.newDrafts()
	for i := range steps {
		w.draft(d, i, steps[i].known)
	}
	records, err := w.encode(d)
	if err != nil {
		return err
	}
	if err := w.admit(recordBytes(records)); err != nil {
		return err
	}
	if err := w.c.order.shared(w.ctx); err != nil {
		return err
	}
	defer w.c.order.unlockShared()
	if err := w.c.writable(); err != nil {
		return err
	}
	if w.c.config().Version != w.config.Version {
		return errConfigChanged
	}
	return w.enqueue(records)
}

// admit lets the request in, once: what it took in an earlier attempt is kept.
func (w *write) admit(n int64) error {
	if w.admitted > 0 {
		return nil
	}
	if err := w.c.store.space.write(w.work, n); err != nil {
		return err
	}
	if err := w.c.store.budget.admit(w.ctx, n); err != nil {
		return err
	}
	w.admitted = n
	return nil
}

// workOf tells a request that only deletes points, which may be how room is made,
// from others.
func workOf(ops []Operation) Work {
	for _, op := range ops {
		if _, ok := op.(*Delete); !ok {
			return WorkWrite
		}
	}
	return WorkDelete
}

func recordBytes(records []encoded) int64 {
	var n int64
	for i := range records {
		n += int64(len(records[i].record))
	}
	return n
}

// draft adds the effects of operation i.
func (w *write) draft(d *drafts, i int, effects []Effect) {
	for _, e := range effects {
		d.add(e)
	}
	if len(effects) > 0 {
		w.lastEvent[i] = len(w.sent) + len(d.list) - 1
	}
}

// newDrafts sizes patches by the rows as they are now.
func (w *write) newDrafts() *drafts {
	return &drafts{sizeOf: func(id segments.PointID) int { return w.c.rowSize(id) }}
}

type encoded struct {
	operation uuid.UUID
	record    []byte
}

func (w *write) encode(d *drafts) ([]encoded, error) {
	out := make([]encoded, len(d.list))
	for i, draft := range d.list {
		e := &Event{Header: newHeader(w.config.Version), Body: &PointsEvent{Effects: draft.effects}}
		record, err := AppendEvent(make([]byte, 0, draft.bytes+eventHeaderSize+effectOverhead), e)
		if err != nil {
			return nil, err
		}
		out[i] = encoded{e.OperationID, record}
	}
	return out, nil
}

// enqueue puts records in order. The order lock is held.
func (w *write) enqueue(records []encoded) error {
	for _, r := range records {
		s := sent{operation: r.operation}
		if w.options.Wait {
			s.verdict = w.c.waiting.enter(r.operation)
		}
		pending, err := w.c.log.Enqueue(w.ctx, r.record)
		if err != nil {
			w.c.waiting.leave(r.operation)
			w.abandon()
			return err
		}
		s.pending = pending
		w.sent = append(w.sent, s)
	}
	return nil
}

// abandon ends the wait for verdicts on what was sent.
func (w *write) abandon() {
	for _, s := range w.sent {
		w.c.waiting.leave(s.operation)
	}
}

// finish waits as long as the options say and makes the results.
func (w *write) finish() ([]Result, error) {
	defer w.abandon()
	positions := make([]wal.Position, len(w.sent))
	for i, s := range w.sent {
		p, err := s.pending.Wait(w.ctx)
		if err != nil {
			return nil, writeError(err)
		}
		positions[i] = p
	}
	status, err := w.waitApplied(positions)
	if err != nil {
		return nil, err
	}
	results := make([]Result, len(w.lastEvent))
	for i, event := range w.lastEvent {
		results[i].Status = status
		if event >= 0 {
			results[i].Position = positions[event]
		} else {
			results[i].Position = w.c.applied.position()
		}
	}
	return results, nil
}

// waitApplied raises the acknowledged position last, just before the answer:
// from then on every read sees the write.
func (w *write) waitApplied(positions []wal.Position) (Status, error) {
	status := Acknowledged
	if w.options.Wait {
		status = Completed
	}
	if len(positions) == 0 {
		return status, nil
	}
	last := positions[len(positions)-1]
	if w.options.Wait {
		timedOut, err := w.c.waitUntil(w.ctx, last, w.options.Timeout, w.started)
		if err != nil {
			return 0, durableError(err, last)
		}
		if timedOut {
			status = WaitTimeout
		}
	}
	w.c.acknowledge(last)
	if status == Completed {
		for _, s := range w.sent {
			if err := s.verdict.err(); err != nil {
				return 0, err
			}
		}
	}
	return status, nil
}

// waitUntil waits until p is applied, at most until timeout after started if
// it is not 0.
func (c *Collection) waitUntil(ctx context.Context, p wal.Position, timeout time.Duration, started time.Time) (timedOut bool, err error) {
	bounded, cancel := ctx, func() {}
	if timeout > 0 {
		bounded, cancel = context.WithDeadline(ctx, started.Add(timeout))
	}
	defer cancel()
	err = c.applied.wait(bounded, p)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return true, nil
	}
	return false, err
}

// logPoisoned tells what a collection does whose log could not be written.
const logPoisoned = "the collection accepts no writes since its log could not be written; restart to repair it"

// writeError turns the log's errors into answers.
func writeError(err error) error {
	var known *Error
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, wal.ErrTooLarge):
		return &Error{Kind: BadInput, Text: "the request is larger than one record may be", Err: err}
	case errors.Is(err, wal.ErrClosed):
		return errCollectionClosed
	case errors.Is(err, wal.ErrOutcomeUnknown):
		return &Error{Kind: Unavailable, Text: "the outcome of the write is unknown, it may appear later", Err: err}
	case errors.Is(err, wal.ErrPoisoned):
		return &Error{Kind: Unavailable, Text: logPoisoned, Err: err}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return &Error{Kind: Timeout, Text: "the request ended before it was written", Err: err}
	}
	return err
}

// durableError is for a wait for apply that ended early. The record is in the log,
// and what it says appears once the log can be applied.
func durableError(err error, p wal.Position) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return &Error{Kind: Timeout, Text: fmt.Sprintf("the write is durable at position %d, the request ended before it was applied", p), Err: err}
	}
	cause := writeError(err)
	text := cause.Error()
	if known := new(Error); errors.As(cause, &known) {
		text = known.Text // what it hides is not for clients
	}
	return &Error{
		Kind: KindOf(cause), Text: fmt.Sprintf("%s; the write is durable at position %d and may appear later", text, p),
		Err: fmt.Errorf("%w: %w", wal.ErrOutcomeUnknown, cause),
	}
}

// partError is for a request of several records of which some are in order
// already.
func partError(err error) error {
	cause := writeError(err)
	return &Error{Kind: KindOf(cause), Text: "a part of the request was written, the rest was not: " + cause.Error(), Err: err}
}

func newHeader(config wal.Position) Header {
	return Header{Clock: time.Now(), OperationID: uuid.New(), ConfigVersion: config}
}

// config returns the configuration in force. While the order lock is held,
// shared or exclusively, it does not change.
func (c *Collection) config() *Config { return c.current.Load().config }

// rowSize returns the size of a point as it is now, 0 if it is not there.
func (c *Collection) rowSize(id segments.PointID) int {
	p := c.current.Load()
	if !p.view.TryRetain() {
		return 0
	}
	defer p.view.Release()
	row, ok, err := p.view.Get(id)
	if err != nil || !ok {
		return 0
	}
	return row.Size()
}
