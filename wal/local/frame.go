package local

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/tidemark-db/tidemark/wal"
)

// A frame is one entry of the library: a fixed head and a body. The offsets of
// the head's fields; all integers are little-endian.
const (
	offMagic   = 0  // uint16
	offVersion = 2  // uint8
	offKind    = 3  // uint8
	offCRC     = 4  // uint32, CRC32C of the frame without this field
	offSalt    = 8  // uint64, the generation's
	offFirst   = 16 // uint64, position
	offCount   = 24 // uint32, records
	offBody    = 28 // uint32, length of the body
	offPrev    = 32 // uint32, CRC of the frame before
	offFlags   = 36 // 12 bytes, zero
	headSize   = 48
)

const (
	frameMagic   uint16 = 0x4d54 // "TM"
	frameVersion uint8  = 1

	// blockSize is the boundary at which frames end, so that no acknowledged
	// byte shares a block of the disk with a later write.
	blockSize = 4096

	maxBody = 1 << 30
)

// kind is the type of a frame.
type kind uint8

const (
	kindHeader kind = 1 // begins a generation
	kindGroup  kind = 2 // one commit group
	kindClose  kind = 3 // ends a generation that has a successor
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// head is the decoded head of a frame.
type head struct {
	kind  kind
	crc   uint32
	salt  uint64
	first wal.Position // group: its first record; else the next record's position
	count uint32
	prev  uint32
}

// errBadFrame is wrapped by every refusal of decodeFrame.
var errBadFrame = errors.New("not a valid frame")

// errNewerFrame says that a frame is whole but of a version unknown here.
var errNewerFrame = errors.New("written by a newer version of this program")

// decodeFrame checks everything about a frame that can be judged without its
// neighbours. body aliases b.
func decodeFrame(b []byte) (h head, body []byte, err error) {
	if len(b) < headSize {
		return head{}, nil, fmt.Errorf("%w: %d bytes", errBadFrame, len(b))
	}
	if binary.LittleEndian.Uint16(b[offMagic:]) != frameMagic {
		return head{}, nil, fmt.Errorf("%w: wrong magic number", errBadFrame)
	}
	if n := int64(binary.LittleEndian.Uint32(b[offBody:])); n != int64(len(b)-headSize) {
		return head{}, nil, fmt.Errorf("%w: body of %d bytes in %d", errBadFrame, n, len(b)-headSize)
	}
	h = head{
		kind:  kind(b[offKind]),
		crc:   binary.LittleEndian.Uint32(b[offCRC:]),
		salt:  binary.LittleEndian.Uint64(b[offSalt:]),
		first: wal.Position(binary.LittleEndian.Uint64(b[offFirst:])),
		count: binary.LittleEndian.Uint32(b[offCount:]),
		prev:  binary.LittleEndian.Uint32(b[offPrev:]),
	}
	if frameCRC(b) != h.crc {
		return head{}, nil, fmt.Errorf("%w: wrong checksum", errBadFrame)
	}
	return h, b[headSize:], checkFormat(b, h)
}

// checkFormat refuses frames that are whole but not of this format.
func checkFormat(b []byte, h head) error {
	if b[offVersion] != frameVersion {
		return fmt.Errorf("%w: frame version %d", errNewerFrame, b[offVersion])
	}
	if h.kind < kindHeader || h.kind > kindClose {
		return fmt.Errorf("%w: frame type %d", errNewerFrame, h.kind)
	}
	for _, flag := range b[offFlags:headSize] {
		if flag != 0 {
			return fmt.Errorf("%w: unknown flags", errNewerFrame)
		}
	}
	if (h.kind == kindGroup) != (h.count > 0) {
		return fmt.Errorf("%w: %d records in a frame of type %d", errBadFrame, h.count, h.kind)
	}
	return nil
}

// frameCRC is the checksum of a frame without the field that holds it.
func frameCRC(b []byte) uint32 {
	return crc32.Update(crc32.Checksum(b[:offCRC], castagnoli), castagnoli, b[offSalt:])
}

// sealFrame pads buf, whose first headSize bytes are room for the head, so
// that its entry ends on a block boundary, and fills in head and checksum.
func sealFrame(buf []byte, h head) (frame []byte, crc uint32) {
	buf = pad(buf, frameLength(len(buf)))
	binary.LittleEndian.PutUint16(buf[offMagic:], frameMagic)
	buf[offVersion] = frameVersion
	buf[offKind] = byte(h.kind)
	binary.LittleEndian.PutUint64(buf[offSalt:], h.salt)
	binary.LittleEndian.PutUint64(buf[offFirst:], uint64(h.first))
	binary.LittleEndian.PutUint32(buf[offCount:], h.count)
	binary.LittleEndian.PutUint32(buf[offBody:], uint32(len(buf)-headSize))
	binary.LittleEndian.PutUint32(buf[offPrev:], h.prev)
	clear(buf[offFlags:headSize])
	crc = frameCRC(buf)
	binary.LittleEndian.PutUint32(buf[offCRC:], crc)
	return buf, crc
}

// pad extends buf with zeros to length n, which is less than a block away.
func pad(buf []byte, n int) []byte {
	var zeros [blockSize]byte
	return append(buf, zeros[:n-len(buf)]...)
}

// entrySize is the number of bytes that a frame of n bytes, padded, occupies in
// the library's file: its length as a uvarint, then the frame.
func entrySize(n int) int64 {
	unpadded := int64(uvarintLen(uint64(n)) + n)
	return (unpadded + blockSize - 1) / blockSize * blockSize
}

// frameLength is the padded length of a frame of n bytes.
func frameLength(n int) int {
	size := int(entrySize(n))
	width := 1
	for uvarintLen(uint64(size-width)) != width {
		width++
	}
	return size - width
}

func uvarintLen(x uint64) int {
	n := 1
	for ; x >= 0x80; x >>= 7 {
		n++
	}
	return n
}

// appendRecord adds a record to the body of a group.
func appendRecord(buf, payload []byte) []byte {
	return append(binary.AppendUvarint(buf, uint64(len(payload))), payload...)
}

// appendRecords decodes the body of a group and appends its records above
// after to dst. The payloads alias body.
func appendRecords(dst []wal.Record, h head, body []byte, after wal.Position) ([]wal.Record, error) {
	for i := range h.count {
		n, width := binary.Uvarint(body)
		if width <= 0 || n > uint64(len(body)-width) {
			return nil, fmt.Errorf("%w: record %d of %d exceeds the body", errBadFrame, i+1, h.count)
		}
		end := width + int(n)
		if p := h.first + wal.Position(i); p > after {
			dst = append(dst, wal.Record{Position: p, Payload: body[width:end:end]})
		}
		body = body[end:]
	}
	for _, b := range body {
		if b != 0 {
			return nil, fmt.Errorf("%w: bytes after the last record", errBadFrame)
		}
	}
	return dst, nil
}

// origin is the body of a header frame: where the generation stands in the log.
type origin struct {
	number   uint64       // of the generation
	prevLast wal.Position // last position before the generation
	prevSize int64        // bytes of the generation before, 0 if this is the first
}

const originSize = 24

func appendOrigin(buf []byte, o origin) []byte {
	buf = binary.LittleEndian.AppendUint64(buf, o.number)
	buf = binary.LittleEndian.AppendUint64(buf, uint64(o.prevLast))
	return binary.LittleEndian.AppendUint64(buf, uint64(o.prevSize))
}

func decodeOrigin(body []byte) (origin, error) {
	if len(body) < originSize {
		return origin{}, fmt.Errorf("%w: header of %d bytes", errBadFrame, len(body))
	}
	return origin{
		number:   binary.LittleEndian.Uint64(body),
		prevLast: wal.Position(binary.LittleEndian.Uint64(body[8:])),
		prevSize: int64(binary.LittleEndian.Uint64(body[16:])),
	}, nil
}
