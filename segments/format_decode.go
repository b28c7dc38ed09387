package segments

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tidemark-db/tidemark/wal"
)

// decoder reads fixed-width fields. After the first that is not there it reads
// zeros and keeps the error.
type decoder struct {
	b   []byte
	err error
}

var errCut = errors.New("it ends too early")

func (d *decoder) take(n int) []byte {
	if d.err == nil && n > len(d.b) {
		d.err = errCut
	}
	if d.err != nil {
		return make([]byte, n)
	}
	out := d.b[:n]
	d.b = d.b[n:]
	return out
}

func (d *decoder) u8() uint8   { return d.take(1)[0] }
func (d *decoder) u16() uint16 { return binary.LittleEndian.Uint16(d.take(2)) }
func (d *decoder) u32() uint32 { return binary.LittleEndian.Uint32(d.take(4)) }
func (d *decoder) u64() uint64 { return binary.LittleEndian.Uint64(d.take(8)) }
func (d *decoder) hash() Hash  { return hashAt(d.take(hashSize)) }

// count reads the number of items that take at least size bytes each, so that
// no count can ask for more memory than there are bytes.
func (d *decoder) count(size int) int {
	n := uint64(d.u32())
	if d.err == nil && n*uint64(size) > uint64(len(d.b)) {
		d.err = errCut
	}
	if d.err != nil {
		return 0
	}
	return int(n)
}

// zero reads n bytes that must be 0.
func (d *decoder) zero(n int) {
	for _, x := range d.take(n) {
		if x != 0 && d.err == nil {
			d.err = errors.New("unused bytes are not 0")
		}
	}
}

const (
	columnSize  = 8 + 4 + 4 + 4 + 4 + hashSize
	sectionSize = 2 + 2 + 8 + 8 + 4
)

// decodeContents reads a table of contents whose sections must lie below limit,
// and checks that it describes a segment: nothing that is derived from it later
// can reach out of the file or of a section.
func decodeContents(b []byte, limit int64) (*contents, error) {
	d := &decoder{b: b}
	c := &contents{rows: int(d.u32()), numbers: int(d.u32()), points: d.hash()}
	c.columns = make([]columnInfo, d.count(columnSize))
	for i := range c.columns {
		c.columns[i] = d.column()
	}
	c.sections = make([]section, d.count(sectionSize))
	for i := range c.sections {
		c.sections[i] = d.section()
	}
	switch {
	case d.err != nil:
		return nil, d.err
	case len(d.b) > 0:
		return nil, fmt.Errorf("%d bytes follow the table of contents", len(d.b))
	}
	return c, c.check(limit)
}

func (d *decoder) column() columnInfo {
	col := columnInfo{key: VectorKey{Position: wal.Position(d.u64()), Ordinal: d.u32()}}
	col.kind, col.datatype = VectorKind(d.u8()), Datatype(d.u8())
	d.zero(2)
	col.size, col.present, col.sum = int(d.u32()), int(d.u32()), d.hash()
	return col
}

func (d *decoder) section() section {
	s := section{kind: sectionKind(d.u8())}
	d.zero(1)
	s.column, s.offset, s.length = int(d.u16()), int64(d.u64()), int64(d.u64())
	s.sums = make([]uint32, d.count(4))
	for i := range s.sums {
		s.sums[i] = d.u32()
	}
	return s
}

// check compares all numbers with each other.
func (c *contents) check(limit int64) error {
	if c.rows < 1 || int64(c.rows) > MaxSegmentRows || c.numbers > c.rows {
		return fmt.Errorf("%d rows with %d numbers as ids", c.rows, c.numbers)
	}
	for i := range c.columns {
		if err := c.checkColumn(i); err != nil {
			return fmt.Errorf("vector %v: %w", c.columns[i].key, err)
		}
	}
	end := int64(headerSize)
	for i := range c.sections {
		s := &c.sections[i]
		if s.offset != align(end) || s.length < 0 || s.length > limit-s.offset {
			return fmt.Errorf("section %d lies at %d with %d bytes", i, s.offset, s.length)
		}
		if i > 0 && !c.sections[i-1].before(s) {
			return fmt.Errorf("section %d is out of order", i)
		}
		end = s.offset + s.length
		if size := blockSizeOf(s.kind); size > 0 && int64(len(s.sums)) != (s.length+size-1)/size || size == 0 && len(s.sums) > 0 {
			return fmt.Errorf("section %d has %d checksums for %d bytes", i, len(s.sums), s.length)
		}
	}
	if align(end) != limit {
		return fmt.Errorf("sections end at %d, the table of contents begins at %d", end, limit)
	}
	return c.checkLengths()
}

// before reports whether s comes before other in a file.
func (s *section) before(other *section) bool {
	if s.column != other.column {
		return s.column < other.column && other.kind >= presenceSection
	}
	return s.kind < other.kind
}

func (c *contents) checkColumn(i int) error {
	col := &c.columns[i]
	stride := int64(col.size) * int64(col.datatype.Size())
	switch {
	case i > 0 && c.columns[i-1].key.Compare(col.key) >= 0:
		return errors.New("it is out of order")
	case col.kind < Dense || col.kind > Multi || col.datatype.Size() == 0:
		return errors.New("unknown kind or datatype")
	case (stride == 0) != (col.kind == Sparse) || stride > MaxSegmentBytes:
		return fmt.Errorf("its size is %d", col.size)
	case col.present < 1 || col.present > c.rows:
		return fmt.Errorf("%d of %d rows have it", col.present, c.rows)
	}
	return nil
}

// checkLengths checks that each section that must be there is there, and is as
// long as the number of its records says.
func (c *contents) checkLengths() error {
	need := func(kind sectionKind, column int, length int64) error {
		s := c.section(kind, column)
		if s == nil || s.length != length {
			return fmt.Errorf("section of kind %d of vector %d is missing or has the wrong length", kind, column)
		}
		return nil
	}
	rows := int64(c.rows)
	errs := []error{
		need(rowsSection, 0, rows*rowSize),
		need(filterSection, 0, filterBytes(c.rows)),
		need(fencesSection, 0, (rows+blockRows-1)/blockRows*idBytes),
	}
	sections := 5
	if index := c.section(payloadIndexSection, 0); index == nil || index.length%payloadEntrySize != 0 || c.section(payloadsSection, 0) == nil {
		errs = append(errs, errors.New("payloads have no index"))
	}
	for i := range c.columns {
		col := &c.columns[i]
		present := int64(col.present)
		errs = append(errs, need(hashesSection, i, present*hashSize))
		sections += 2
		if col.present < c.rows {
			errs = append(errs, need(presenceSection, i, (rows+presenceRows-1)/presenceRows*presenceSize))
			sections++
		}
		if col.kind == Dense {
			errs = append(errs, need(vectorsSection, i, present*int64(col.size*col.datatype.Size())))
			continue
		}
		sections++
		errs = append(errs, need(offsetsSection, i, (present+1)*offsetSize))
		if c.section(vectorsSection, i) == nil {
			errs = append(errs, fmt.Errorf("vector %d has no data", i))
		}
	}
	if sections != len(c.sections) {
		errs = append(errs, fmt.Errorf("%d sections instead of %d", len(c.sections), sections))
	}
	return errors.Join(errs...)
}

// section returns a section, nil if there is none.
func (c *contents) section(kind sectionKind, column int) *section {
	for i := range c.sections {
		if s := &c.sections[i]; s.kind == kind && s.column == column {
			return s
		}
	}
	return nil
}

func align(n int64) int64 { return (n + sectionAlign - 1) / sectionAlign * sectionAlign }
