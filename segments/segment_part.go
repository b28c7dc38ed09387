package segments

import (
	"encoding/binary"
	"fmt"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"

	"github.com/tidemark-db/tidemark/segments/payload"
)

// segmentPart reads the rows of a segment through a blockReader. It may be used
// concurrently if the reader may.
type segmentPart struct {
	segment    *Segment
	reader     blockReader
	rowSection *section
	columns    []columnPart

	decoder func() (*zstd.Decoder, error)
	// last is the block of payloads that was read last: neighbours are asked
	// for one after the other.
	last atomic.Pointer[payloadBlock]
}

// columnPart is one vector with its sections; presence and offsets may be nil.
type columnPart struct {
	*columnInfo
	presence, hashes, offsets, vectors *section
}

type payloadBlock struct {
	index int
	raw   []byte
}

func newSegmentPart(s *Segment, reader blockReader) *segmentPart {
	p := &segmentPart{segment: s, reader: reader, rowSection: s.contents.section(rowsSection, 0)}
	for i := range s.contents.columns {
		p.columns = append(p.columns, columnPart{
			columnInfo: &s.contents.columns[i],
			presence:   s.contents.section(presenceSection, i),
			hashes:     s.contents.section(hashesSection, i),
			offsets:    s.contents.section(offsetsSection, i),
			vectors:    s.contents.section(vectorsSection, i),
		})
	}
	p.decoder = sync.OnceValues(func() (*zstd.Decoder, error) { return newPayloadDecoder(2) })
	return p
}

// newPayloadDecoder returns a decoder of blocks for so many goroutines.
func newPayloadDecoder(goroutines int) (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(goroutines), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(maxPayloadBlock))
}

func (p *segmentPart) rows() int { return p.segment.contents.rows }

// at returns a row that exists.
func (p *segmentPart) at(row uint32) (Row, error) {
	r, err := p.record(row)
	if err != nil {
		return Row{}, err
	}
	return Row{part: p, n: row, id: r.id(p.segment.kindOf(int(row))), version: r.version()}, nil
}

func (p *segmentPart) record(row uint32) (rowRecord, error) {
	b := make([]byte, rowSize)
	return b, p.reader.readAt(p.rowSection, int64(row)*rowSize, b)
}

func (p *segmentPart) hash(row uint32) (Hash, error) {
	r, err := p.record(row)
	return r.hash(), err
}

// payload implements part.
func (p *segmentPart) payload(row uint32) (payload.Object, error) {
	i := p.payloadBlockOf(row)
	block, err := p.payloadBlock(i)
	if err != nil {
		return nil, err
	}
	return p.payloadIn(block.raw, i, row)
}

// payloadBlockOf returns the number of the block that has a row's payload.
func (p *segmentPart) payloadBlockOf(row uint32) int {
	entries := p.segment.payloads
	return sort.Search(len(entries), func(i int) bool { return entries[i].firstRow > row }) - 1
}

// payloadIn returns the payload of a row from its block.
func (p *segmentPart) payloadIn(raw []byte, block int, row uint32) (payload.Object, error) {
	first := p.segment.payloads[block].firstRow
	n, data := row-first, raw[4*(p.segment.payloadRowsEnd(block)-first):]
	from, to := uint32(0), binary.LittleEndian.Uint32(raw[4*n:])
	if n > 0 {
		from = binary.LittleEndian.Uint32(raw[4*(n-1):])
	}
	if from > to || int64(to) > int64(len(data)) {
		return nil, p.segment.damaged(p.payloadOffset(block), fmt.Errorf("payload of row %d lies at %d to %d", row, from, to))
	}
	if from == to {
		return nil, nil
	}
	return payload.Object(data[from:to:to]), nil
}

func (p *segmentPart) payloadOffset(block int) int64 {
	return p.segment.contents.section(payloadsSection, 0).offset + p.segment.payloads[block].offset
}

// payloadBlock returns a block, which is kept until another one is read.
func (p *segmentPart) payloadBlock(i int) (*payloadBlock, error) {
	if b := p.last.Load(); b != nil && b.index == i {
		return b, nil
	}
	decoder, err := p.decoder()
	if err != nil {
		return nil, err
	}
	e := p.segment.payloads[i]
	raw, err := p.readPayloads(decoder, i, make([]byte, e.stored), make([]byte, 0, e.raw))
	if err != nil {
		return nil, err
	}
	b := &payloadBlock{index: i, raw: raw}
	if len(raw) <= 4*payloadBlockRows+payloadBlockBytes { // a huge one is not kept
		p.last.Store(b)
	}
	return b, nil
}

// readPayloads reads, verifies and decompresses a block. It needs room for its
// stored bytes and appends the others to raw.
func (p *segmentPart) readPayloads(decoder *zstd.Decoder, block int, stored, raw []byte) ([]byte, error) {
	e, off := p.segment.payloads[block], p.payloadOffset(block)
	if err := p.segment.readInto(off, stored); err != nil {
		return nil, err
	}
	if checksum(stored) != e.sum {
		return nil, p.segment.damaged(off, errChecksum)
	}
	raw, err := decoder.DecodeAll(stored, raw)
	if err == nil && len(raw) != int(e.raw) {
		err = fmt.Errorf("a block of payloads has %d bytes instead of %d", len(raw), e.raw)
	}
	if err != nil {
		return nil, p.segment.damaged(off, err)
	}
	return raw, nil
}

// size implements part: what the index says about payloads, and vectors.
func (p *segmentPart) size(row uint32) int {
	object, _ := p.payload(row)
	n := len(object)
	for i := range p.columns {
		size, _, _ := p.vectorSize(row, p.columns[i].key)
		n += size
	}
	return n
}
