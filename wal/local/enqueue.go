package local

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/tidemark-db/tidemark/wal"
)

const (
	// maxQueue bounds the groups that wait for the disk: beyond it Enqueue
	// helps to write before it adds more.
	maxQueue = 8
	// maxFree bounds the idle group buffers of a log.
	maxFree = 2
)

// Enqueue implements wal.Log.
func (l *Log) Enqueue(ctx context.Context, payload []byte) (wal.Pending, error) {
	if err := ctx.Err(); err != nil {
		return nil, ctx.Err()
	}
	if len(payload) > l.opts.MaxRecordBytes {
		return nil, fmt.Errorf("record of %d bytes, the limit is %d: %w", len(payload), l.opts.MaxRecordBytes, wal.ErrTooLarge)
	}
	var large []byte // filled before the lock is taken
	if len(payload) >= l.opts.MaxGroupBytes {
		large = appendRecord(make([]byte, headSize, headSize+binary.MaxVarintLen64+len(payload)+blockSize), payload)
	}
	for {
		p, full, err := l.add(payload, large)
		if full == nil {
			if err != nil {
				return nil, err // not p: a nil pointer is not a nil interface
			}
			return p, nil
		}
		if err := l.await(ctx, full); err != nil && ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

// add puts the record in order, or returns a group to wait for because too
// many are queued.
func (l *Log) add(payload, large []byte) (p *pending, full *group, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed != nil {
		return nil, nil, l.failed
	}
	if l.next > wal.MaxPosition {
		return nil, nil, wal.ErrExhausted
	}
	if l.open == nil || large != nil || len(l.open.buf)+len(payload) > l.opts.MaxGroupBytes {
		if len(l.queue) >= maxQueue {
			return nil, l.queue[0], nil
		}
		l.startGroup(len(payload), large)
	}
	g := l.open
	if large == nil {
		g.buf = appendRecord(g.buf, payload)
	} else {
		l.open = nil // a large record stays alone
	}
	g.count++
	p = &pending{log: l, group: g, position: l.next}
	l.next++
	return p, nil, nil
}

// Skip implements wal.Log. The header of a generation declares the jump: the
// next record begins one.
func (l *Log) Skip(ctx context.Context, through wal.Position) error {
	if err := ctx.Err(); err != nil {
		return ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.failed != nil:
		return l.failed
	case through >= wal.MaxPosition:
		return wal.ErrExhausted
	case through >= l.next:
		l.next, l.open = through+1, nil
	}
	return nil
}

// startGroup appends a group to the queue. l.mu is held.
func (l *Log) startGroup(n int, large []byte) {
	g := &group{first: l.next, buf: large, done: make(chan struct{}), holders: 1}
	if large == nil {
		g.buf = l.buffer(n + binary.MaxVarintLen64)
	}
	l.queue = append(l.queue, g)
	l.open, l.newest = g, g
	select {
	case l.kick <- struct{}{}:
	default: // the flusher knows already
	}
}
