package segments

import "path/filepath"

// PartView is one part of a view, for scans that visit all rows of a part in
// the order in which they lie.
type PartView struct {
	part   part
	dead   deadRows
	dense  func(VectorKey, func(DenseBlock) error) error
	rowAt  func(uint32) (Row, error)
	memory bool
	name   string
}

// DenseBlock is a run of dense vectors of one key that lie one after the other.
type DenseBlock struct {
	// Rows are the rows of the part that the vectors belong to, ascending.
	// Dead ones are among them.
	Rows []uint32
	// Data holds len(Rows) vectors of Stride bytes each.
	Data   []byte
	Stride int
}

// Parts returns the parts of the view. Each point is live in exactly one row of
// one part.
func (v *View) Parts() []PartView {
	parts := make([]PartView, 0, len(v.set.segments)+len(v.heads))
	for i, segment := range v.set.segments {
		parts = append(parts, PartView{part: segment.mapped, dead: v.dead[i], rowAt: segment.mapped.at, dense: segment.dense, name: filepath.Base(segment.path)})
	}
	for _, h := range v.heads {
		if h.n > 0 {
			parts = append(parts, headPart(h))
		}
	}
	return parts
}

func headPart(h *headView) PartView {
	return PartView{
		part: h, dead: h.dead, memory: true,
		rowAt: func(n uint32) (Row, error) { return h.at(n), nil },
		dense: func(key VectorKey, visit func(DenseBlock) error) error {
			if c := h.column(key); c != nil && c.spec.Kind == Dense {
				return c.each(visit)
			}
			return nil
		},
	}
}

// Rows returns the number of rows, dead ones included.
func (p PartView) Rows() int { return p.part.rows() }

// DeadRows returns the number of dead rows.
func (p PartView) DeadRows() int { return p.dead.count }

// Dead reports whether a row is dead.
func (p PartView) Dead(row uint32) bool { return p.dead.has(row) }

// DeadWord returns the rows 64*i to 64*i+63 as bits, 1 for dead.
func (p PartView) DeadWord(i uint32) uint64 { return p.dead.word(i) }

// InMemory reports whether the part is a head.
func (p PartView) InMemory() bool { return p.memory }

// Name returns the name of a segment's file, which the collection never uses
// twice, and "" for a head.
func (p PartView) Name() string { return p.name }

// Row returns a row, dead or alive. It must be below Rows.
func (p PartView) Row(n uint32) (Row, error) { return p.rowAt(n) }

// Dense calls visit for all dense vectors of a key, block by block in the order
// of rows. The block must not be used after visit returns, nor by another
// goroutine.
func (p PartView) Dense(key VectorKey, visit func(DenseBlock) error) error {
	return p.dense(key, visit)
}
