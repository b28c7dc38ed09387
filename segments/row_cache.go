package segments

// rowCache remembers the block of rows that was read last, and has a memory for
// payloads that nobody else displaces.
type rowCache struct {
	part  *segmentPart
	block []byte // the records from row start on
	start int
}

// newRowCache returns an empty cache. Rows that come from it read their payloads
// through part.
func newRowCache(part *segmentPart) rowCache { return rowCache{part: part, start: -blockRows} }

// rowCache returns the reading of rows by a new cache.
func (p *segmentPart) rowCache() func(uint32) (Row, error) {
	own := &segmentPart{segment: p.segment, reader: p.reader, rowSection: p.rowSection, columns: p.columns, decoder: p.decoder}
	c := newRowCache(own)
	return c.at
}

func (c *rowCache) at(n uint32) (Row, error) {
	row := int(n)
	if row < c.start || row >= c.start+blockRows {
		if err := c.load(row / blockRows * blockRows); err != nil {
			return Row{}, err
		}
	}
	r := rowRecord(c.block[(row-c.start)*rowSize:])
	return Row{part: c.part, n: n, id: r.id(c.part.segment.kindOf(row)), version: r.version()}, nil
}

func (c *rowCache) load(start int) error {
	if c.block == nil {
		c.block = make([]byte, blockRows*rowSize)
	}
	c.start = -blockRows // nothing, unless the block can be read
	n := min(blockRows, c.part.rows()-start)
	if err := c.part.reader.readAt(c.part.rowSection, int64(start)*rowSize, c.block[:n*rowSize]); err != nil {
		return err
	}
	c.start = start
	return nil
}
