package segments

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/tidemark-db/tidemark/internal/fsx"
)

// Segment is an open segment file. It is immutable and may be used
// concurrently. It is closed when its last reference is released; whoever opens
// it has the first.
type Segment struct {
	file     fsx.File
	path     string
	size     int64
	contents *contents
	foot     footer
	filter   idFilter
	fences   []byte // the id that begins each block of rows
	payloads []payloadEntry
	accessor *accessor
	mapped   *segmentPart

	references atomic.Int64
}

// OpenSegment opens a segment file. It reads and verifies what finds rows: the
// footer, the table of contents, the id filter, the first id of each block and
// the index of payloads. Everything else is verified when it is touched.
func OpenSegment(fsys fsx.FS, path string) (*Segment, error) {
	f, err := fsys.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("open segment: %w", err)
	}
	s := &Segment{file: f, path: path}
	if err := s.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("open segment: %w", err), f.Close())
	}
	s.references.Store(1)
	return s, nil
}

func (s *Segment) load() error {
	st, err := s.file.Stat()
	if err != nil {
		return err
	}
	s.size = st.Size()
	if s.size < headerSize+footerSize || s.size > MaxSegmentBytes {
		return s.damaged(0, fmt.Errorf("it has %d bytes", s.size))
	}
	if err := s.loadContents(); err != nil {
		return err
	}
	s.accessor = newAccessor(s.file, s.size, s.contents)
	s.mapped = newSegmentPart(s, s.accessor)
	return s.loadIndex()
}

// loadContents reads header, footer and table of contents.
func (s *Segment) loadContents() error {
	head, err := s.read(0, headerSize)
	if err != nil {
		return err
	}
	foot, err := s.read(s.size-footerSize, footerSize)
	if err != nil {
		return err
	}
	s.foot, err = decodeFooter(foot)
	var format errFormat
	switch {
	case errors.As(err, &format):
		return &NewerFormatError{File: s.path, Format: uint32(format), Known: segmentFormat}
	case err != nil:
		return s.damaged(s.size-footerSize, err)
	case string(head) != string(appendHeader(nil)):
		return s.damaged(0, errMagic)
	}
	off, n := s.foot.contentsOffset, s.foot.contentsLength
	if off < headerSize || n < 0 || off != align(off) || off > s.size || n != s.size-footerSize-off {
		return s.damaged(s.size-footerSize, fmt.Errorf("the table of contents lies at %d with %d bytes", off, n))
	}
	toc, err := s.read(off, n)
	if err != nil {
		return err
	}
	if checksum(toc) != s.foot.contentsSum {
		return s.damaged(off, errChecksum)
	}
	if s.contents, err = decodeContents(toc, off); err != nil {
		return s.damaged(off, err)
	}
	return nil
}

// loadIndex reads the sections that stay in memory.
func (s *Segment) loadIndex() error {
	filter, err := s.whole(filterSection)
	if err != nil {
		return err
	}
	s.filter = filter
	if s.fences, err = s.whole(fencesSection); err != nil {
		return err
	}
	index, err := s.whole(payloadIndexSection)
	if err != nil {
		return err
	}
	for b := index; len(b) > 0; b = b[payloadEntrySize:] {
		s.payloads = append(s.payloads, payloadEntryAt(b))
	}
	if err := s.checkPayloads(); err != nil {
		return s.damaged(s.contents.section(payloadIndexSection, 0).offset, err)
	}
	return nil
}

// maxPayloadBlock bounds what one block of payloads may take in memory.
const maxPayloadBlock = 64 << 20

// checkPayloads makes sure that no entry of the index reaches out of its
// section or leaves a row without a payload.
func (s *Segment) checkPayloads() error {
	end := int64(0)
	for i, e := range s.payloads {
		rows := int64(s.payloadRowsEnd(i)) - int64(e.firstRow)
		switch {
		case i == 0 && e.firstRow != 0, rows < 1, rows > payloadBlockRows:
			return fmt.Errorf("block %d of payloads has %d rows from %d", i, rows, e.firstRow)
		case e.offset != end, int64(e.raw) < 4*rows, e.raw > maxPayloadBlock, e.stored > maxPayloadBlock:
			return fmt.Errorf("block %d of payloads lies at %d", i, e.offset)
		}
		end += int64(e.stored)
	}
	if len(s.payloads) == 0 || end != s.contents.section(payloadsSection, 0).length {
		return errors.New("the blocks of payloads do not fill their section")
	}
	return nil
}

// payloadRowsEnd returns the row behind those of a block of payloads.
func (s *Segment) payloadRowsEnd(block int) uint32 {
	if block+1 < len(s.payloads) {
		return s.payloads[block+1].firstRow
	}
	return uint32(s.contents.rows)
}

func (s *Segment) read(off, n int64) ([]byte, error) {
	b := make([]byte, n)
	return b, s.readInto(off, b)
}

// readInto fills b with the bytes of the file from off on.
func (s *Segment) readInto(off int64, b []byte) error {
	if m, err := s.file.ReadAt(b, off); m < len(b) {
		if err == nil || errors.Is(err, io.EOF) {
			return s.damaged(off+int64(m), errCut)
		}
		return unreadable(s.path, off+int64(m), err)
	}
	return nil
}

// whole reads a section of rows completely.
func (s *Segment) whole(kind sectionKind) ([]byte, error) {
	sec := s.contents.section(kind, 0)
	b := make([]byte, sec.length)
	return b, newStream(s.file).readAt(sec, 0, b)
}

func (s *Segment) damaged(off int64, err error) error {
	return &DamagedError{File: s.path, Offset: off, Reason: err.Error()}
}

// Name returns the name of the file without its directory.
func (s *Segment) Name() string { return filepath.Base(s.path) }

// Path returns the path of the file.
func (s *Segment) Path() string { return s.path }

// Size returns the bytes of the file.
func (s *Segment) Size() int64 { return s.size }

// Content returns a reader of the whole file, past the mapping. It can be used
// as long as the segment is held, also after the file's name is gone.
//
// The reader ends by io.EOF only if every byte is what was written: the footer
// is the one that was verified at opening, and the 128-bit hash in it is that of
// all the rest. A difference is a DamagedError.
func (s *Segment) Content() io.Reader {
	r := &contentReader{segment: s}
	r.total.Reset()
	return r
}

// Rows returns the number of rows, dead ones included.
func (s *Segment) Rows() int { return s.contents.rows }

// Column describes the vectors of one key in a segment.
type Column struct {
	Spec    VectorSpec // without its name, which a segment does not know
	Vectors int        // how many rows have one
}

// Columns describes the vectors in order of their keys.
func (s *Segment) Columns() []Column {
	out := make([]Column, len(s.contents.columns))
	for i := range s.contents.columns {
		c := &s.contents.columns[i]
		out[i] = Column{Spec: c.spec(), Vectors: c.present}
	}
	return out
}

// Sums returns the sums of the hashes of all rows, dead ones included.
func (s *Segment) Sums() Sums { return s.contents.sums() }

// retain adds a reference; there must be one already.
func (s *Segment) retain() { s.references.Add(1) }

// Release gives a reference back. The last one unmaps and closes the file; it
// does not remove it.
func (s *Segment) Release() error {
	switch n := s.references.Add(-1); {
	case n < 0:
		panic("segments: a segment was released more often than it was retained")
	case n > 0:
		return nil
	}
	return errors.Join(s.accessor.unmap(), s.file.Close())
}

// fence returns the first id of a block of rows.
func (s *Segment) fence(block int) PointID {
	return idAt(s.kindOf(block*blockRows), s.fences[block*idBytes:])
}

// kindOf returns the kind of the id of a row: numbers come first.
func (s *Segment) kindOf(row int) idKind {
	if row < s.contents.numbers {
		return numberKind
	}
	return uuidKind
}
