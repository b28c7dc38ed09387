package segments

import "path/filepath"

// PartView is one part of a view, for scans that visit all rows of a part in
// the order in which they lie.
type PartView struct {
	part  part
	dead  deadRows
	dense func(VectorKey) DenseVectors
	rowAt func(uint32) (Row, error)
	// cached returns rowAt with a cache, see WithRowCache; nil for heads.
	cached func() func(uint32) (Row, error)
	memory bool
	name   string
}

// Parts returns the parts of the view. Each point is live in exactly one row of
// one part.
func (v *View) Parts() []PartView {
	parts := make([]PartView, 0, len(v.set.segments)+len(v.heads))
	for i, segment := range v.set.segments {
		parts = append(parts, segment.part(v.dead[i]))
	}
	for _, h := range v.heads {
		if h.n > 0 {
			parts = append(parts, headPart(h))
		}
	}
	return parts
}

func (s *Segment) part(dead deadRows) PartView {
	return PartView{
		part: s.mapped, dead: dead, name: filepath.Base(s.path),
		rowAt: s.mapped.at, cached: s.mapped.rowCache, dense: s.mapped.dense,
	}
}

func headPart(h *headView) PartView {
	return PartView{
		part: h, dead: h.dead, memory: true,
		rowAt: func(n uint32) (Row, error) { return h.at(n), nil }, dense: h.dense,
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

// WithRowCache returns the part with a cache of its own, for a goroutine that
// looks at many rows in about the order in which they lie. Row, and the payloads
// of rows that come from it, are then cheap while neighbours are asked for. Row
// of the result must not be called by two goroutines at once.
func (p PartView) WithRowCache() PartView {
	if p.cached != nil {
		p.rowAt = p.cached()
	}
	return p
}

// Vectors returns the dense vectors of a key.
func (p PartView) Vectors(key VectorKey) DenseVectors { return p.dense(key) }
