package segments

import "fmt"

// columnVerifier verifies the vectors of one key in a range whose ids are known.
type columnVerifier struct {
	*rangeVerifier
	*columnPart
	index  int            // of the column
	record presenceRecord // of the present row
	// before is the number of the vector that the range should begin with, next
	// that of the one that comes next, counted from the first row of the segment.
	before, next int
}

func (c *columnVerifier) verify() error {
	if err := c.begin(); err != nil {
		return err
	}
	spec := c.spec()
	for i, id := range c.ids {
		row := c.rowRange.first + i
		if err := c.interrupted(row); err != nil {
			return err
		}
		ok, err := c.has(row)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if c.next >= c.present {
			return c.bad(row, fmt.Errorf("more than %d rows have vector %v", c.present, c.key))
		}
		if err := c.vector(spec, row, id); err != nil {
			return err
		}
		c.next++
	}
	return nil
}

// begin takes from the file how many rows before the range have a vector.
// Whoever joins the ranges compares.
func (c *columnVerifier) begin() error {
	first := c.rowRange.first
	c.before = first
	if c.presence != nil && first > 0 {
		if err := c.readPresence(first); err != nil {
			return err
		}
		if c.before = c.record.rank(0); c.before < 0 || c.before > first {
			return c.segment.miscounted(c.index, first, c.before, first)
		}
	}
	c.next = c.before
	return nil
}

// has reports whether a row has a vector. Rows ascend.
func (c *columnVerifier) has(row int) (bool, error) {
	if c.presence == nil {
		return true, nil
	}
	if row%presenceRows == 0 {
		if err := c.readPresence(row); err != nil {
			return false, err
		}
		if got := c.record.rank(0); got != c.next {
			return false, c.segment.miscounted(c.index, row, got, c.next)
		}
	}
	return c.record.has(row % presenceRows), nil
}

// readPresence reads the record that begins with a row.
func (c *columnVerifier) readPresence(row int) (err error) {
	c.record, err = c.stream.view(c.presence, int64(row)/presenceRows*presenceSize, presenceSize)
	return err
}

// vector checks the next vector, which a row has.
func (c *columnVerifier) vector(spec VectorSpec, row int, id PointID) error {
	n := int64(c.next)
	off, size, err := c.extent(n)
	if err != nil {
		return err
	}
	data, err := c.stream.view(c.vectors, off, size)
	if err != nil {
		return err
	}
	if err := CheckVector(spec, data); err != nil {
		return c.bad(row, err)
	}
	stored, err := c.stream.view(c.hashes, n*hashSize, hashSize)
	if err != nil {
		return err
	}
	hash := hashAt(stored)
	if hash != HashVector(id, data) {
		return c.bad(row, fmt.Errorf("the hash of vector %v does not match", c.key))
	}
	all, live := &c.sums.all.Vectors[c.index].Sum, &c.sums.live.Vectors[c.index].Sum
	*all = all.Add(hash)
	if !c.dead.has(uint32(row)) {
		*live = live.Add(hash)
	}
	return nil
}

// extent returns where the bytes of the n-th vector lie in their section.
func (c *columnVerifier) extent(n int64) (off, size int64, err error) {
	if c.offsets == nil {
		off, size = c.denseExtent(n)
		return off, size, nil
	}
	b, err := c.stream.view(c.offsets, n*offsetSize, 2*offsetSize)
	if err != nil {
		return 0, 0, err
	}
	return c.part.extentIn(c.columnPart, n, b)
}
