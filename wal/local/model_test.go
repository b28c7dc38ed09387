package local_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tidemark-db/tidemark/wal"
	"github.com/tidemark-db/tidemark/wal/local"
)

// machine drives a log and a model of it: the records by position.
type machine struct {
	dir      string
	options  local.Options
	log      *local.Log
	records  [][]byte     // records[i] lies at base+1+i, nil where a position was skipped
	skipped  wal.Position // what the next record must lie above, beside the last one
	base     wal.Position
	released wal.Position
	pending  []modelPending
	readers  []*modelReader
	crashes  int
}

// modelReader is a reader and where it must be.
type modelReader struct {
	wal.Reader
	after wal.Position
}

type modelPending struct {
	wal.Pending
	at wal.Position
}

// last is the position of the last record: a skip is nothing until one follows.
func (m *machine) last() wal.Position { return m.base + wal.Position(len(m.records)) }

func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(fastDir(t), "model-")
		require.NoError(rt, err)
		m := &machine{
			dir:  filepath.Join(dir, "wal"),
			base: wal.Position(rapid.Uint64Range(0, 1000).Draw(rt, "base")),
			options: local.Options{
				SegmentBytes:  rapid.SampledFrom([]int64{1, 3 * block, 64 * block}).Draw(rt, "segment"),
				MaxGroupBytes: rapid.SampledFrom([]int{100, 5000, 1 << 20}).Draw(rt, "group"),
				TailBytes:     rapid.SampledFrom([]int{1, 20000, 1 << 20}).Draw(rt, "tail"),
			},
		}
		m.options.Base, m.released = m.base, m.base
		m.open(rt)
		rt.Repeat(map[string]func(*rapid.T){
			"enqueue": m.enqueue,
			"skip":    m.skip,
			"wait":    m.wait,
			"last":    m.checkLast,
			"tail":    m.tail,
			"next":    m.next,
			"leave":   m.leave,
			"release": m.release,
			"reopen":  m.reopen,
			"crash":   m.crash,
		})
		m.reopen(rt)
		m.tail(rt)
		m.shut(rt)
	})
}

func (m *machine) open(t *rapid.T) {
	log, r, err := local.Open(m.dir, m.options)
	require.NoError(t, err)
	require.Equal(t, m.last(), r.Last)
	require.LessOrEqual(t, r.After, m.released)
	m.log, m.skipped = log, 0
}

func (m *machine) skip(t *rapid.T) {
	m.skipped = max(m.skipped, m.last()+wal.Position(rapid.Uint64Range(0, 4).Draw(t, "positions")))
	require.NoError(t, m.log.Skip(t.Context(), m.skipped))
}

func (m *machine) enqueue(t *rapid.T) {
	n := rapid.IntRange(0, 9000).Draw(t, "size")
	payload := bytes.Repeat([]byte{byte(len(m.records))}, n)
	p, err := m.log.Enqueue(t.Context(), payload)
	require.NoError(t, err)
	for m.last() < m.skipped {
		m.records = append(m.records, nil)
	}
	m.records = append(m.records, payload)
	m.pending = append(m.pending, modelPending{p, m.last()})
	if at := m.last(); rapid.Bool().Draw(t, "wait") {
		got, err := p.Wait(t.Context())
		require.NoError(t, err)
		require.Equal(t, at, got)
	}
}

func (m *machine) wait(t *rapid.T) {
	for _, p := range m.pending {
		at, err := p.Wait(t.Context())
		require.NoError(t, err)
		require.Equal(t, p.at, at)
	}
	m.pending = nil
}

func (m *machine) checkLast(t *rapid.T) {
	got, err := m.log.Last(t.Context())
	require.NoError(t, err)
	require.Equal(t, m.last(), got)
}

func (m *machine) tail(t *rapid.T) {
	after := wal.Position(rapid.Uint64Range(0, uint64(m.last())+3).Draw(t, "after"))
	r, err := m.log.Tail(t.Context(), after)
	if errors.Is(err, wal.ErrReleased) {
		require.Less(t, after, m.released)
		return
	}
	require.NoError(t, err)
	m.readers = append(m.readers, &modelReader{r, max(after, m.base)})
}

func (m *machine) next(t *rapid.T) {
	if len(m.readers) == 0 {
		t.Skip("no readers")
	}
	r := rapid.SampledFrom(m.readers).Draw(t, "reader")
	if r.after >= m.last() {
		return // it would wait
	}
	records, err := r.Next(t.Context())
	if errors.Is(err, wal.ErrReleased) {
		require.Less(t, r.after, m.released)
		return
	}
	require.NoError(t, err)
	require.NotEmpty(t, records)
	for _, rec := range records {
		for r.after++; m.records[r.after-m.base-1] == nil; {
			r.after++
		}
		require.Equal(t, r.after, rec.Position)
		require.True(t, bytes.Equal(m.records[r.after-m.base-1], rec.Payload), "record %d", r.after)
	}
}

func (m *machine) leave(t *rapid.T) {
	if len(m.readers) == 0 {
		t.Skip("no readers")
	}
	require.NoError(t, m.readers[0].Close())
	m.readers = m.readers[1:]
}

func (m *machine) release(t *rapid.T) {
	through := wal.Position(rapid.Uint64Range(0, uint64(m.last())).Draw(t, "through"))
	require.NoError(t, m.log.Release(t.Context(), through))
	m.released = max(m.released, through)
}

func (m *machine) shut(t *rapid.T) {
	for _, r := range m.readers {
		require.NoError(t, r.Close())
	}
	m.readers, m.pending = nil, nil
	require.NoError(t, m.log.Close())
}

func (m *machine) reopen(t *rapid.T) {
	m.shut(t)
	m.open(t)
}

// crash goes on with a copy of the files as they are while the log is open,
// once everything is durable, with the torn end of a write.
func (m *machine) crash(t *rapid.T) {
	m.checkLast(t)
	m.crashes++
	clone := filepath.Join(filepath.Dir(m.dir), fmt.Sprintf("wal-%d", m.crashes))
	m.quiesce(t)
	require.NoError(t, os.CopyFS(clone, os.DirFS(m.dir)))
	m.shut(t)
	m.dir = clone
	if _, err := os.Stat(filepath.Join(clone, "CLEAN")); err != nil { // else nothing was being written
		torn := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "torn")
		f, err := os.OpenFile(filepath.Join(clone, newest(t, clone)), os.O_APPEND|os.O_WRONLY, 0)
		require.NoError(t, err)
		_, err = f.Write(torn)
		require.NoError(t, errors.Join(err, f.Close()))
	}
	m.open(t)
}

// quiesce waits until no spare is being prepared, which a copy could catch
// between two names that it reads one after the other.
func (m *machine) quiesce(t *rapid.T) { require.NoError(t, m.log.Quiesce(t.Context())) }

// newest is the last generation that has records.
func newest(t require.TestingT, dir string) string {
	r, err := local.Inspect(dir)
	require.NoError(t, err)
	for _, g := range r.Generations {
		if g.State == "active" {
			return generation(fmt.Sprint(g.Number))
		}
	}
	require.Fail(t, "no active generation")
	return ""
}
