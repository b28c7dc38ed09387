package local

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/wal"
)

const (
	windowBytes = 256 << 10
	// keepBytes is the largest buffer that is kept for reuse.
	keepBytes = 4 << 20
)

// scanner reads the frames of one generation in order and checks that each
// follows the one before. It never reads at or above end.
type scanner struct {
	file fsx.File
	end  int64

	off    int64 // of the next frame
	frames uint64
	origin origin       // set by the header frame
	base   wal.Position // the generation's records lie above
	first  wal.Position // of the generation's first record
	salt   uint64
	link   uint32       // CRC of the last frame of the generation before
	chain  uint32       // CRC of the frame before off
	next   wal.Position // position of the next record
	closed bool         // the close frame was read

	window    []byte // bytes of the file from windowOff on
	windowOff int64
}

// frame is one decoded frame; body is valid until the scanner reads on.
type frame struct {
	head
	body []byte
}

// errScan says what is wrong at the scanner's offset.
type errScan struct{ reason string }

func (e errScan) Error() string { return e.reason }

// badf returns an errScan: the file is not what it should be, as opposed to an
// error of the file system.
func badf(format string, args ...any) error { return errScan{fmt.Sprintf(format, args...)} }

// read returns the next frame, io.EOF at the end, an errScan for a frame that
// cannot be right, or an error of the file system.
func (s *scanner) read() (frame, error) {
	if s.off == s.end {
		return frame{}, io.EOF
	}
	if s.closed {
		return frame{}, badf("bytes after the close frame")
	}
	entry, size, err := s.entry()
	if err != nil {
		return frame{}, err
	}
	h, body, err := decodeFrame(entry)
	if err != nil {
		return frame{}, badf("%v", err)
	}
	if err := s.follows(h, body); err != nil {
		return frame{}, err
	}
	s.off += size
	s.frames++
	s.chain = h.crc
	s.next = h.first + wal.Position(h.count)
	return frame{h, body}, nil
}

// entry returns the bytes of the frame at s.off and how many bytes of the file
// it takes.
func (s *scanner) entry() ([]byte, int64, error) {
	prefix, err := s.bytes(min(binary.MaxVarintLen64, s.end-s.off))
	if err != nil {
		return nil, 0, err
	}
	n, width := binary.Uvarint(prefix)
	if width <= 0 || n < headSize || n > headSize+maxBody+blockSize {
		return nil, 0, badf("no length of a frame")
	}
	size := int64(width) + int64(n)
	if size%blockSize != 0 {
		return nil, 0, badf("a frame of %d bytes, which does not end on a block of %d", size, blockSize)
	}
	if size > s.end-s.off {
		return nil, 0, badf("a frame of %d bytes, of which %d are there", size, s.end-s.off)
	}
	b, err := s.bytes(size)
	if err != nil {
		return nil, 0, err
	}
	return b[width:], size, nil
}

// bytes returns the n bytes from s.off on, which lie below s.end.
func (s *scanner) bytes(n int64) ([]byte, error) {
	from := s.off - s.windowOff
	if from >= 0 && from+n <= int64(len(s.window)) {
		return s.window[from : from+n], nil
	}
	window := int64(windowBytes)
	if s.off == 0 { // often nothing but the header is wanted
		window = blockSize
	}
	want := min(max(n, window), s.end-s.off)
	if int64(cap(s.window)) < want || (cap(s.window) > keepBytes && want <= windowBytes) {
		s.window = make([]byte, want)
	}
	s.window = s.window[:want]
	s.windowOff = s.off
	if got, err := s.file.ReadAt(s.window, s.off); got < len(s.window) {
		s.window = s.window[:0]
		if errors.Is(err, io.EOF) {
			return nil, badf("the file ends %d bytes early", want-int64(got))
		}
		return nil, fmt.Errorf("read log: %w", err)
	}
	return s.window[:n], nil
}

// follows checks h against the frames before it.
func (s *scanner) follows(h head, body []byte) error {
	if s.off == 0 {
		return s.begin(h, body)
	}
	switch {
	case h.kind == kindHeader:
		return badf("a second header frame")
	case h.salt != s.salt:
		return badf("a frame of another generation")
	case h.prev != s.chain:
		return badf("a frame that does not follow the one before it")
	case h.first != s.next:
		return badf("a frame of position %d where %d is next", h.first, s.next)
	case uint64(h.first)+uint64(h.count)-1 > uint64(wal.MaxPosition):
		return badf("a position above the highest")
	}
	if h.kind == kindGroup {
		if _, err := appendRecords(nil, head{first: h.first, count: h.count}, body, wal.MaxPosition); err != nil {
			return badf("%v", err)
		}
	}
	s.closed = h.kind == kindClose
	return nil
}

// begin takes what the header frame says.
func (s *scanner) begin(h head, body []byte) error {
	if h.kind != kindHeader {
		return badf("no header frame")
	}
	o, err := decodeOrigin(body)
	if err != nil {
		return badf("%v", err)
	}
	if h.first <= o.prevLast || h.first > wal.MaxPosition+1 {
		return badf("begins at position %d after %d", h.first, o.prevLast)
	}
	s.origin, s.base, s.first, s.salt, s.link = o, o.prevLast, h.first, h.salt, h.prev
	return nil
}

// lastRecord returns the position of the last record that was read, or the one
// before the generation.
func (s *scanner) lastRecord() wal.Position {
	if s.next <= s.first {
		return s.base
	}
	return s.next - 1
}

// openScanner opens the file of a generation and reads its header frame, which
// must be that of the generation with this number. end below zero means the
// end of the file. The caller closes scanner.file, also after an errScan.
func openScanner(fsys fsx.FS, dir string, number uint64, end int64) (*scanner, error) {
	f, err := fsys.OpenFile(generationFile(dir, number), osReadOnly, 0)
	if err != nil {
		return nil, fmt.Errorf("open generation %d of the log: %w", number, err)
	}
	s := &scanner{file: f, end: end}
	if end < 0 {
		st, err := f.Stat()
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open generation %d of the log: %w", number, err), f.Close())
		}
		s.end = st.Size()
	}
	_, err = s.read()
	if errors.Is(err, io.EOF) {
		err = badf("an empty file")
	}
	if err == nil && s.origin.number != number {
		err = badf("the header of generation %d", s.origin.number)
	}
	var bad errScan
	if err != nil && !errors.As(err, &bad) {
		return nil, errors.Join(err, f.Close())
	}
	return s, err
}

// corrupt turns what is wrong at the scanner's offset into a CorruptError; an
// error of the file system stays what it is.
func (s *scanner) corrupt(err error) error {
	var bad errScan
	if !errors.As(err, &bad) {
		return err
	}
	last := s.next
	if last > 0 {
		last--
	}
	return &wal.CorruptError{File: s.file.Name(), Offset: s.off, Position: last, Reason: bad.reason}
}
