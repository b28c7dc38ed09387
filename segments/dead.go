package segments

import "slices"

// deadRows is the set of dead rows of one part: a bitmap in pages below tables.
// Versions share what they have in common: a page or table that an earlier
// version can see is copied before it is changed. The zero deadRows is empty.
//
// A deadRows that was handed out by value is never changed any more, provided
// that every later change is made in a higher epoch.
type deadRows struct {
	tables []*deadTable // nil where no row is dead
	count  int
	epoch  uint64 // of the tables slice
}

const (
	pageRows   = 64 * 64 // 512 bytes
	tablePages = 256
	tableRows  = pageRows * tablePages
)

// deadTable and deadPage belong to the epoch in which they were made or copied.
type deadTable struct {
	epoch uint64
	pages [tablePages]*deadPage // nil where no row is dead
}

type deadPage struct {
	epoch uint64
	words [pageRows / 64]uint64
}

// has reports whether a row is dead.
func (d *deadRows) has(row uint32) bool {
	return d.word(row/64)&(1<<(row%64)) != 0
}

// word returns the bits of the rows 64*i to 64*i+63.
func (d *deadRows) word(i uint32) uint64 {
	row := int(i) * 64
	if row/tableRows >= len(d.tables) {
		return 0
	}
	table := d.tables[row/tableRows]
	if table == nil {
		return 0
	}
	page := table.pages[row%tableRows/pageRows]
	if page == nil {
		return 0
	}
	return page.words[row%pageRows/64]
}

// add marks a row as dead and reports whether it was alive. The epoch must be
// higher than it was whenever a copy of d was handed out.
func (d *deadRows) add(row uint32, epoch uint64) bool {
	if d.has(row) {
		return false
	}
	page := d.page(int(row), epoch)
	page.words[row%pageRows/64] |= 1 << (row % 64)
	d.count++
	return true
}

// page returns the page of a row, made or copied so that it may be changed.
func (d *deadRows) page(row int, epoch uint64) *deadPage {
	n := row / tableRows
	if d.epoch != epoch {
		d.tables, d.epoch = slices.Clone(d.tables), epoch
	}
	if n >= len(d.tables) {
		d.tables = append(d.tables, make([]*deadTable, n+1-len(d.tables))...)
	}
	table := own(&d.tables[n], epoch, func(t *deadTable) *uint64 { return &t.epoch })
	return own(&table.pages[row%tableRows/pageRows], epoch, func(p *deadPage) *uint64 { return &p.epoch })
}

// own makes *at a value of this epoch: a new one, a copy, or the one it is.
func own[T any](at **T, epoch uint64, epochOf func(*T) *uint64) *T {
	switch {
	case *at == nil:
		*at = new(T)
	case *epochOf(*at) != epoch:
		c := **at
		*at = &c
	default:
		return *at
	}
	*epochOf(*at) = epoch
	return *at
}
