package local

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"path/filepath"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/wal"
)

// spare is the next generation, prepared in the background while the active
// one fills. Its directory is durable before the active one is closed.
type spare struct {
	ready chan struct{} // closed when gen or err is set
	gen   *generation
	err   error
}

// prepareSpare starts to prepare the next generation once the active one is
// half full. The caller holds the token.
func (l *Log) prepareSpare() {
	if l.spare != nil || l.active.size < l.opts.SegmentBytes/2 {
		return
	}
	s := &spare{ready: make(chan struct{})}
	l.spare = s
	number := l.active.number + 1
	l.background.Add(1)
	go func() {
		defer l.background.Done()
		defer close(s.ready)
		s.gen, s.err = prepareGeneration(l.opts.FS, l.dir, number, l.opts.SegmentBytes)
		if s.err == nil {
			s.gen.reserve() // the log is busy
		}
	}()
}

// takeSpare returns the prepared generation, or prepares it now.
func (l *Log) takeSpare() (*generation, error) {
	s := l.spare
	l.spare = nil
	if s == nil {
		return prepareGeneration(l.opts.FS, l.dir, l.active.number+1, l.opts.SegmentBytes)
	}
	<-s.ready
	return s.gen, s.err
}

// rotate closes the active generation and makes the spare the active one. Its
// first record will lie at next. The caller holds the token.
func (l *Log) rotate(next wal.Position) error {
	g, err := l.takeSpare()
	if err != nil {
		return err
	}
	old := l.active
	if _, err := old.append(make([]byte, headSize, blockSize), kindClose, old.next, 0); err != nil {
		return err
	}
	if _, err := old.sync(); err != nil {
		return err
	}
	if err := l.begin(g, old.chain, next, origin{number: g.number, prevLast: old.next - 1, prevSize: old.size}); err != nil {
		return err
	}
	g.lib.inherit(old.lib)
	old.giveBack()
	return old.close()
}

// begin writes the header of g and makes it the active generation.
func (l *Log) begin(g *generation, prev uint32, next wal.Position, o origin) error {
	salt, err := newSalt()
	if err != nil {
		return err
	}
	if err := g.begin(salt, prev, next, o); err != nil {
		return err
	}
	l.active = g
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.spans); n > 0 {
		l.spans[n-1].size = o.prevSize
	}
	l.spans = append(l.spans, span{number: g.number, after: o.prevLast, first: next, last: next - 1, size: g.size})
	l.resized()
	return nil
}

// resized tells the observer how large the log is. l.mu is held.
func (l *Log) resized() {
	var bytes int64
	for _, s := range l.spans {
		bytes += s.size
	}
	l.opts.Observer.Resized(len(l.spans), bytes)
}

func newSalt() (uint64, error) {
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		return 0, fmt.Errorf("draw salt of log: %w", err)
	}
	return binary.LittleEndian.Uint64(b[:]), nil
}

// discardSpare removes the spare of a log that is being closed.
func (l *Log) discardSpare() error {
	if l.spare == nil {
		return nil
	}
	<-l.spare.ready
	if l.spare.err != nil {
		return nil // what is left of it is removed when the log is opened
	}
	g := l.spare.gen
	l.spare = nil
	if err := g.close(); err != nil {
		return err
	}
	if err := fsx.RemoveAll(l.opts.FS, filepath.Join(l.dir, generationName(g.number))); err != nil {
		return fmt.Errorf("remove spare generation of log: %w", err)
	}
	return l.opts.FS.SyncDir(l.dir)
}
