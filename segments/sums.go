package segments

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/zeebo/xxh3"
)

// VectorSum is the sum of the hashes of all live vectors of one key.
type VectorSum struct {
	Key VectorKey `json:"key"`
	Sum Hash      `json:"sum"`
}

// Sums are the sums of the hashes of all live rows and, for each vector in the
// order of creation, of all live vectors.
type Sums struct {
	Points  Hash        `json:"points"`
	Vectors []VectorSum `json:"vectors"`
}

// Clone returns a copy that shares nothing with s.
func (s Sums) Clone() Sums {
	s.Vectors = slices.Clone(s.Vectors)
	return s
}

// Equal reports whether s and other hold the same sums of the same vectors.
func (s Sums) Equal(other Sums) bool {
	return s.Points == other.Points && slices.Equal(s.Vectors, other.Vectors)
}

// vector returns the sum of a key, nil if the vector does not exist.
func (s *Sums) vector(key VectorKey) *Hash {
	for i := range s.Vectors {
		if s.Vectors[i].Key == key {
			return &s.Vectors[i].Sum
		}
	}
	return nil
}

func (s *Sums) addVector(key VectorKey) {
	s.Vectors = append(s.Vectors, VectorSum{Key: key})
}

func (s *Sums) dropVector(key VectorKey) {
	s.Vectors = slices.DeleteFunc(s.Vectors, func(v VectorSum) bool { return v.Key == key })
}

// Digest is a fingerprint of all points of a collection. It depends on nothing
// but ids, versions, payloads and vectors: not on where the points lie nor on
// the order in which they came.
type Digest [16]byte

// Digest returns the hash of the sums in the order of vector creation.
func (s Sums) Digest() Digest {
	b := make([]byte, 0, 1+hashSize+len(s.Vectors)*(8+4+hashSize))
	b = s.Points.append(append(b, tagDigest))
	for _, v := range s.Vectors {
		b = binary.LittleEndian.AppendUint64(b, uint64(v.Key.Position))
		b = binary.LittleEndian.AppendUint32(b, v.Key.Ordinal)
		b = v.Sum.append(b)
	}
	return xxh3.Hash128(b).Bytes()
}

// String returns 32 hexadecimal digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText implements encoding.TextMarshaler.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Digest) UnmarshalText(text []byte) error {
	return unhex(d[:], text)
}

// MarshalText implements encoding.TextMarshaler.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hash) UnmarshalText(text []byte) error {
	var b [hashSize]byte
	if err := unhex(b[:], text); err != nil {
		return err
	}
	*h = hashAt(b[:])
	return nil
}

func unhex(dst, text []byte) error {
	if len(text) != hex.EncodedLen(len(dst)) {
		return fmt.Errorf("a hash has %d digits, not %d", hex.EncodedLen(len(dst)), len(text))
	}
	_, err := hex.Decode(dst, text)
	return err
}
