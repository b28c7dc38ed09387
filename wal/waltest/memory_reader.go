package waltest

import (
	"context"
	"sync"

	"github.com/tidemark-db/tidemark/wal"
)

// maxMemoryGroup bounds the records that one Next of a Memory log returns.
const maxMemoryGroup = 256

type memoryReader struct {
	log    *Memory
	after  wal.Position
	group  []wal.Record
	once   sync.Once
	closed chan struct{}
}

// Next overwrites what it returned before, so that a caller who keeps records
// longer than the contract allows fails in tests and not in production.
func (r *memoryReader) Next(ctx context.Context) ([]wal.Record, error) {
	r.scribble()
	for {
		records, changed, err := r.take()
		if len(records) > 0 || err != nil {
			return records, err
		}
		select {
		case <-changed:
		case <-r.closed:
			return nil, wal.ErrClosed
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// take returns the next group, or what to wait for.
func (r *memoryReader) take() ([]wal.Record, <-chan struct{}, error) {
	m := r.log
	m.mu.Lock()
	defer m.mu.Unlock()
	select {
	case <-r.closed:
		return nil, nil, wal.ErrClosed
	default:
	}
	if r.after < m.released {
		return nil, nil, wal.ErrReleased
	}
	first := m.above(r.after)
	if first == len(m.records) { // after may lie above the last record
		return nil, m.changed, m.failed
	}
	for _, record := range m.records[first:min(first+maxMemoryGroup, len(m.records))] {
		r.after = record.Position
		own := append(make([]byte, 0, len(record.Payload)), record.Payload...)
		r.group = append(r.group, wal.Record{Position: r.after, Payload: own})
	}
	return r.group, nil, nil
}

func (r *memoryReader) scribble() {
	for i := range r.group {
		for j := range r.group[i].Payload {
			r.group[i].Payload[j] = 0xDB
		}
		r.group[i] = wal.Record{}
	}
	r.group = r.group[:0]
}

func (r *memoryReader) Close() error {
	r.once.Do(func() { close(r.closed) })
	return nil
}
