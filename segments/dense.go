package segments

// DenseVectors are the dense vectors of one key in one part, cut into runs that
// may be visited in any order and by several goroutines at once, as long as the
// view is held that the part came from. The zero value has none.
type DenseVectors struct {
	source denseSource
	// identity is a pointer that all versions of the same vectors share.
	identity any
}

// denseSource is where dense vectors lie.
type denseSource interface {
	count() int
	stride() int
	runs() int
	visit(r *DenseReader, run int, visit func(DenseBlock) error) error
}

// DenseBlock is some dense vectors of one key that lie one after the other.
type DenseBlock struct {
	// Rows are the rows of the part that the vectors belong to, ascending.
	// Dead ones are among them.
	Rows []uint32
	// Data holds len(Rows) vectors of Stride bytes each.
	Data   []byte
	Stride int
}

// Len returns the number of vectors.
func (d DenseVectors) Len() int {
	if d.source == nil {
		return 0
	}
	return d.source.count()
}

// Bytes returns what all vectors take.
func (d DenseVectors) Bytes() int64 {
	if d.source == nil {
		return 0
	}
	return int64(d.source.count()) * int64(d.source.stride())
}

// Runs returns the number of runs.
func (d DenseVectors) Runs() int {
	if d.source == nil {
		return 0
	}
	return d.source.runs()
}

// Identity returns what tells these vectors from others, as a key of maps. Views
// of different positions can share vectors: of two DenseVectors with the same
// identity the longer one begins with all vectors of the shorter one, in runs of
// the same numbers. So one visit of the longer one serves both, if each looks
// only at those rows that its part has.
func (d DenseVectors) Identity() any { return d.identity }

// DenseReader visits runs of dense vectors; it keeps memory from one visit to
// the next. It belongs to one goroutine.
type DenseReader struct {
	rows   []uint32
	record [presenceSize]byte
}

// Visit calls visit for all vectors of a run, in the order of rows, about
// 256 KiB at a time, where they lie. The block must not be used after visit
// returns, nor by another goroutine.
func (r *DenseReader) Visit(d DenseVectors, run int, visit func(DenseBlock) error) error {
	return d.source.visit(r, run, visit)
}

// headDense has a run for each chunk. Chunks never move, and all versions of a
// head have the same ones, as far as they reach.
type headDense struct{ *vectorColumn }

// dense returns the dense vectors of a key.
func (h *headView) dense(key VectorKey) DenseVectors {
	c := h.column(key)
	if c == nil || c.spec.Kind != Dense || c.n == 0 {
		return DenseVectors{}
	}
	return DenseVectors{source: headDense{c}, identity: c.chunks[0]}
}

func (h headDense) count() int  { return h.n }
func (h headDense) stride() int { return h.spec.Stride() }
func (h headDense) runs() int   { return len(h.chunks) }

func (h headDense) visit(_ *DenseReader, run int, visit func(DenseBlock) error) error {
	chunk, stride := h.chunks[run], h.spec.Stride()
	n := len(chunk.rows)
	if run == len(h.chunks)-1 {
		n = h.last
	}
	return visit(DenseBlock{Rows: chunk.rows[:n:n], Data: chunk.dense[: n*stride : n*stride], Stride: stride})
}
