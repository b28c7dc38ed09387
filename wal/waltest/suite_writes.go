package waltest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/wal"
)

func writes() []check {
	return []check{
		{"an empty log stands at its base", func(t *testing.T, s Subject) {
			require.Equal(t, wal.Position(500), last(t, open(t, s, 500)))
		}},
		{"positions follow the base without gaps", func(t *testing.T, s Subject) {
			log := open(t, s, 500)
			require.Equal(t, wal.Position(520), Write(t, log, 500, 20))
			require.Equal(t, wal.Position(520), last(t, log))
		}},
		{"an empty payload is a record", func(t *testing.T, s Subject) {
			log := open(t, s, 0)
			enqueue(t, log, nil)
			records, err := tail(t, log, 0).Next(t.Context())
			require.NoError(t, err)
			require.Len(t, records, 1)
			require.Empty(t, records[0].Payload)
		}},
		{"the payload is not retained", notRetained},
		{"records nobody waits for become durable", func(t *testing.T, s Subject) {
			log := open(t, s, 0)
			for p := range wal.Position(10) {
				enqueue(t, log, Payload(p+1))
			}
			ReadTo(t, tail(t, log, 0), 0, 10)
		}},
		{"last is a barrier", func(t *testing.T, s Subject) {
			log := open(t, s, 0)
			r := tail(t, log, 0)
			for p := range wal.Position(50) {
				enqueue(t, log, Payload(p+1))
			}
			require.Equal(t, wal.Position(50), last(t, log))
			ReadTo(t, r, 0, 50)
		}},
		{"last never lies below what was acknowledged", lastUnderLoad},
		{"wait may be repeated", func(t *testing.T, s Subject) {
			p := enqueue(t, open(t, s, 7), Payload(8))
			for range 3 {
				at, err := p.Wait(t.Context())
				require.NoError(t, err)
				require.Equal(t, wal.Position(8), at)
			}
		}},
		{"a cancelled enqueue leaves no record", func(t *testing.T, s Subject) {
			log := open(t, s, 0)
			_, err := log.Enqueue(cancelled(t), Payload(1))
			require.ErrorIs(t, err, context.Canceled)
			require.Zero(t, last(t, log))
		}},
		{"a cancelled wait does not take the record back", cancelledWait},
		{"a payload above the limit is refused", func(t *testing.T, s Subject) {
			log := open(t, s, 0)
			_, err := log.Enqueue(t.Context(), make([]byte, 1<<30))
			require.ErrorIs(t, err, wal.ErrTooLarge)
			Write(t, log, 0, 1)
		}},
		{"large payloads come back whole", largePayloads},
		{"concurrent writers get distinct positions in their own order", concurrentWriters},
		{"the last position is not passed", exhausted},
	}
}

// lastUnderLoad calls Last right behind each acknowledgement, while others
// commit: the barrier must not answer with what was durable a moment before.
func lastUnderLoad(t *testing.T, s Subject) {
	log := open(t, s, 0)
	errs := make([]error, 4)
	together(len(errs), func(i int) {
		for range 200 {
			p, err := log.Enqueue(t.Context(), []byte{byte(i)})
			if err != nil {
				errs[i] = err
				return
			}
			if i%2 == 0 { // the others leave their records to the barrier
				if _, errs[i] = p.Wait(t.Context()); errs[i] != nil {
					return
				}
			}
			got, err := log.Last(t.Context())
			if err != nil {
				errs[i] = err
				return
			}
			at, err := p.Wait(t.Context())
			if err == nil && at > got {
				err = fmt.Errorf("record at %d, the barrier behind it says %d", at, got)
			}
			if err != nil {
				errs[i] = err
				return
			}
		}
	})
	require.NoError(t, errors.Join(errs...))
}

func notRetained(t *testing.T, s Subject) {
	log := open(t, s, 0)
	payload := []byte("as it was enqueued")
	p := enqueue(t, log, payload)
	clear(payload)
	_, err := p.Wait(t.Context())
	require.NoError(t, err)
	records, err := tail(t, log, 0).Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, "as it was enqueued", string(records[0].Payload))
}

func cancelledWait(t *testing.T, s Subject) {
	log := open(t, s, 0)
	p := enqueue(t, log, Payload(1))
	if at, err := p.Wait(cancelled(t)); err != nil {
		require.ErrorIs(t, err, wal.ErrOutcomeUnknown)
	} else {
		require.Equal(t, wal.Position(1), at)
	}
	at, err := p.Wait(t.Context())
	require.NoError(t, err)
	require.Equal(t, wal.Position(1), at)
	ReadTo(t, tail(t, log, 0), 0, 1)
}

func largePayloads(t *testing.T, s Subject) {
	log := open(t, s, 0)
	sizes := []int{5 << 20, 1, 3 << 20, 1 << 20, 100, 9 << 20}
	r := tail(t, log, 0)
	for i, n := range sizes {
		enqueue(t, log, bytes.Repeat([]byte{byte(i + 1)}, n))
	}
	var got []int
	for len(got) < len(sizes) {
		records, err := r.Next(t.Context())
		require.NoError(t, err)
		for _, rec := range records {
			got = append(got, len(rec.Payload))
			fill := bytes.Repeat([]byte{byte(len(got))}, len(rec.Payload))
			require.True(t, bytes.Equal(fill, rec.Payload), "content of record %d", rec.Position)
		}
	}
	require.Equal(t, sizes, got)
}

// concurrentWriters numbers the records of each writer: positions and numbers
// must rise together, in what is answered and in what is read.
func concurrentWriters(t *testing.T, s Subject) {
	const writers, each = 8, 60
	log := open(t, s, 0)
	r := tail(t, log, 0)
	var mu sync.Mutex
	answered := make(map[wal.Position][2]int)
	together(writers, func(w int) {
		var before wal.Position
		for n := range each {
			p, err := log.Enqueue(t.Context(), binary.AppendUvarint([]byte{byte(w)}, uint64(n)))
			if err != nil {
				t.Error(err)
				return
			}
			at, err := p.Wait(t.Context())
			if err != nil || at <= before {
				t.Errorf("writer %d: record %d at %d after %d: %v", w, n, at, before, err)
				return
			}
			before = at
			mu.Lock()
			answered[at] = [2]int{w, n}
			mu.Unlock()
		}
	})
	require.Len(t, answered, writers*each)
	for read := 0; read < writers*each; {
		records, err := r.Next(t.Context())
		require.NoError(t, err)
		for _, rec := range records {
			read++
			n, _ := binary.Uvarint(rec.Payload[1:])
			require.Equal(t, answered[rec.Position], [2]int{int(rec.Payload[0]), int(n)}, "record %d", rec.Position)
		}
	}
}

func exhausted(t *testing.T, s Subject) {
	log := open(t, s, wal.MaxPosition-2)
	Write(t, log, wal.MaxPosition-2, 2)
	_, err := log.Enqueue(t.Context(), nil)
	require.ErrorIs(t, err, wal.ErrExhausted)
	require.Equal(t, wal.MaxPosition, last(t, log))
}
