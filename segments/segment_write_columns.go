package segments

import (
	"encoding/binary"
	"math/bits"

	"github.com/klauspost/compress/zstd"

	"github.com/tidemark-db/tidemark/wal"
)

// appendRow appends the record of a row: id without kind, version, hash.
func appendRow(b []byte, row Row, hash Hash) []byte {
	b = binary.BigEndian.AppendUint64(b, row.id.hi)
	b = binary.BigEndian.AppendUint64(b, row.id.lo)
	b = binary.LittleEndian.AppendUint64(b, uint64(row.version))
	return hash.append(b)
}

// rowRecord is what appendRow wrote.
type rowRecord []byte

func (r rowRecord) id(kind idKind) PointID { return idAt(kind, r) }
func (r rowRecord) version() wal.Position {
	return wal.Position(binary.LittleEndian.Uint64(r[idBytes:]))
}
func (r rowRecord) hash() Hash { return hashAt(r[idBytes+8:]) }

// writePayloads writes payloads in compressed blocks, and their index.
func (w *segmentWriter) writePayloads() error {
	if err := w.startEncoder(); err != nil {
		return err
	}
	if err := w.file.begin(payloadsSection, 0); err != nil {
		return err
	}
	b := payloadBuilder{w: w}
	err := w.each(func(row Row) error {
		p, err := row.Payload()
		if err != nil {
			return err
		}
		return b.add(p)
	})
	if err == nil {
		err = b.flush()
	}
	if err != nil {
		return err
	}
	if err := w.add(w.file.end()); err != nil {
		return err
	}
	return w.add(w.file.whole(payloadIndexSection, 0, b.index))
}

func (w *segmentWriter) startEncoder() (err error) {
	w.encoder, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false),
		zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithLowerEncoderMem(true))
	return err
}

// payloadBuilder collects the payloads of consecutive rows into blocks.
type payloadBuilder struct {
	w        *segmentWriter
	ends     []uint32 // end of each payload of the block
	data     []byte
	index    []byte
	rows     uint32 // before the block
	raw, out []byte // reused
}

// add takes the payload of the next row. A payload that is larger than a block
// has one to itself.
func (b *payloadBuilder) add(p []byte) error {
	full := len(b.data)+len(p) > payloadBlockBytes || len(b.ends) == payloadBlockRows
	if full && len(b.ends) > 0 {
		if err := b.flush(); err != nil {
			return err
		}
	}
	b.data = append(b.data, p...)
	b.ends = append(b.ends, uint32(len(b.data)))
	return nil
}

// flush writes the block: the ends as u32, then the payloads, compressed.
func (b *payloadBuilder) flush() error {
	b.raw = b.raw[:0]
	for _, end := range b.ends {
		b.raw = binary.LittleEndian.AppendUint32(b.raw, end)
	}
	b.raw = append(b.raw, b.data...)
	b.out = b.w.encoder.EncodeAll(b.raw, b.out[:0])
	entry := payloadEntry{
		offset: b.w.file.current.length, stored: uint32(len(b.out)), raw: uint32(len(b.raw)),
		firstRow: b.rows, sum: checksum(b.out),
	}
	b.index = entry.append(b.index)
	b.rows += uint32(len(b.ends))
	b.ends, b.data = b.ends[:0], b.data[:0]
	return b.w.file.write(b.out)
}

// writeColumn writes the vectors of one key, if any row has one.
func (w *segmentWriter) writeColumn(spec VectorSpec) error {
	presence, present, err := w.presence(spec.Key)
	if err != nil || present == 0 {
		return err
	}
	w.contents.columns = append(w.contents.columns, columnInfo{
		key: spec.Key, kind: spec.Kind, datatype: spec.Datatype, size: spec.Size, present: present,
	})
	if present < w.contents.rows {
		if err := w.add(w.file.whole(presenceSection, w.column(), presence)); err != nil {
			return err
		}
	}
	if err := w.writeHashes(spec.Key); err != nil {
		return err
	}
	if spec.Kind != Dense {
		if err := w.writeOffsets(spec.Key); err != nil {
			return err
		}
	}
	return w.writeVectors(spec.Key)
}

// column is the index of the vector that is being written.
func (w *segmentWriter) column() int { return len(w.contents.columns) - 1 }

// presence returns the records that say which rows have a vector.
func (w *segmentWriter) presence(key VectorKey) (records []byte, present int, err error) {
	records = make([]byte, (w.contents.rows+presenceRows-1)/presenceRows*presenceSize)
	n := 0
	err = w.each(func(row Row) error {
		record := presenceRecord(records[n/presenceRows*presenceSize:][:presenceSize])
		if n%presenceRows == 0 {
			record.setRank(present)
		}
		_, ok, err := row.part.vectorSize(row.n, key)
		if ok {
			record.set(n % presenceRows)
			present++
		}
		n++
		return err
	})
	return records, present, err
}

// presenceRecord says which of presenceRows rows have a vector: how many rows
// before have one as a u64, then a bit for each row.
type presenceRecord []byte

func (r presenceRecord) setRank(n int)  { binary.LittleEndian.PutUint64(r, uint64(n)) }
func (r presenceRecord) set(i int)      { r[8+i/8] |= 1 << (i % 8) }
func (r presenceRecord) has(i int) bool { return r[8+i/8]&(1<<(i%8)) != 0 }

// rank returns how many rows before row i of the record have a vector.
func (r presenceRecord) rank(i int) int {
	n := int(binary.LittleEndian.Uint64(r))
	for w := range i / 64 {
		n += bits.OnesCount64(r.word(w))
	}
	if i%64 != 0 {
		n += bits.OnesCount64(r.word(i/64) & (1<<(i%64) - 1))
	}
	return n
}

func (r presenceRecord) word(i int) uint64 { return binary.LittleEndian.Uint64(r[8+8*i:]) }

func (w *segmentWriter) writeHashes(key VectorKey) error {
	if err := w.file.begin(hashesSection, w.column()); err != nil {
		return err
	}
	sum := &w.contents.columns[w.column()].sum
	err := w.each(func(row Row) error {
		hash, ok, err := row.VectorHash(key)
		if err != nil || !ok {
			return err
		}
		*sum = sum.Add(hash)
		w.scratch = hash.append(w.scratch[:0])
		return w.file.write(w.scratch)
	})
	if err != nil {
		return err
	}
	return w.add(w.file.end())
}

// writeOffsets writes where each vector begins, and the end of the last one.
func (w *segmentWriter) writeOffsets(key VectorKey) error {
	if err := w.file.begin(offsetsSection, w.column()); err != nil {
		return err
	}
	end := uint64(0)
	put := func() error {
		w.scratch = binary.LittleEndian.AppendUint64(w.scratch[:0], end)
		return w.file.write(w.scratch)
	}
	err := w.each(func(row Row) error {
		size, ok, err := row.part.vectorSize(row.n, key)
		if err != nil || !ok {
			return err
		}
		err = put()
		end += uint64(size)
		return err
	})
	if err == nil {
		err = put()
	}
	if err != nil {
		return err
	}
	return w.add(w.file.end())
}

func (w *segmentWriter) writeVectors(key VectorKey) error {
	if err := w.file.begin(vectorsSection, w.column()); err != nil {
		return err
	}
	err := w.each(func(row Row) error {
		data, ok, err := row.Vector(key)
		if err != nil || !ok {
			return err
		}
		return w.file.write(data)
	})
	if err != nil {
		return err
	}
	return w.add(w.file.end())
}
