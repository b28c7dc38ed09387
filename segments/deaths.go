package segments

import (
	"errors"
	"fmt"
	"sort"

	"github.com/tidemark-db/tidemark/wal"
)

// Death says that the row of an id that was live before the record at At was
// replaced or removed by it.
type Death struct {
	At wal.Position
	ID PointID
}

const deathChunk = 1024

// deathBytes is what one death takes in memory.
const deathBytes = 40

// Deaths are deaths in the order of their positions. A Deaths is a value that
// never changes; the log that it was taken from goes on.
//
// One rule says which rows are dead: a row of a part that was built at position
// b, and holds what was live there, is dead at q exactly if its id died in
// (b, q]. For a row of a head b is the row's own position, for a segment the
// position as of which it was written.
type Deaths struct {
	chunks []*[deathChunk]Death
	first  int // index of the oldest death in the first chunk
	end    int // index behind the newest, counted from the first chunk
	// dropped is how many deaths the log had before the first chunk.
	dropped uint64
	// forgotten is the position up to which deaths were dropped.
	forgotten wal.Position
}

// ErrDeathsForgotten says that deaths are needed which are not kept any more.
var ErrDeathsForgotten = errors.New("the deaths since then are not kept any more")

// since returns the deaths in (b, q], which must all be kept.
func (d Deaths) since(b, q wal.Position) (Deaths, error) {
	if b < d.forgotten {
		return Deaths{}, fmt.Errorf("deaths after position %d, kept after %d: %w", b, d.forgotten, ErrDeathsForgotten)
	}
	return d.Between(b, q), nil
}

// Len returns the number of deaths.
func (d Deaths) Len() int { return d.end - d.first }

// at returns the i-th death, counted from the oldest.
func (d Deaths) at(i int) Death {
	i += d.first
	return d.chunks[i/deathChunk][i%deathChunk]
}

// after returns how many of the deaths lie at or below p.
func (d Deaths) after(p wal.Position) int {
	return sort.Search(d.Len(), func(i int) bool { return d.at(i).At > p })
}

// Between returns the deaths in (b, q].
func (d Deaths) Between(b, q wal.Position) Deaths {
	from, to := d.after(b), d.after(q)
	if to < from {
		to = from
	}
	d.end = d.first + to
	d.first += from
	return d
}

// number returns the number of the oldest death in the whole log.
func (d Deaths) number() uint64 { return d.dropped + uint64(d.first) }

// part returns up to n deaths from the one with the given number on, which is
// kept or the next to come.
func (d Deaths) part(number uint64, n int) Deaths {
	d.first = min(int(number-d.dropped), d.end)
	d.end = min(d.end, d.first+n)
	return d
}

// Died reports whether an id died. It looks at every death.
func (d Deaths) Died(id PointID) bool {
	for i := range d.Len() {
		if d.at(i).ID == id {
			return true
		}
	}
	return false
}

// deathLog is the end at which the applier adds.
type deathLog struct{ Deaths }

func (l *deathLog) add(at wal.Position, id PointID) {
	if l.end == len(l.chunks)*deathChunk {
		l.chunks = append(l.chunks, new([deathChunk]Death))
	}
	l.chunks[l.end/deathChunk][l.end%deathChunk] = Death{At: at, ID: id}
	l.end++
}

// forget drops the deaths at and below p, which nothing needs any more.
func (l *deathLog) forget(p wal.Position) {
	l.first += l.after(p)
	whole := l.first / deathChunk
	// A new slice, because copies of the old one are in views.
	l.chunks = append([]*[deathChunk]Death(nil), l.chunks[whole:]...)
	l.first -= whole * deathChunk
	l.end -= whole * deathChunk
	l.dropped += uint64(whole * deathChunk)
	l.forgotten = max(l.forgotten, p)
}

// total returns how many deaths were ever added.
func (l *deathLog) total() uint64 { return l.dropped + uint64(l.end) }

func (l *deathLog) bytes() int64 { return int64(l.Len()) * deathBytes }
