package segments

// vectorColumn holds the vectors of one key in a head, without gaps, in the
// order of rows. Dense vectors lie one after the other in each chunk, so that
// scans run at the speed of memory; others are slices of an arena.
//
// Copies of a vectorColumn by value are versions of it: slices grow at their
// end only, and what a version can reach is never written again.
type vectorColumn struct {
	spec   VectorSpec
	n      int
	chunks []*vectorChunk
	last   int // vectors in the last chunk
	// places maps rows to vectors, see place. Chunks of rows without vectors
	// are nil; the last chunk may be followed by rows that have none.
	places []*[headChunkRows]place
}

// vectorChunk has room for len(rows) vectors.
type vectorChunk struct {
	rows   []uint32
	hashes []Hash
	dense  []byte   // stride bytes each
	blobs  [][]byte // instead of dense for sparse and multi vectors
}

// place says where the vector of a row is: 1 + chunk * maxChunkVectors + index
// in the chunk, or 0 if the row has none.
type place uint32

const (
	minChunkBytes   = 8 << 10
	maxChunkBytes   = 256 << 10
	maxChunkVectors = 4096
)

func newVectorColumn(spec VectorSpec) vectorColumn { return vectorColumn{spec: spec} }

// add appends the vector of a row, which is above all rows before.
func (c *vectorColumn) add(row uint32, data []byte, hash Hash, blobs *arena) {
	if len(c.chunks) == 0 || c.last == len(c.chunks[len(c.chunks)-1].rows) {
		c.chunks = append(c.chunks, c.newChunk())
		c.last = 0
	}
	chunk, i := c.chunks[len(c.chunks)-1], c.last
	chunk.rows[i], chunk.hashes[i] = row, hash
	if c.spec.Kind == Dense {
		copy(chunk.dense[i*len(data):], data)
	} else {
		chunk.blobs[i] = blobs.copy(data)
	}
	c.last++
	c.n++
	c.setPlace(row, place(1+(len(c.chunks)-1)*maxChunkVectors+i))
}

// newChunk doubles the size of chunks from one to the next up to a limit.
func (c *vectorColumn) newChunk() *vectorChunk {
	stride := max(c.spec.Stride(), 1)
	if c.spec.Kind != Dense {
		stride = 64
	}
	size := maxChunkBytes
	if k := len(c.chunks); k < 5 {
		size = min(minChunkBytes<<k, maxChunkBytes)
	}
	room := min(max(size/stride, 1), maxChunkVectors)
	chunk := &vectorChunk{rows: make([]uint32, room), hashes: make([]Hash, room)}
	if c.spec.Kind == Dense {
		chunk.dense = make([]byte, room*stride)
	} else {
		chunk.blobs = make([][]byte, room)
	}
	return chunk
}

func (c *vectorColumn) setPlace(row uint32, p place) {
	n := int(row / headChunkRows)
	for len(c.places) < n { // rows that have no such vector and never will
		c.places = append(c.places, nil)
	}
	if len(c.places) == n {
		c.places = append(c.places, new([headChunkRows]place))
	}
	c.places[n][row%headChunkRows] = p
}

// find returns the chunk and the index of a row's vector.
func (c *vectorColumn) find(row uint32) (*vectorChunk, int, bool) {
	n := int(row / headChunkRows)
	if n >= len(c.places) || c.places[n] == nil {
		return nil, 0, false
	}
	p := c.places[n][row%headChunkRows]
	if p == 0 {
		return nil, 0, false
	}
	return c.chunks[(p-1)/maxChunkVectors], int((p - 1) % maxChunkVectors), true
}

func (c *vectorColumn) get(row uint32) ([]byte, bool) {
	chunk, i, ok := c.find(row)
	if !ok {
		return nil, false
	}
	if c.spec.Kind == Dense {
		stride := c.spec.Stride()
		return chunk.dense[i*stride : (i+1)*stride : (i+1)*stride], true
	}
	return chunk.blobs[i], true
}

func (c *vectorColumn) hash(row uint32) (Hash, bool) {
	chunk, i, ok := c.find(row)
	if !ok {
		return Hash{}, false
	}
	return chunk.hashes[i], true
}
