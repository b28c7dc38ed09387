package segments

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/klauspost/compress/zstd"

	"github.com/tidemark-db/tidemark/segments/payload"
)

// rangeVerifier verifies one range after the other: first ids and payloads, then
// each vector, so that every column is read in one piece. It belongs to one
// goroutine and uses its memory again.
type rangeVerifier struct {
	ctx     context.Context
	stream  *stream
	decoder *zstd.Decoder
	// stored and raw are the block of payloads that was read last.
	stored, raw []byte
	block       int // its number, -1 if there is none

	rowRange
	part *segmentPart
	ids  []PointID // of the rows of the range
	sums rangeSums
}

func newRangeVerifier(ctx context.Context) *rangeVerifier {
	return &rangeVerifier{ctx: ctx, stream: newStream(nil)}
}

func (v *rangeVerifier) close() {
	if v.decoder != nil {
		v.decoder.Close()
	}
}

// verify reads the rows of a range and computes their hashes.
func (v *rangeVerifier) verify(r rowRange) (rangeSums, error) {
	v.rowRange, v.block = r, -1
	v.stream.reset(r.segment.file)
	v.part = newSegmentPart(r.segment, v.stream)
	v.sums = rangeSums{all: r.segment.noSums(), live: r.segment.noSums()}
	if err := v.rows(); err != nil {
		return rangeSums{}, err
	}
	for i := range v.part.columns {
		v.stream.reset(r.segment.file)
		c := columnVerifier{rangeVerifier: v, columnPart: &v.part.columns[i], index: i}
		if err := c.verify(); err != nil {
			return rangeSums{}, err
		}
		v.sums.before, v.sums.behind = append(v.sums.before, c.before), append(v.sums.behind, c.next)
	}
	return v.sums, nil
}

// rows verifies everything but the vectors.
func (v *rangeVerifier) rows() error {
	v.ids = v.ids[:0]
	last, err := v.idBefore()
	if err != nil {
		return err
	}
	for n := v.first; n < v.end; n++ {
		if err := v.interrupted(n); err != nil {
			return err
		}
		record, err := v.record(n)
		if err != nil {
			return err
		}
		id := record.id(v.segment.kindOf(n))
		if err := v.id(n, id, last); err != nil {
			return v.bad(n, err)
		}
		v.ids, last = append(v.ids, id), id
		if err := v.point(n, id, record); err != nil {
			return err
		}
	}
	return nil
}

// idBefore returns the id of the row before the range, if there is one.
func (v *rangeVerifier) idBefore() (PointID, error) {
	if v.first == 0 {
		return PointID{}, nil
	}
	record, err := v.record(v.first - 1)
	if err != nil {
		return PointID{}, err
	}
	return record.id(v.segment.kindOf(v.first - 1)), nil
}

// interrupted looks at the context now and then.
func (v *rangeVerifier) interrupted(n int) error {
	if n%1024 == 0 {
		return v.ctx.Err()
	}
	return nil
}

// record returns the record of a row, valid until the next call.
func (v *rangeVerifier) record(n int) (rowRecord, error) {
	return v.stream.view(v.part.rowSection, int64(n)*rowSize, rowSize)
}

// id checks that the row can be found. last is the id of the row before.
func (v *rangeVerifier) id(n int, id, last PointID) error {
	switch {
	case n > 0 && id.Compare(last) <= 0:
		return fmt.Errorf("point %v comes after %v", id, last)
	case id.kind == numberKind && id.hi != 0:
		return errPointID
	case !v.segment.filter.mayHave(idHash(id)):
		return fmt.Errorf("the id filter does not know point %v", id)
	case n%blockRows == 0 && v.segment.fence(n/blockRows) != id:
		return fmt.Errorf("point %v does not begin its block in the index", id)
	}
	return nil
}

// point checks the payload and the hash of a row.
func (v *rangeVerifier) point(n int, id PointID, record rowRecord) error {
	object, err := v.payload(n)
	if err != nil {
		return err
	}
	if err := payload.Validate(object); err != nil {
		return v.bad(n, err)
	}
	hash := record.hash()
	if hash != HashPoint(id, record.version(), object) {
		return v.bad(n, errors.New("its hash does not match"))
	}
	v.sums.all.Points = v.sums.all.Points.Add(hash)
	if !v.dead.has(uint32(n)) {
		v.sums.live.Points = v.sums.live.Points.Add(hash)
	}
	return nil
}

// payload returns the payload of a row, valid until the next call. Rows ascend,
// so each block is decompressed once.
func (v *rangeVerifier) payload(n int) (payload.Object, error) {
	if v.block < 0 || n >= int(v.segment.payloadRowsEnd(v.block)) {
		if err := v.nextPayloads(n); err != nil {
			return nil, err
		}
	}
	return v.part.payloadIn(v.raw, v.block, uint32(n))
}

func (v *rangeVerifier) nextPayloads(n int) (err error) {
	if v.decoder == nil {
		if v.decoder, err = newPayloadDecoder(1); err != nil {
			return err
		}
	}
	block := v.block + 1
	if v.block < 0 {
		block = v.part.payloadBlockOf(uint32(n))
	}
	e := v.segment.payloads[block]
	v.stored = slices.Grow(v.stored[:0], int(e.stored))[:e.stored]
	v.raw, err = v.part.readPayloads(v.decoder, block, v.stored, slices.Grow(v.raw[:0], int(e.raw)))
	v.block = block
	return err
}

func (v *rangeVerifier) bad(row int, err error) error {
	return v.segment.damaged(v.part.rowSection.offset+int64(row)*rowSize, fmt.Errorf("row %d: %w", row, err))
}
