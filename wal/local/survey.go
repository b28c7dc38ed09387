package local

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/wal"
)

// span describes a generation that is part of the log.
type span struct {
	number uint64
	after  wal.Position // last position before it: its records lie above
	first  wal.Position // of its first record; above after + 1 if positions were skipped
	last   wal.Position // its last record, or first - 1 if it has none
	size   int64
}

// lastRecord returns the position of the last record of consecutive
// generations, or the one before the first.
func lastRecord(spans []span) wal.Position {
	for i := len(spans) - 1; i >= 0; i-- {
		if s := spans[i]; s.last >= s.first {
			return s.last
		}
	}
	return spans[0].after
}

// survey is what the files of a log say, before anything is changed.
type survey struct {
	listing
	closed []span   // all generations with a header but the last, in order
	last   *scanner // the last generation with a header, read to its end; nil in a new log
	spare  uint64   // number of a last directory without a header, or 0
	tail   tail     // what lies behind the end of last
	marker *cleanMarker
}

// tail is what follows the last good frame of a log.
type tail struct {
	offset int64
	length int64
	zero   bool // nothing but zeros
	whole  bool // as long as the frame that should be there
}

// take reads the directory and decides, for each thing that it finds, whether
// it is in order, can be repaired, or must be refused. It changes nothing. The
// caller closes the result, also after an error.
func take(fsys fsx.FS, dir string) (*survey, error) {
	l, err := list(fsys, dir)
	if err != nil {
		return &survey{}, err
	}
	v := &survey{listing: l}
	if err := v.numbered(dir); err != nil {
		return v, err
	}
	if l.clean {
		m, err := readClean(fsys, dir)
		if err != nil {
			return v, err
		}
		v.marker = &m
	}
	if err := v.headers(fsys, dir); err != nil {
		return v, err
	}
	if v.last == nil {
		return v, v.agrees(dir)
	}
	if err := v.toEnd(fsys, dir); err != nil {
		return v, err
	}
	return v, v.agrees(dir)
}

func (v *survey) close() error {
	if v.last == nil {
		return nil
	}
	return v.last.file.Close()
}

// numbered refuses a gap between generations.
func (v *survey) numbered(dir string) error {
	for i := 1; i < len(v.generations); i++ {
		if v.generations[i] != v.generations[i-1]+1 {
			return &wal.CorruptError{
				File:   filepath.Join(dir, generationName(v.generations[i-1]+1)),
				Reason: "a generation is missing",
			}
		}
	}
	return nil
}

// headers reads the headers of all generations and checks that each continues
// the one before.
func (v *survey) headers(fsys fsx.FS, dir string) error {
	for i, number := range v.generations {
		s, err := openScanner(fsys, dir, number, -1)
		if s == nil {
			return v.unopened(fsys, dir, number, err)
		}
		if err != nil {
			bad := s.corrupt(err)
			if i == len(v.generations)-1 {
				bad = v.headerless(s, bad)
			}
			if cerr := s.file.Close(); bad != nil || cerr != nil {
				return errors.Join(bad, cerr)
			}
			continue
		}
		before := v.last
		v.last = s
		if before != nil {
			if err := v.continues(before, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// unopened judges a generation whose file cannot be opened: the directory of a
// generation that was never finished may be without it.
func (v *survey) unopened(fsys fsx.FS, dir string, number uint64, err error) error {
	entries, lerr := fsys.ReadDir(filepath.Join(dir, generationName(number)))
	if lerr != nil || len(entries) > 0 {
		return errors.Join(err, lerr)
	}
	newest := number == v.generations[len(v.generations)-1]
	if newest && v.marker == nil && (v.last != nil || number == 1) {
		v.spare = number
		return nil
	}
	return &wal.CorruptError{File: generationFile(dir, number), Reason: "the file is missing"}
}

// headerless judges the newest generation if its header is not there: it may
// be a spare, or the first of a log whose creation did not finish.
func (v *survey) headerless(s *scanner, bad error) error {
	if v.last == nil && len(v.generations) == 1 && v.generations[0] != 1 {
		return bad
	}
	rest, err := readRest(s, 0)
	if err != nil {
		return err
	}
	if at := findFrame(rest, nil); at >= 0 {
		return &wal.CorruptError{
			File:   s.file.Name(),
			Reason: fmt.Sprintf("%v, but a valid frame at byte %d", bad, at),
		}
	}
	v.spare = v.generations[len(v.generations)-1]
	return nil
}

// continues checks that s begins where the generation before ends, and keeps
// what is known about that one.
func (v *survey) continues(before, s *scanner) error {
	defer before.file.Close()
	c := span{
		number: before.origin.number,
		after:  before.base,
		first:  before.next,
		last:   s.origin.prevLast,
		size:   s.origin.prevSize,
	}
	if before.end != c.size {
		return &wal.CorruptError{
			File: before.file.Name(), Offset: min(before.end, c.size), Position: c.after,
			Reason: fmt.Sprintf("%d bytes, its successor says %d", before.end, c.size),
		}
	}
	if err := closesWith(before, s); err != nil {
		return err
	}
	v.closed = append(v.closed, c)
	return nil
}

// closesWith checks the close frame of a generation, which fills its last
// block, against the header of its successor.
func closesWith(before, s *scanner) error {
	at := before.end - blockSize
	bad := func(reason string) error {
		return &wal.CorruptError{File: before.file.Name(), Offset: at, Position: before.next - 1, Reason: reason}
	}
	if at < blockSize {
		return bad("no close frame, though it has a successor")
	}
	block := make([]byte, blockSize)
	if _, err := before.file.ReadAt(block, at); err != nil {
		return fmt.Errorf("read log: %w", err)
	}
	_, width := binary.Uvarint(block)
	h, _, err := decodeFrame(block[max(width, 0):])
	switch {
	case err != nil:
		return bad("close frame: " + err.Error())
	case h.kind != kindClose || h.salt != before.salt:
		return bad("no close frame, though it has a successor")
	case h.first != s.origin.prevLast+1:
		return bad(fmt.Sprintf("ends before position %d, its successor says %d", h.first, s.origin.prevLast+1))
	case h.crc != s.link:
		return bad("its close frame is not the one that its successor follows")
	}
	return nil
}

// toEnd reads the last generation and judges where it stops.
func (v *survey) toEnd(fsys fsx.FS, dir string) error {
	s := v.last
	for {
		_, err := s.read()
		if err == nil {
			continue
		}
		if !errors.Is(err, io.EOF) {
			if err := v.stopped(s, err); err != nil {
				return err
			}
		}
		break
	}
	if s.closed && v.spare == 0 {
		return &wal.CorruptError{
			File: filepath.Join(dir, generationName(s.origin.number+1)), Position: s.next - 1,
			Reason: "the generation is missing, though the one before is closed",
		}
	}
	if s.closed {
		// The header of the successor was being written. Its file was there
		// before the close frame was.
		if _, err := fsys.Stat(generationFile(dir, v.spare)); err != nil {
			return &wal.CorruptError{File: generationFile(dir, v.spare), Position: s.next - 1, Reason: "the file is missing"}
		}
	}
	return nil
}

// stopped judges a bad spot in the last generation.
func (v *survey) stopped(s *scanner, bad error) error {
	damage := s.corrupt(bad)
	var corrupt *wal.CorruptError
	if !errors.As(damage, &corrupt) || s.closed {
		return damage
	}
	rest, err := readRest(s, s.off)
	if err != nil {
		return err
	}
	if at := findFrame(rest, &s.salt); at >= 0 {
		corrupt.Reason += fmt.Sprintf("; a valid frame follows at byte %d", s.off+int64(at))
		return corrupt
	}
	v.tail = tail{offset: s.off, length: int64(len(rest)), zero: allZero(rest), whole: wholeFrame(rest)}
	return nil
}

// agrees checks the marker of a clean close.
func (v *survey) agrees(dir string) error {
	m := v.marker
	if m == nil {
		return nil
	}
	differs := func(file string, offset int64, last wal.Position) error {
		return &wal.CorruptError{
			File: file, Offset: offset, Position: last,
			Reason: fmt.Sprintf("the log was closed at byte %d of generation %d before position %d and does not end there now",
				m.size, m.number, m.next),
		}
	}
	if v.last == nil {
		return differs(filepath.Join(dir, generationName(m.number)), 0, 0)
	}
	s := v.last
	if s.closed || s.origin.number != m.number || s.off != m.size || s.end != m.size || s.chain != m.chain || s.next != m.next {
		return differs(s.file.Name(), s.off, s.next-1)
	}
	return nil
}

// readRest returns the bytes of a file from off to its end.
func readRest(s *scanner, off int64) ([]byte, error) {
	rest := make([]byte, s.end-off)
	if _, err := s.file.ReadAt(rest, off); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read log: %w", err)
	}
	return rest, nil
}

// findFrame returns where in b a frame with a right checksum begins, at
// whatever byte, or -1. With a salt it looks for frames of that generation.
func findFrame(b []byte, salt *uint64) int {
	needle, at := binary.LittleEndian.AppendUint16(nil, frameMagic), offMagic
	if salt != nil {
		needle, at = binary.LittleEndian.AppendUint64(nil, *salt), offSalt
	}
	for from := 0; ; {
		i := bytes.Index(b[from:], needle)
		if i < 0 {
			return -1
		}
		if begin := from + i - at; begin >= 0 && isFrame(b[begin:]) {
			return begin
		}
		from += i + 1
	}
}

// isFrame reports whether b begins with a frame whose checksum is right.
func isFrame(b []byte) bool {
	if len(b) < headSize {
		return false
	}
	end := headSize + int64(binary.LittleEndian.Uint32(b[offBody:]))
	if end > int64(len(b)) {
		return false
	}
	_, _, err := decodeFrame(b[:end])
	return err == nil || errors.Is(err, errNewerFrame)
}

// wholeFrame reports whether b is at least as long as the frame that it begins
// with, going by its length field.
func wholeFrame(b []byte) bool {
	n, width := binary.Uvarint(b)
	return width > 0 && n >= headSize && n <= uint64(len(b)-width)
}

func allZero(b []byte) bool {
	return len(bytes.TrimLeft(b, "\x00")) == 0
}

// spans describes all generations with a header. There is one at least.
func (v *survey) spans() []span {
	s := v.last
	return append(v.closed, span{number: s.origin.number, after: s.base, first: s.first, last: s.next - 1, size: s.off})
}
