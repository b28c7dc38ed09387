package archive

import (
	"fmt"
	"strconv"
	"strings"
)

// blockSize is the unit of a tar file: headers are one block, contents are
// padded to whole blocks with zeros.
const blockSize = 512

// trailerSize is the length of the two zero blocks that end a tar file.
const trailerSize = 2 * blockSize

type block [blockSize]byte

// field is a part of a tar header.
type field struct{ offset, size int }

// The fields of a POSIX (ustar) header that vary or that errors speak of.
var (
	fieldName  = field{0, 100}
	fieldMode  = field{100, 8}
	fieldUID   = field{108, 8}
	fieldGID   = field{116, 8}
	fieldSize  = field{124, 12}
	fieldMTime = field{136, 12}
	fieldSum   = field{148, 8}
	fieldType  = field{156, 1}
	fieldMagic = field{257, 8}
	fieldMajor = field{329, 8}
	fieldMinor = field{337, 8}
)

func (b *block) field(f field) []byte { return b[f.offset : f.offset+f.size] }

// text returns a field up to its first zero byte.
func (b *block) text(f field) string {
	s, _, _ := strings.Cut(string(b.field(f)), "\x00")
	return s
}

// header returns the only header that an archive may have for a regular file
// of that name and size: mode 0644, no owner, no time.
func header(name string, size int64) (b block) {
	copy(b.field(fieldName), name)
	copy(b.field(fieldMode), "0000644")
	copy(b.field(fieldUID), "0000000")
	copy(b.field(fieldGID), "0000000")
	putSize(b.field(fieldSize), size)
	copy(b.field(fieldMTime), "00000000000")
	b[fieldType.offset] = '0'
	copy(b.field(fieldMagic), "ustar\x0000")
	copy(b.field(fieldMajor), "0000000")
	copy(b.field(fieldMinor), "0000000")
	copy(b.field(fieldSum), fmt.Sprintf("%06o\x00 ", b.sum()))
	return b
}

// maxOctalSize is what eleven octal digits hold, one byte less than 8 GiB.
const maxOctalSize = 1<<33 - 1

// putSize writes octal digits, or, if they do not suffice, the binary form
// that all current tar programs read.
func putSize(b []byte, size int64) {
	if size <= maxOctalSize {
		copy(b, fmt.Sprintf("%011o", size))
		return
	}
	for i := len(b) - 1; i > 0; i-- {
		b[i] = byte(size)
		size >>= 8
	}
	b[0] = 0x80
}

// size reads an octal size; ok is false if there is none.
func (b *block) size() (n int64, ok bool) {
	n, err := strconv.ParseInt(b.text(fieldSize), 8, 64)
	return n, err == nil && n >= 0
}

// sum is the checksum of a header, in which its own field counts as spaces.
func (b *block) sum() (sum int) {
	for i, c := range b {
		if i >= fieldSum.offset && i < fieldSum.offset+fieldSum.size {
			c = ' '
		}
		sum += int(c)
	}
	return sum
}

// isHeader reports whether b is the header of some tar entry.
func (b *block) isHeader() bool {
	digits := strings.Trim(b.text(fieldSum), " ")
	n, err := strconv.ParseInt(digits, 8, 32)
	return err == nil && int(n) == b.sum() && string(b[fieldMagic.offset:fieldMagic.offset+5]) == "ustar"
}

// padding is the number of zeros between a content of that size and the next
// header.
func padding(size int64) int64 { return -size & (blockSize - 1) }

var typeNames = map[byte]string{
	'0': "file", 0: "file", '1': "hard link", '2': "symbolic link", '3': "character device",
	'4': "block device", '5': "directory", '6': "pipe", 'x': "extended header", 'g': "extended header", 'S': "sparse file",
}

// describe says how got differs from the header that had to come.
func (b *block) describe(name string, size int64) string {
	if *b == (block{}) {
		return "the archive ends before this entry"
	}
	if !b.isHeader() {
		return "its header is damaged"
	}
	kind, known := typeNames[b[fieldType.offset]]
	if !known {
		kind = fmt.Sprintf("type %q", b[fieldType.offset])
	}
	switch got := b.text(fieldName); {
	case got != name:
		return fmt.Sprintf("in its place stands %s, a %s", quoteShort(got), kind)
	case kind != "file":
		return fmt.Sprintf("it is a %s, not a file", kind)
	}
	if got, ok := b.size(); size <= maxOctalSize && ok && got != size {
		return fmt.Sprintf("its header says %d bytes, the manifest %d", got, size)
	}
	return "its header is not in canonical form"
}
