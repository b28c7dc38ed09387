package local_test

import (
	"encoding/binary"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tidemark-db/tidemark/wal/local"
)

// bareLog is the measure for the log: the same group commit over one file, whose
// room is set aside in the same steps, without checksums, padding, generations,
// library and readers.
type bareLog struct {
	file  *os.File
	token chan struct{}

	// Guarded by token.
	size, room     int64
	groups, number int // commits, and records in them

	mu   sync.Mutex
	open *bareGroup
	free [][]byte
}

type bareGroup struct {
	buf  []byte
	n    int // records
	done chan struct{}
	err  error
}

func openBare(tb testing.TB, name string) *bareLog {
	f, err := os.Create(name)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, f.Close()) })
	return &bareLog{file: f, token: make(chan struct{}, 1)}
}

func (l *bareLog) append(payload []byte) error {
	g := l.join(payload)
	select {
	case <-g.done:
	case l.token <- struct{}{}:
		select {
		case <-g.done:
		default:
			l.commit()
		}
		<-l.token
	}
	return g.err
}

func (l *bareLog) join(payload []byte) *bareGroup {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		l.open = &bareGroup{done: make(chan struct{})}
		if n := len(l.free); n > 0 {
			l.open.buf = l.free[n-1][:0]
			l.free = l.free[:n-1]
		}
	}
	g := l.open
	g.buf = append(binary.AppendUvarint(g.buf, uint64(len(payload))), payload...)
	g.n++
	return g
}

func (l *bareLog) commit() {
	l.mu.Lock()
	g := l.open
	l.open = nil
	l.mu.Unlock()
	l.reserve(int64(len(g.buf)))
	if _, g.err = l.file.Write(g.buf); g.err == nil {
		g.err = unix.Fdatasync(int(l.file.Fd()))
	}
	l.size += int64(len(g.buf))
	l.groups, l.number = l.groups+1, l.number+g.n
	l.mu.Lock()
	l.free = append(l.free, g.buf)
	l.mu.Unlock()
	close(g.done)
}

// reserve sets room aside as the log does, one generation's at a time.
func (l *bareLog) reserve(n int64) {
	if l.size+n > l.room {
		_ = unix.Fallocate(int(l.file.Fd()), unix.FALLOC_FL_KEEP_SIZE, l.room, local.DefaultSegmentBytes) // advice
		l.room += local.DefaultSegmentBytes
	}
}
