package segments

// HeadCount returns the number of heads, those without rows left out.
func (v *View) HeadCount() int {
	n := 0
	for _, h := range v.heads {
		if h.n > 0 {
			n++
		}
	}
	return n
}

// DeadRows returns the number of rows of segments that are dead.
func (v *View) DeadRows() int {
	n := 0
	for i := range v.dead {
		n += v.dead[i].count
	}
	return n
}

// VectorCount returns how many points have a vector, without looking at rows.
// In a part where only some rows have it, the dead ones are taken to have it as
// often as the others; else the number is exact.
func (v *View) VectorCount(key VectorKey) int {
	n := 0
	for i, s := range v.set.segments {
		if c := s.mapped.column(key); c != nil {
			n += alive(c.present, s.Rows(), v.dead[i].count)
		}
	}
	for _, h := range v.heads {
		if c := h.column(key); c != nil {
			n += alive(c.n, h.n, h.dead.count)
		}
	}
	return n
}

// alive returns how many of the present values belong to live rows.
func alive(present, rows, dead int) int {
	if rows == 0 {
		return 0
	}
	return int(int64(present) * int64(rows-dead) / int64(rows))
}
