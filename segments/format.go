package segments

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// The parts of a segment file; docs/format/segment.md describes them.
const (
	segmentMagic  = "TIDESEG\n"
	segmentFormat = 1

	headerSize = 64
	footerSize = 64
	// sectionAlign is what the offset of every section is a multiple of.
	sectionAlign = 64

	// MaxSegmentBytes and MaxSegmentRows bound a segment file.
	MaxSegmentBytes = 8 << 30
	MaxSegmentRows  = 1 << 31

	// rowSize is an id without its kind, a version and a hash.
	rowSize = idBytes + 8 + hashSize
	// blockRows is how many rows are found, read and checked together.
	blockRows = 256

	// presenceRows rows share a record of a rank and a bitmap.
	presenceRows = 512
	presenceSize = 8 + presenceRows/8

	offsetSize = 8

	payloadBlockBytes = 16 << 10
	payloadBlockRows  = 4096
	payloadEntrySize  = 24

	// blockBytes is about how much of other sections is checked together.
	blockBytes = 64 << 10
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// sectionKind says what a section holds. The numbers are part of the format.
type sectionKind uint8

const (
	rowsSection         sectionKind = 1
	payloadsSection     sectionKind = 2
	payloadIndexSection sectionKind = 3
	filterSection       sectionKind = 4
	fencesSection       sectionKind = 5
	presenceSection     sectionKind = 6
	hashesSection       sectionKind = 7
	offsetsSection      sectionKind = 8
	vectorsSection      sectionKind = 9
)

// blockSizeOf returns the bytes that share a checksum: a whole number of
// records. Sections that are read whole, and payloads, whose blocks have their
// checksums in their index, have no blocks of this kind.
func blockSizeOf(kind sectionKind) int64 {
	switch kind {
	case rowsSection:
		return blockRows * rowSize
	case presenceSection:
		return blockBytes / presenceSize * presenceSize
	case payloadsSection:
		return 0
	}
	return blockBytes
}

// section is one column, or part of one, of a segment file.
type section struct {
	kind   sectionKind
	column int // index of the vector; 0 for sections of rows
	offset int64
	length int64
	sums   []uint32 // CRC32C of each block
}

// block returns the bounds of a block within the section.
func (s *section) block(i int64) (from, to int64) {
	size := blockSizeOf(s.kind)
	return i * size, min((i+1)*size, s.length)
}

// columnInfo describes the vectors of one key in a segment.
type columnInfo struct {
	key      VectorKey
	kind     VectorKind
	datatype Datatype
	size     int
	present  int // vectors
	sum      Hash
}

func (c *columnInfo) spec() VectorSpec {
	return VectorSpec{Key: c.key, Kind: c.kind, Datatype: c.datatype, Size: c.size}
}

// contents is the table of contents of a segment file.
type contents struct {
	rows    int
	numbers int // rows whose ids are numbers; they come first
	points  Hash
	columns []columnInfo
	// sections are in the order of their offsets.
	sections []section
}

func (c *contents) append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(c.rows))
	b = binary.LittleEndian.AppendUint32(b, uint32(c.numbers))
	b = c.points.append(b)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(c.columns)))
	for _, col := range c.columns {
		b = binary.LittleEndian.AppendUint64(b, uint64(col.key.Position))
		b = binary.LittleEndian.AppendUint32(b, col.key.Ordinal)
		b = append(b, byte(col.kind), byte(col.datatype), 0, 0)
		b = binary.LittleEndian.AppendUint32(b, uint32(col.size))
		b = binary.LittleEndian.AppendUint32(b, uint32(col.present))
		b = col.sum.append(b)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(c.sections)))
	for i := range c.sections {
		b = c.sections[i].append(b)
	}
	return b
}

func (s *section) append(b []byte) []byte {
	b = append(b, byte(s.kind), 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(s.column))
	b = binary.LittleEndian.AppendUint64(b, uint64(s.offset))
	b = binary.LittleEndian.AppendUint64(b, uint64(s.length))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(s.sums)))
	for _, sum := range s.sums {
		b = binary.LittleEndian.AppendUint32(b, sum)
	}
	return b
}

// footer is the end of a segment file.
type footer struct {
	contentsOffset int64
	contentsLength int64
	contentsSum    uint32
	// total is the xxh3 hash of all bytes before the footer.
	total Hash
}

func (f *footer) append(b []byte) []byte {
	start := len(b)
	b = append(b, segmentMagic...)
	b = binary.LittleEndian.AppendUint32(b, segmentFormat)
	b = append(b, 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint64(b, uint64(f.contentsOffset))
	b = binary.LittleEndian.AppendUint64(b, uint64(f.contentsLength))
	b = binary.LittleEndian.AppendUint32(b, f.contentsSum)
	b = f.total.append(b)
	b = append(b, make([]byte, footerSize-4-(len(b)-start))...)
	return binary.LittleEndian.AppendUint32(b, checksum(b[start:]))
}

var (
	errMagic    = errors.New("it does not have the form of a segment")
	errChecksum = errors.New("the checksum does not match")
)

// errFormat is the format of a file that is too new.
type errFormat uint32

func (errFormat) Error() string { return "unknown format" }

// decodeFooter reads a footer of exactly footerSize bytes.
func decodeFooter(b []byte) (footer, error) {
	if !bytes.HasPrefix(b, []byte(segmentMagic)) {
		return footer{}, errMagic
	}
	if checksum(b[:footerSize-4]) != binary.LittleEndian.Uint32(b[footerSize-4:]) {
		return footer{}, errChecksum
	}
	if format := binary.LittleEndian.Uint32(b[8:]); format != segmentFormat {
		return footer{}, errFormat(format)
	}
	return footer{
		contentsOffset: int64(binary.LittleEndian.Uint64(b[16:])),
		contentsLength: int64(binary.LittleEndian.Uint64(b[24:])),
		contentsSum:    binary.LittleEndian.Uint32(b[32:]),
		total:          hashAt(b[36:]),
	}, nil
}

func appendHeader(b []byte) []byte {
	start := len(b)
	b = append(b, segmentMagic...)
	b = binary.LittleEndian.AppendUint32(b, segmentFormat)
	b = append(b, make([]byte, headerSize-4-(len(b)-start))...)
	return binary.LittleEndian.AppendUint32(b, checksum(b[start:]))
}
