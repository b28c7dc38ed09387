package segments

import (
	"encoding/binary"
	"fmt"
)

// denseBlockBytes is about how many bytes of vectors are visited together.
const denseBlockBytes = 256 << 10

// segmentDense has runs of equally many rows, which begin where a record of the
// presence does, so that the place of their vectors is known.
type segmentDense struct {
	part    *segmentPart
	column  *columnPart
	size    int // of a vector
	runRows int
}

// dense returns the dense vectors of a key.
func (p *segmentPart) dense(key VectorKey) DenseVectors {
	c := p.column(key)
	if c == nil || c.kind != Dense || c.present == 0 {
		return DenseVectors{}
	}
	d := &segmentDense{part: p, column: c, size: c.spec().Stride()}
	d.runRows = max(denseBlockBytes/d.size/presenceRows, 1) * presenceRows
	return DenseVectors{source: d, identity: c}
}

func (d *segmentDense) count() int  { return d.column.present }
func (d *segmentDense) stride() int { return d.size }
func (d *segmentDense) runs() int   { return (d.part.rows() + d.runRows - 1) / d.runRows }

// visit gives out the bytes of the mapping.
func (d *segmentDense) visit(r *DenseReader, run int, visit func(DenseBlock) error) error {
	first, err := d.list(r, run)
	if err != nil {
		return err
	}
	rows, most := r.rows, max(denseBlockBytes/d.size, 1)
	for len(rows) > 0 {
		n := min(most, len(rows))
		off := int64(first) * int64(d.size)
		err := d.part.segment.accessor.use(d.column.vectors, off, int64(n*d.size), func(b []byte) error {
			return visit(DenseBlock{Rows: rows[:n:n], Data: b, Stride: d.size})
		})
		if err != nil {
			return err
		}
		first, rows = first+n, rows[n:]
	}
	return nil
}

// list puts the rows of a run that have a vector into r.rows, and returns which
// vector is that of the first one.
func (d *segmentDense) list(r *DenseReader, run int) (first int, err error) {
	from := run * d.runRows
	to := min(from+d.runRows, d.part.rows())
	r.rows = r.rows[:0]
	if d.column.presence == nil { // every row has one
		for row := from; row < to; row++ {
			r.rows = append(r.rows, uint32(row))
		}
		return from, nil
	}
	for row := from; row < to; row += presenceRows {
		rank, err := d.rank(r, row)
		if err != nil {
			return 0, err
		}
		if row == from {
			first = rank
		}
		if rank != first+len(r.rows) {
			return 0, d.damaged(row, fmt.Errorf("%d rows below %d have the vector, not %d", first+len(r.rows), row, rank))
		}
		r.present(row, to)
	}
	end, err := d.rank(r, to)
	if err == nil && end != first+len(r.rows) {
		err = d.damaged(to-1, fmt.Errorf("%d rows below %d have the vector, not %d", first+len(r.rows), to, end))
	}
	return first, err
}

// rank returns how many rows before the given one have the vector. The record
// that begins with the row is in r.record afterwards, unless it is the end.
func (d *segmentDense) rank(r *DenseReader, row int) (int, error) {
	if row == d.part.rows() {
		return d.column.present, nil
	}
	if err := d.part.reader.readAt(d.column.presence, int64(row/presenceRows)*presenceSize, r.record[:]); err != nil {
		return 0, err
	}
	rank := int64(binary.LittleEndian.Uint64(r.record[:]))
	if rank < 0 || rank > int64(d.column.present) {
		return 0, d.damaged(row, fmt.Errorf("%d of %d vectors belong to rows below %d", rank, d.column.present, row))
	}
	return int(rank), nil
}

func (d *segmentDense) damaged(row int, err error) error {
	return d.part.segment.damaged(d.column.presence.offset+int64(row/presenceRows)*presenceSize, err)
}

// present appends those rows of the record, which begins at row, that have a
// vector and are below to.
func (r *DenseReader) present(row, to int) {
	record := presenceRecord(r.record[:])
	for i := range min(presenceRows, to-row) {
		if record.has(i) {
			r.rows = append(r.rows, uint32(row+i))
		}
	}
}
