package local

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/tidemark-db/tidemark/wal"
)

// cursor is a place between two frames.
type cursor struct {
	number uint64 // of the generation, 0 if the place is not known
	off    int64
	salt   uint64
	chain  uint32 // CRC of the frame before off
}

// reader implements wal.Reader. It takes groups from memory while it keeps up
// with the log and reads the files otherwise.
type reader struct {
	log  *Log
	news chan struct{} // holds a value if the log changed since it was last looked at

	// Guarded by log.mu.
	after wal.Position // last position that was handed out
	held  *group       // whose buffer the records of the last Next lie in

	use     sync.Mutex // held by Next, guards what follows
	records []wal.Record
	at      cursor   // behind after
	scan    *scanner // open while reading files
	err     error    // final

	closed chan struct{}
	once   sync.Once
}

// Tail implements wal.Log.
func (l *Log) Tail(ctx context.Context, after wal.Position) (wal.Reader, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, wal.ErrClosed
	}
	oldest := l.spans[0]
	if after < oldest.after && oldest.number > 1 {
		return nil, fmt.Errorf("records from %d on, the oldest is %d: %w", after+1, oldest.after+1, wal.ErrReleased)
	}
	r := &reader{
		log: l, after: max(after, oldest.after),
		news: make(chan struct{}, 1), closed: make(chan struct{}),
	}
	l.readers[r] = struct{}{}
	return r, nil
}

// Next implements wal.Reader.
func (r *reader) Next(ctx context.Context) ([]wal.Record, error) {
	r.use.Lock()
	defer r.use.Unlock()
	for {
		state, g, err := r.look()
		switch {
		case err != nil:
			return nil, err
		case state == inMemory:
			return r.fromMemory(g)
		case state == inFiles:
			records, err := r.fromFiles()
			if len(records) > 0 || err != nil {
				return records, err
			}
			continue
		}
		select {
		case <-r.news:
		case <-r.closed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// where the next records are.
type whereabouts int

const (
	notYet whereabouts = iota
	inMemory
	inFiles
)

// look lets go of what the last Next returned and says where the next records
// are. A group that it returns is held.
func (r *reader) look() (whereabouts, *group, error) {
	l := r.log
	l.mu.Lock()
	defer l.mu.Unlock()
	r.letGo()
	select {
	case <-r.closed:
		return notYet, nil, wal.ErrClosed
	default:
	}
	switch {
	case r.err != nil:
		return notYet, nil, r.err
	case r.after < l.durable:
		if g := l.recent.find(r.after + 1); g != nil {
			g.holders++
			r.held = g
			return inMemory, g, nil
		}
		return inFiles, nil, nil
	case l.closed:
		return notYet, nil, wal.ErrClosed
	case errors.Is(l.failed, wal.ErrPoisoned):
		return notYet, nil, l.failed
	}
	return notYet, nil, nil
}

// letGo gives back the group of the last Next. log.mu is held.
func (r *reader) letGo() {
	if r.held != nil {
		r.log.drop(r.held)
		r.held = nil
		r.log.forget()
	}
}

// fromMemory decodes a group that is held.
func (r *reader) fromMemory(g *group) ([]wal.Record, error) {
	h := head{first: g.first, count: uint32(g.count)}
	records, err := appendRecords(r.records[:0], h, g.buf[headSize:], r.after)
	if err != nil {
		return nil, r.fail(fmt.Errorf("read group in memory: %w", err))
	}
	r.at = g.end
	return r.advance(records), r.closeScan()
}

// advance notes what is handed out.
func (r *reader) advance(records []wal.Record) []wal.Record {
	r.records = records
	if len(records) > 0 {
		r.log.mu.Lock()
		defer r.log.mu.Unlock()
		r.after = records[len(records)-1].Position
	}
	return records
}

// fail makes err the answer to all further calls.
func (r *reader) fail(err error) error {
	r.err = err
	return err
}

// Close implements wal.Reader.
func (r *reader) Close() error {
	var err error
	r.once.Do(func() {
		close(r.closed) // ends Next, if it waits
		r.use.Lock()
		defer r.use.Unlock()
		err = r.closeScan()
		r.log.mu.Lock()
		defer r.log.mu.Unlock()
		r.letGo()
		delete(r.log.readers, r)
		r.log.forget()
	})
	return err
}
