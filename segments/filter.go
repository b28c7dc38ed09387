package segments

import (
	"encoding/binary"

	"github.com/zeebo/xxh3"
)

// idFilter answers whether a segment may have a row of an id. It is a Bloom
// filter in blocks of 64 bytes: all bits of an id lie in one block. With 10
// bits a row it errs, towards yes, for about one id in a hundred.
type idFilter []byte

const (
	filterBitsPerRow = 10
	filterBlockBytes = 64
	filterProbes     = 6
)

// filterBytes returns the size of the filter of that many rows.
func filterBytes(rows int) int64 {
	const bits = filterBlockBytes * 8
	return (int64(rows)*filterBitsPerRow + bits - 1) / bits * filterBlockBytes
}

func newIDFilter(rows int) idFilter { return make(idFilter, filterBytes(rows)) }

// idHash is what a filter looks at of an id. It is part of the format.
func idHash(id PointID) Hash {
	var buf [PointIDSize]byte
	h := xxh3.Hash128(id.append(buf[:0]))
	return Hash{Hi: h.Hi, Lo: h.Lo}
}

func (f idFilter) add(h Hash) {
	block := f.block(h)
	for range filterProbes {
		block[h.Lo%512/8] |= 1 << (h.Lo % 8)
		h.Lo >>= 9
	}
}

func (f idFilter) mayHave(h Hash) bool {
	block := f.block(h)
	for range filterProbes {
		if block[h.Lo%512/8]&(1<<(h.Lo%8)) == 0 {
			return false
		}
		h.Lo >>= 9
	}
	return true
}

// block returns the block of an id: the high half of its hash, scaled to the
// number of blocks.
func (f idFilter) block(h Hash) []byte {
	n := uint64(len(f) / filterBlockBytes)
	i := (h.Hi >> 32) * n >> 32
	return f[i*filterBlockBytes:][:filterBlockBytes]
}

// payloadEntry is where a block of payloads lies and which rows it holds.
type payloadEntry struct {
	offset   int64  // within the section
	stored   uint32 // bytes in the file
	raw      uint32 // bytes after decompression
	firstRow uint32
	sum      uint32 // CRC32C of the stored bytes
}

func (e payloadEntry) append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(e.offset))
	b = binary.LittleEndian.AppendUint32(b, e.stored)
	b = binary.LittleEndian.AppendUint32(b, e.raw)
	b = binary.LittleEndian.AppendUint32(b, e.firstRow)
	return binary.LittleEndian.AppendUint32(b, e.sum)
}

func payloadEntryAt(b []byte) payloadEntry {
	return payloadEntry{
		offset:   int64(binary.LittleEndian.Uint64(b)),
		stored:   binary.LittleEndian.Uint32(b[8:]),
		raw:      binary.LittleEndian.Uint32(b[12:]),
		firstRow: binary.LittleEndian.Uint32(b[16:]),
		sum:      binary.LittleEndian.Uint32(b[20:]),
	}
}
