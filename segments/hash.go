package segments

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/zeebo/xxh3"

	"github.com/tidemark-db/tidemark/segments/payload"
	"github.com/tidemark-db/tidemark/wal"
)

// Hash is a 128-bit hash, or a sum of hashes modulo 2^128. Sums do not depend
// on an order, and what was added can be subtracted.
type Hash struct{ Hi, Lo uint64 }

// hashSize is the length of an encoded Hash.
const hashSize = 16

// Add returns h + other modulo 2^128.
func (h Hash) Add(other Hash) Hash {
	lo, carry := bits.Add64(h.Lo, other.Lo, 0)
	hi, _ := bits.Add64(h.Hi, other.Hi, carry)
	return Hash{Hi: hi, Lo: lo}
}

// Sub returns h - other modulo 2^128.
func (h Hash) Sub(other Hash) Hash {
	lo, borrow := bits.Sub64(h.Lo, other.Lo, 0)
	hi, _ := bits.Sub64(h.Hi, other.Hi, borrow)
	return Hash{Hi: hi, Lo: lo}
}

// String returns 32 hexadecimal digits.
func (h Hash) String() string { return fmt.Sprintf("%016x%016x", h.Hi, h.Lo) }

// append appends the hash, big-endian.
func (h Hash) append(b []byte) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, h.Hi), h.Lo)
}

// hashAt reads what append wrote.
func hashAt(b []byte) Hash {
	return Hash{Hi: binary.BigEndian.Uint64(b), Lo: binary.BigEndian.Uint64(b[8:])}
}

// Tags begin what is hashed, so that bytes of one kind never hash like those of
// another.
const (
	tagPoint  = 'P'
	tagVector = 'V'
	tagDigest = 'D'
)

// HashPoint returns the hash of a row: of tag, id, version, and payload with
// its length. Its vectors have hashes of their own.
func HashPoint(id PointID, version wal.Position, p payload.Object) Hash {
	var buf [hashBuffer]byte
	b := id.append(append(buf[:0], tagPoint))
	b = binary.LittleEndian.AppendUint64(b, uint64(version))
	return hashWith(b, p)
}

// HashVector returns the hash of a vector of a point: of tag, id, and the
// stored form with its length.
func HashVector(id PointID, data []byte) Hash {
	var buf [hashBuffer]byte
	return hashWith(id.append(append(buf[:0], tagVector)), data)
}

// hashBuffer bounds what is hashed in one piece on the stack.
const hashBuffer = 1024

// hashWith hashes head, the length of data as a u64, and data.
func hashWith(head, data []byte) Hash {
	head = binary.LittleEndian.AppendUint64(head, uint64(len(data)))
	if len(head)+len(data) <= hashBuffer {
		h := xxh3.Hash128(append(head, data...))
		return Hash{Hi: h.Hi, Lo: h.Lo}
	}
	var hasher xxh3.Hasher
	hasher.Reset()
	_, _ = hasher.Write(head) // never fails
	_, _ = hasher.Write(data)
	h := hasher.Sum128()
	return Hash{Hi: h.Hi, Lo: h.Lo}
}
