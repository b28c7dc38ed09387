package segments

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/wal"
)

// A deletes file says which rows of the segments of one manifest are dead as of
// its position; docs/format/deletes.md describes it.
const (
	deletesMagic  = "TIDEDEL\n"
	deletesFormat = 1
	deletesPrefix = "deletes-"

	// A page is written as a list of rows if that is shorter than its bitmap.
	pageBytes   = pageRows / 8
	maxPageList = pageBytes / 2
)

// DeletesName returns the name of the deletes file of a manifest.
func DeletesName(generation uint64) string {
	return deletesPrefix + strconv.FormatUint(generation, 10)
}

// Deletes are the dead rows of segments as of one position.
type Deletes struct {
	Through wal.Position
	// segments are in the order of their names.
	segments []segmentDeletes
}

type segmentDeletes struct {
	name string
	rows int
	dead deadRows
}

// Dead returns how many rows of a segment are dead.
func (d *Deletes) Dead(name string) int {
	if s := d.find(name); s != nil {
		return s.dead.count
	}
	return 0
}

func (d *Deletes) find(name string) *segmentDeletes {
	for i := range d.segments {
		if d.segments[i].name == name {
			return &d.segments[i]
		}
	}
	return nil
}

func (d *Deletes) add(name string, rows int, dead deadRows) {
	i := 0
	for i < len(d.segments) && d.segments[i].name < name {
		i++
	}
	d.segments = append(d.segments, segmentDeletes{})
	copy(d.segments[i+1:], d.segments[i:])
	d.segments[i] = segmentDeletes{name: name, rows: rows, dead: dead}
}

// Encode returns the content of the file.
func (d *Deletes) Encode() []byte {
	b := append([]byte(nil), deletesMagic...)
	b = binary.LittleEndian.AppendUint32(b, deletesFormat)
	b = binary.LittleEndian.AppendUint64(b, uint64(d.Through))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(d.segments)))
	for i := range d.segments {
		b = d.segments[i].append(b)
	}
	return binary.LittleEndian.AppendUint32(b, checksum(b))
}

func (s *segmentDeletes) append(b []byte) []byte {
	b = append(b, byte(len(s.name)))
	b = append(b, s.name...)
	b = binary.LittleEndian.AppendUint32(b, uint32(s.rows))
	b = binary.LittleEndian.AppendUint32(b, uint32(s.dead.count))
	at := len(b)
	b = append(b, 0, 0, 0, 0)
	pages := uint32(0)
	for first := 0; first < s.rows; first += pageRows {
		if page, n := s.dead.pageAt(first); n > 0 {
			b = appendPage(b, first/pageRows, page, n)
			pages++
		}
	}
	binary.LittleEndian.PutUint32(b[at:], pages)
	return b
}

// pageAt returns the page of a row, and how many rows of it are dead.
func (d *deadRows) pageAt(row int) (*deadPage, int) {
	if row/tableRows >= len(d.tables) || d.tables[row/tableRows] == nil {
		return nil, 0
	}
	page := d.tables[row/tableRows].pages[row%tableRows/pageRows]
	if page == nil {
		return nil, 0
	}
	n := 0
	for _, w := range page.words {
		n += bits.OnesCount64(w)
	}
	return page, n
}

// appendPage appends number, count, and the dead rows: a list of u16, or a
// bitmap if that is not longer.
func appendPage(b []byte, number int, page *deadPage, n int) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(number))
	b = binary.LittleEndian.AppendUint16(b, uint16(n))
	for i, w := range page.words {
		if n >= maxPageList {
			b = binary.LittleEndian.AppendUint64(b, w)
			continue
		}
		for ; w != 0; w &= w - 1 {
			b = binary.LittleEndian.AppendUint16(b, uint16(i*64+bits.TrailingZeros64(w)))
		}
	}
	return b
}

// DecodeDeletes reads the content of a deletes file. name stands in errors.
func DecodeDeletes(name string, b []byte) (*Deletes, error) {
	bad := func(err error) (*Deletes, error) {
		return nil, &DamagedError{File: name, Reason: err.Error()}
	}
	if len(b) < len(deletesMagic)+4 || !strings.HasPrefix(string(b), deletesMagic) {
		return bad(errors.New("it does not have the form of a deletes file"))
	}
	body, sum := b[:len(b)-4], binary.LittleEndian.Uint32(b[len(b)-4:])
	if checksum(body) != sum {
		return bad(errChecksum)
	}
	d := &decoder{b: body[len(deletesMagic):]}
	if format := d.u32(); format != deletesFormat {
		return nil, &NewerFormatError{File: name, Format: format, Known: deletesFormat}
	}
	out := &Deletes{Through: wal.Position(d.u64())}
	const smallest = 1 + 4 + 4 + 4
	for range d.count(smallest) {
		out.segments = append(out.segments, d.deletes())
		if n := len(out.segments); n > 1 && out.segments[n-2].name >= out.segments[n-1].name && d.err == nil {
			d.err = errors.New("segments are out of order")
		}
	}
	if d.err == nil && len(d.b) > 0 {
		d.err = fmt.Errorf("%d bytes too many", len(d.b))
	}
	if d.err != nil {
		return bad(d.err)
	}
	return out, nil
}

// deletes reads one segment.
func (d *decoder) deletes() segmentDeletes {
	s := segmentDeletes{name: string(d.take(int(d.u8())))}
	s.rows = int(d.u32())
	count := int(d.u32())
	last := -1
	for range d.count(4 + 2 + 2) {
		number := int(d.u32())
		if number <= last {
			d.fail("pages are out of order")
		}
		last = number
		d.page(&s, number)
	}
	if s.dead.count != count {
		d.fail("the number of dead rows does not match")
	}
	return s
}

// page reads the dead rows of one page.
func (d *decoder) page(s *segmentDeletes, number int) {
	n := int(d.u16())
	first := number * pageRows
	if n == 0 || n > pageRows || first >= s.rows {
		d.fail("a page has no place or no rows")
	}
	kill := func(i int) {
		if d.err == nil && (first+i >= s.rows || !s.dead.add(uint32(first+i), 0)) {
			d.fail("a row is dead twice or does not exist")
		}
	}
	before, last := s.dead.count, -1
	if n >= maxPageList {
		for i, x := range d.take(pageBytes) {
			for ; x != 0; x &= x - 1 {
				kill(i*8 + bits.TrailingZeros8(x))
			}
		}
	} else {
		for range n {
			i := int(d.u16())
			if i <= last || i >= pageRows {
				d.fail("rows are out of order")
			}
			last = i
			kill(i)
		}
	}
	if s.dead.count != before+n {
		d.fail("the number of dead rows does not match")
	}
}

func (d *decoder) fail(reason string) {
	if d.err == nil {
		d.err = errors.New(reason)
	}
}

// WriteDeletes writes the deletes file of a generation into dir.
func WriteDeletes(ctx context.Context, fsys fsx.FS, dir string, generation uint64, d *Deletes) (FileInfo, error) {
	if err := ctx.Err(); err != nil {
		return FileInfo{}, err
	}
	b := d.Encode()
	name := DeletesName(generation)
	if err := fsx.WriteAtomic(fsys, filepath.Join(dir, name), b); err != nil {
		return FileInfo{}, fmt.Errorf("write deletes: %w", err)
	}
	return FileInfo{Name: name, Size: int64(len(b)), SHA256: sha256Hex(b)}, nil
}

// ReadDeletes reads the deletes file that a manifest names.
func ReadDeletes(fsys fsx.FS, dir string, info FileInfo) (*Deletes, error) {
	path := filepath.Join(dir, info.Name)
	b, err := fsx.ReadFile(fsys, path)
	if err != nil {
		return nil, fmt.Errorf("read deletes: %w", err)
	}
	if int64(len(b)) != info.Size || sha256Hex(b) != info.SHA256 {
		return nil, &DamagedError{File: path, Reason: "its hash is not the one in the manifest"}
	}
	return DecodeDeletes(path, b)
}
