package local

import (
	"context"
	"fmt"

	"github.com/tidemark-db/tidemark/wal"
)

// group is a set of records that is written in one frame and becomes durable
// at once.
type group struct {
	first wal.Position
	count int
	buf   []byte // room for the frame's head, then the body; guarded by Log.mu until it is taken

	done chan struct{} // closed when the group is durable or has failed
	err  error         // set before done is closed

	// Guarded by Log.mu, used after the group became durable.
	holders int // who may still read buf: the recent groups and readers
	end     cursor
}

// last is the position of the group's last record.
func (g *group) last() wal.Position { return g.first + wal.Position(g.count) - 1 }

func (g *group) isDone() bool {
	select {
	case <-g.done:
		return true
	default:
		return false
	}
}

// pending implements wal.Pending.
type pending struct {
	log      *Log
	group    *group
	position wal.Position
}

// Wait implements wal.Pending. Whoever waits may be the one that writes and
// syncs for all; it finishes that though its context ends meanwhile.
func (p *pending) Wait(ctx context.Context) (wal.Position, error) {
	if err := p.log.await(ctx, p.group); err != nil {
		return 0, err
	}
	return p.position, nil
}

// await returns once g is durable or has failed, or with an error that wraps
// wal.ErrOutcomeUnknown if ctx ends first.
func (l *Log) await(ctx context.Context, g *group) error {
	if g.isDone() {
		return g.err
	}
	select {
	case <-g.done:
	case l.token <- struct{}{}:
		l.commitThrough(g)
		<-l.token
	case <-ctx.Done():
		return fmt.Errorf("wait for the log: %w: %w", wal.ErrOutcomeUnknown, ctx.Err())
	}
	return g.err
}

// take removes the oldest group from the queue; records can no longer join it.
func (l *Log) take() *group {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 {
		return nil
	}
	g := l.queue[0]
	l.queue = append(l.queue[:0], l.queue[1:]...)
	if l.open == g {
		l.open = nil
	}
	return g
}

// buffer returns an empty buffer with room for a head and n bytes of records.
// l.mu is held.
func (l *Log) buffer(n int) []byte {
	if k := len(l.free); k > 0 {
		buf := l.free[k-1]
		l.free = l.free[:k-1]
		if cap(buf) >= headSize+n {
			return buf[:headSize]
		}
	}
	return make([]byte, headSize, headSize+n+blockSize)
}

// drop gives up one hold on g's buffer. l.mu is held.
func (l *Log) drop(g *group) {
	g.holders--
	if g.holders > 0 {
		return
	}
	if cap(g.buf) <= keepBytes && len(l.free) < maxFree {
		l.free = append(l.free, g.buf)
	}
	g.buf = nil
}
