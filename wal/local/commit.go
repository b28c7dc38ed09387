package local

import (
	"fmt"
	"time"

	"github.com/tidemark-db/tidemark/wal"
)

// commitThrough makes all groups up to g durable, or fails them. The caller
// holds the token.
func (l *Log) commitThrough(g *group) {
	for !g.isDone() {
		next := l.take()
		if next == nil {
			return // g was failed with the rest of the queue
		}
		l.commit(next)
	}
}

// commit writes and syncs one group.
func (l *Log) commit(g *group) {
	if err := l.write(g); err != nil {
		l.poison(g, err)
		return
	}
	l.publish(g)
	l.prepareSpare()
}

// write appends g to the active generation, or to the next one if it does not
// fit or does not follow, and syncs.
func (l *Log) write(g *group) error {
	if l.clean {
		if err := removeClean(l.opts.FS, l.dir); err != nil {
			return err
		}
		l.clean = false
	}
	full := l.active.groups > 0 && l.active.size+entrySize(len(g.buf))+blockSize > max(l.opts.SegmentBytes, l.postponed)
	if full || g.first != l.active.next {
		if err := l.rotate(g.first); err != nil {
			return err
		}
	}
	before := l.active.size
	frame, err := l.active.append(g.buf, kindGroup, g.first, g.count)
	g.buf = frame
	if err != nil {
		return err
	}
	took, err := l.active.sync()
	if err != nil {
		return err
	}
	l.opts.Observer.Committed(took, g.count, int(l.active.size-before))
	return nil
}

// publish tells readers and waiters that g is durable.
func (l *Log) publish(g *group) {
	l.mu.Lock()
	l.durable = g.last()
	l.spans[len(l.spans)-1].last = g.last()
	l.spans[len(l.spans)-1].size = l.active.size
	g.end = cursor{number: l.active.number, off: l.active.size, chain: l.active.chain, salt: l.active.salt}
	l.remember(g)
	l.wake()
	l.mu.Unlock()
	close(g.done)
}

// poison makes the log read-only. g may have reached the disk; what is queued
// behind it never will.
func (l *Log) poison(g *group, cause error) {
	l.mu.Lock()
	failed := fmt.Errorf("%w: %w", wal.ErrPoisoned, cause)
	l.failed = failed
	queued := l.queue
	l.queue, l.open = nil, nil
	l.wake()
	l.mu.Unlock()

	l.opts.Logger.Error("log failed, no more writes until it is opened again", "dir", l.dir, "error", cause)
	l.opts.Observer.Poisoned(cause)
	g.err = fmt.Errorf("%w: %w", wal.ErrOutcomeUnknown, failed)
	close(g.done)
	for _, q := range queued {
		q.err = failed
		close(q.done)
	}
}

// flushLoop commits records whose writers do not wait. It ends with the log.
func (l *Log) flushLoop() {
	defer l.background.Done()
	timer := time.NewTimer(flushDelay)
	defer timer.Stop()
	for {
		select {
		case <-l.kick:
		case <-l.stop:
			return
		}
		timer.Reset(flushDelay)
		select {
		case <-timer.C:
		case <-l.stop:
			return
		}
		l.flush()
	}
}

// flush commits everything enqueued so far.
func (l *Log) flush() {
	l.mu.Lock()
	g := l.newest
	l.mu.Unlock()
	if g == nil || g.isDone() {
		return
	}
	l.token <- struct{}{}
	l.commitThrough(g)
	<-l.token
}
