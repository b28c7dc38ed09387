package segments

import (
	"github.com/tidwall/btree"

	"github.com/tidemark-db/tidemark/segments/payload"
	"github.com/tidemark-db/tidemark/wal"
)

// head holds the newest rows in memory. It is written by the applier alone.
// Readers get a headView: they see the rows below a number, in chunks that
// never move, and need no lock.
type head struct {
	headView
	payloads arena
	blobs    arena // sparse and multi vectors
	bytes    int64
	// frozen is what was published last, nil if it is out of date.
	frozen *headView
}

// headView is a head as of one moment.
type headView struct {
	n       int // rows
	chunks  []*headChunk
	columns []vectorColumn
	ids     *btree.BTreeG[idRow] // the live ids
	dead    deadRows
	// sealed is the position at which the head was sealed; 0 while it is the
	// active one.
	sealed wal.Position
}

// idRow is the live row of an id within a head.
type idRow struct {
	id  PointID
	row uint32
}

func lessID(a, b idRow) bool { return a.id.less(b.id) }

const headChunkRows = 256

// headChunk holds the fixed part of consecutive rows.
type headChunk struct {
	ids      [headChunkRows]PointID
	versions [headChunkRows]wal.Position
	hashes   [headChunkRows]Hash
	payloads [headChunkRows]payload.Object
}

// rowOverhead and vectorOverhead are what a row and a vector take in memory
// beside their bytes: chunks, tree, hashes.
const (
	rowOverhead    = 160
	vectorOverhead = 28
)

func newHead() *head {
	h := new(head)
	h.ids = btree.NewBTreeGOptions(lessID, btree.Options{NoLocks: true})
	return h
}

// add appends a copy of a point and returns its row.
func (h *head) add(p *Point, hash Hash) uint32 {
	row := h.n
	if row%headChunkRows == 0 {
		h.chunks = append(h.chunks, new(headChunk))
	}
	c, i := h.chunks[row/headChunkRows], row%headChunkRows
	c.ids[i], c.versions[i], c.hashes[i] = p.ID, p.Version, hash
	c.payloads[i] = h.payloads.copy(p.Payload)
	h.n++
	h.bytes += int64(rowOverhead + len(p.Payload))
	h.ids.Set(idRow{id: p.ID, row: uint32(row)})
	h.frozen = nil
	return uint32(row)
}

// addVector gives the last row a vector.
func (h *head) addVector(spec VectorSpec, data []byte, hash Hash) {
	c := h.column(spec.Key)
	if c == nil {
		h.columns = append(h.columns, newVectorColumn(spec))
		c = &h.columns[len(h.columns)-1]
	}
	c.add(uint32(h.n-1), data, hash, &h.blobs)
	h.bytes += int64(vectorOverhead + len(data))
}

// kill marks a row as dead. Its id is still found until it is forgotten or has
// another row.
func (h *head) kill(row uint32, epoch uint64) {
	h.dead.add(row, epoch)
	h.frozen = nil
}

// forget takes an id out that has no live row any more.
func (h *head) forget(id PointID) {
	h.ids.Delete(idRow{id: id})
	h.frozen = nil
}

// freeze returns the head as it is now. It costs nothing that grows with the
// rows, and nothing at all if the head has not changed.
func (h *head) freeze() *headView {
	if h.frozen == nil {
		v := h.headView
		v.columns = append([]vectorColumn(nil), h.columns...)
		v.ids = h.ids.Copy()
		h.frozen = &v
	}
	return h.frozen
}

func (h *headView) column(key VectorKey) *vectorColumn {
	for i := range h.columns {
		if h.columns[i].spec.Key == key {
			return &h.columns[i]
		}
	}
	return nil
}

func (h *headView) rows() int { return h.n }

// at returns a row that exists.
func (h *headView) at(row uint32) Row {
	c, i := h.chunks[row/headChunkRows], row%headChunkRows
	return Row{part: h, n: row, id: c.ids[i], version: c.versions[i]}
}

// find returns the live row of an id.
func (h *headView) find(id PointID) (Row, bool) {
	e, ok := h.ids.Get(idRow{id: id})
	if !ok {
		return Row{}, false
	}
	return h.at(e.row), true
}

func (h *headView) hash(row uint32) (Hash, error) {
	return h.chunks[row/headChunkRows].hashes[row%headChunkRows], nil
}

func (h *headView) payload(row uint32) (payload.Object, error) {
	return h.chunks[row/headChunkRows].payloads[row%headChunkRows], nil
}

func (h *headView) vector(row uint32, key VectorKey) ([]byte, bool, error) {
	if c := h.column(key); c != nil {
		data, ok := c.get(row)
		return data, ok, nil
	}
	return nil, false, nil
}

func (h *headView) vectorSize(row uint32, key VectorKey) (int, bool, error) {
	data, ok, err := h.vector(row, key)
	return len(data), ok, err
}

func (h *headView) vectorHash(row uint32, key VectorKey) (Hash, bool, error) {
	if c := h.column(key); c != nil {
		hash, ok := c.hash(row)
		return hash, ok, nil
	}
	return Hash{}, false, nil
}

func (h *headView) size(row uint32) int {
	p, _ := h.payload(row)
	n := len(p)
	for i := range h.columns {
		data, _ := h.columns[i].get(row)
		n += len(data)
	}
	return n
}
