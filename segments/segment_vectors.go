package segments

import (
	"encoding/binary"
	"fmt"
)

// column returns the vectors of a key, nil if no row has one.
func (p *segmentPart) column(key VectorKey) *columnPart {
	for i := range p.columns {
		if p.columns[i].key == key {
			return &p.columns[i]
		}
	}
	return nil
}

// place returns which of the vectors of a key belongs to a row.
func (p *segmentPart) place(c *columnPart, row uint32) (int64, bool, error) {
	if c.presence == nil { // every row has one
		return int64(row), true, nil
	}
	var b [presenceSize]byte
	if err := p.reader.readAt(c.presence, int64(row)/presenceRows*presenceSize, b[:]); err != nil {
		return 0, false, err
	}
	record, i := presenceRecord(b[:]), int(row%presenceRows)
	if !record.has(i) {
		return 0, false, nil
	}
	n := record.rank(i)
	if n < 0 || n >= c.present {
		return 0, false, p.segment.damaged(c.presence.offset, fmt.Errorf("row %d has vector %d of %d", row, n, c.present))
	}
	return int64(n), true, nil
}

// extent returns where the bytes of the n-th vector lie in their section.
func (p *segmentPart) extent(c *columnPart, n int64) (off, size int64, err error) {
	if c.offsets == nil {
		off, size = c.denseExtent(n)
		return off, size, nil
	}
	var b [2 * offsetSize]byte
	if err := p.reader.readAt(c.offsets, n*offsetSize, b[:]); err != nil {
		return 0, 0, err
	}
	return p.extentIn(c, n, b[:])
}

// denseExtent is the extent of vectors that are all of the same size.
func (c *columnPart) denseExtent(n int64) (off, size int64) {
	stride := int64(c.spec().Stride())
	return n * stride, stride
}

// extentIn reads an extent from two offsets.
func (p *segmentPart) extentIn(c *columnPart, n int64, b []byte) (off, size int64, err error) {
	from, to := int64(binary.LittleEndian.Uint64(b)), int64(binary.LittleEndian.Uint64(b[offsetSize:]))
	if from < 0 || to < from || to > c.vectors.length {
		return 0, 0, p.segment.damaged(c.offsets.offset+n*offsetSize, fmt.Errorf("vector %d lies at %d to %d", n, from, to))
	}
	return from, to - from, nil
}

// locate returns where a row's vector lies.
func (p *segmentPart) locate(row uint32, key VectorKey) (c *columnPart, off, size int64, ok bool, err error) {
	if c = p.column(key); c == nil {
		return nil, 0, 0, false, nil
	}
	n, ok, err := p.place(c, row)
	if err != nil || !ok {
		return c, 0, 0, false, err
	}
	off, size, err = p.extent(c, n)
	return c, off, size, err == nil, err
}

func (p *segmentPart) vector(row uint32, key VectorKey) ([]byte, bool, error) {
	c, off, size, ok, err := p.locate(row, key)
	if err != nil || !ok {
		return nil, false, err
	}
	b := make([]byte, size)
	if err := p.reader.readAt(c.vectors, off, b); err != nil {
		return nil, false, err
	}
	return b, true, nil
}

func (p *segmentPart) vectorSize(row uint32, key VectorKey) (int, bool, error) {
	_, _, size, ok, err := p.locate(row, key)
	return int(size), ok, err
}

func (p *segmentPart) vectorHash(row uint32, key VectorKey) (Hash, bool, error) {
	c := p.column(key)
	if c == nil {
		return Hash{}, false, nil
	}
	n, ok, err := p.place(c, row)
	if err != nil || !ok {
		return Hash{}, false, err
	}
	var b [hashSize]byte
	if err := p.reader.readAt(c.hashes, n*hashSize, b[:]); err != nil {
		return Hash{}, false, err
	}
	return hashAt(b[:]), true, nil
}

// vectorHashes returns the hashes of all vectors of a row.
func (p *segmentPart) vectorHashes(row uint32) ([]VectorSum, error) {
	var out []VectorSum
	for i := range p.columns {
		hash, ok, err := p.vectorHash(row, p.columns[i].key)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, VectorSum{Key: p.columns[i].key, Sum: hash})
		}
	}
	return out, nil
}
