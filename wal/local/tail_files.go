package local

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/tidemark-db/tidemark/wal"
)

// fromFiles returns the records of the next frame, or none if the frame has
// none above r.after.
func (r *reader) fromFiles() ([]wal.Record, error) {
	if r.scan == nil {
		if err := r.openAt(); err != nil {
			return nil, r.fail(err)
		}
	}
	number := r.scan.origin.number
	s, ok := r.log.spanOf(number)
	if ok {
		r.scan.end = s.size // what is durable now
	}
	f, err := r.scan.read()
	switch {
	case errors.Is(err, io.EOF) && !ok:
		return nil, r.skipReleased()
	case errors.Is(err, io.EOF):
		err = badf("the generation ends early")
		fallthrough
	case err != nil:
		return nil, r.fail(r.scan.corrupt(err))
	case f.kind == kindClose:
		return nil, r.nextFile()
	}
	r.at = cursor{number: number, off: r.scan.off, salt: r.scan.salt, chain: r.scan.chain}
	records, err := appendRecords(r.records[:0], f.head, f.body, r.after)
	if err != nil {
		return nil, r.fail(r.scan.corrupt(badf("%v", err)))
	}
	return r.advance(records), nil
}

// openAt opens the generation that holds the record after r.after, behind the
// frame that was read last if that is known.
func (r *reader) openAt() error {
	if r.at.number == 0 {
		s, ok := r.log.spanAfter(r.after)
		if !ok {
			return fmt.Errorf("records from %d on: %w", r.after+1, wal.ErrReleased)
		}
		return r.openFile(s)
	}
	s, ok := r.log.spanOf(r.at.number)
	if !ok { // released, perhaps after all of it had been handed out
		r.at = cursor{}
		return r.openAt()
	}
	if err := r.openFile(s); err != nil {
		return err
	}
	if r.scan.salt != r.at.salt {
		return r.scan.corrupt(badf("the header changed"))
	}
	r.scan.off, r.scan.chain, r.scan.next = r.at.off, r.at.chain, r.after+1
	return nil
}

// openFile opens the file of a generation and reads its header.
func (r *reader) openFile(s span) error {
	scan, err := openScanner(r.log.opts.FS, r.log.dir, s.number, s.size)
	if err != nil && scan == nil {
		if _, listed := r.log.spanOf(s.number); !listed || r.log.isClosed() && errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("records from %d on: %w", r.after+1, wal.ErrReleased)
		}
		return err
	}
	r.scan = scan
	if err == nil && scan.base != s.after {
		err = badf("begins after position %d, not %d", scan.base, s.after)
	}
	if err != nil {
		return scan.corrupt(err)
	}
	return nil
}

// nextFile goes on with the generation behind the one that was read to its
// close frame.
func (r *reader) nextFile() error {
	number, chain, next := r.scan.origin.number+1, r.scan.chain, r.scan.next
	if err := r.closeScan(); err != nil {
		return r.fail(err)
	}
	s, ok := r.log.spanOf(number)
	if !ok {
		return r.skipReleased()
	}
	if err := r.openFile(s); err != nil {
		return r.fail(err)
	}
	if r.scan.link != chain || r.scan.origin.prevLast != next-1 {
		r.scan.off = 0
		return r.fail(r.scan.corrupt(badf("does not continue the generation before")))
	}
	r.at = cursor{number: number, off: r.scan.off, salt: r.scan.salt, chain: r.scan.chain}
	return nil
}

// skipReleased lets go of a generation that was released while the reader stood
// in it. The next call looks for the record after r.after wherever it is now:
// what was released may have been handed out before.
func (r *reader) skipReleased() error {
	r.at = cursor{}
	if err := r.closeScan(); err != nil {
		return r.fail(err)
	}
	return nil
}

func (r *reader) closeScan() error {
	if r.scan == nil {
		return nil
	}
	err := r.scan.file.Close()
	r.scan = nil
	return err
}

// spanOf returns the generation with this number.
func (l *Log) spanOf(number uint64) (span, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := number - l.spans[0].number; number >= l.spans[0].number && i < uint64(len(l.spans)) {
		return l.spans[i], true
	}
	return span{}, false
}

// spanAfter returns the generation that holds the first record above after.
func (l *Log) spanAfter(after wal.Position) (span, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if after < l.spans[0].after {
		return span{}, false
	}
	for _, s := range l.spans {
		if s.last > after {
			return s, true
		}
	}
	return span{}, false
}

func (l *Log) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}
