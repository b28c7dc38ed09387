package local

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/wal"
)

// spare is the next generation, prepared in the background while the active
// one fills. Its directory is durable before the active one is closed.
type spare struct {
	number uint64
	ready  chan struct{} // closed when gen or err is set
	gen    *generation
	err    error
}

// prepare does the work. Whoever needs a spare is busy, so that blocks are set
// aside for it.
func (s *spare) prepare(o *Options, dir string) {
	defer close(s.ready)
	if s.gen, s.err = prepareGeneration(o, dir, s.number); s.err == nil {
		s.gen.reserve()
	}
}

// mayRetry reports whether the preparation failed and nothing of it counts.
func (s *spare) mayRetry() bool {
	<-s.ready
	return errors.As(s.err, new(*unpreparedError))
}

// prepareSpare starts to prepare the next generation once the active one is
// half full. The caller holds the token.
func (l *Log) prepareSpare() {
	if l.spare != nil || l.active.size < l.opts.SegmentBytes/2 {
		return
	}
	s := l.newSpare()
	l.background.Add(1)
	go func() {
		defer l.background.Done()
		s.prepare(&l.opts, l.dir)
	}()
}

func (l *Log) newSpare() *spare {
	l.spare = &spare{number: l.active.number + 1, ready: make(chan struct{})}
	return l.spare
}

// takeSpare returns the prepared generation, or prepares it now. What was
// prepared in vain is removed and made anew: no failed write or sync is repeated
// on a file that was there. An error that is no unpreparedError is final.
func (l *Log) takeSpare() (*generation, error) {
	s := l.spare
	if s != nil && s.mayRetry() {
		if err := l.removeGeneration(s.number); err != nil {
			return nil, &unpreparedError{s.number, err}
		}
		s = nil
	}
	if s == nil {
		s = l.newSpare()
		s.prepare(&l.opts, l.dir)
	}
	<-s.ready
	if s.err != nil {
		return nil, s.err // s stays, so that what is left of it goes
	}
	l.spare = nil
	return s.gen, nil
}

// removeGeneration removes the directory of a generation that has no header.
func (l *Log) removeGeneration(number uint64) error {
	if err := fsx.RemoveAll(l.opts.FS, filepath.Join(l.dir, generationName(number))); err != nil {
		return fmt.Errorf("remove spare generation of log: %w", err)
	}
	return nil
}

// postpone lets the active generation grow beyond its size, as long as there can
// be no next one: nothing was written yet, and the records may still fit where
// the log is.
func (l *Log) postpone(cause error) {
	if l.postponed == 0 {
		l.opts.Logger.Warn("the next file of the log could not be prepared, the log goes on in the present one",
			"dir", l.dir, "generation", l.active.number, "error", cause)
	}
	l.postponed = l.active.size + max(l.opts.SegmentBytes/16, blockSize)
}

// rotate closes the active generation and makes the spare the active one. If
// there can be no spare it leaves everything as it is, unless positions are
// skipped, which only a header can say. The first record will lie at next. The
// caller holds the token.
func (l *Log) rotate(next wal.Position) error {
	g, err := l.takeSpare()
	if errors.As(err, new(*unpreparedError)) && next == l.active.next {
		l.postpone(err)
		return nil
	}
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
	l.active, l.postponed = g, 0
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

// discardSpare removes the spare of a log that is being closed, or what is left
// of one: beside the marker of a clean close there is no unfinished generation.
func (l *Log) discardSpare() error {
	if l.spare == nil {
		return nil
	}
	s := l.spare
	if !s.mayRetry() && s.err != nil {
		return s.err // the directory cannot be synced: the next start looks at what is there
	}
	l.spare = nil
	if s.err == nil {
		if err := s.gen.close(); err != nil {
			return err
		}
	}
	if err := l.removeGeneration(s.number); err != nil {
		return err
	}
	return l.opts.FS.SyncDir(l.dir)
}
