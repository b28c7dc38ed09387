package segments

import (
	"slices"

	"github.com/tidemark-db/tidemark/wal"
)

// State is all points of a collection as its applier knows them. It belongs to
// one goroutine; what it publishes may be read by any.
type State struct {
	schema Schema
	set    *segmentSet
	// dead has the dead rows of each segment of set. The slice itself belongs to
	// deadEpoch: in a later epoch it is copied before it is changed.
	dead      []deadRows
	deadEpoch uint64

	heads  []*head // the last one is active, those before are sealed
	deaths deathLog
	// begun is the number of the first death since the active head was begun.
	begun uint64
	sums  Sums
	count int
	// epoch rises with each publication: pages of dead rows of an earlier
	// epoch are shared with views.
	epoch uint64
}

// NewState returns the state of a collection without vectors and points.
func NewState() *State {
	return &State{set: newSegmentSet(nil), heads: []*head{newHead()}, epoch: 1}
}

// Close gives back the segments. Views that are held keep theirs.
func (s *State) Close() {
	s.set.release()
	s.set = nil
}

// Located is the live row of an id with everything that removing it needs, read
// and verified, so that Apply cannot fail. The zero Located is no row.
type Located struct {
	row  Row
	hash Hash
	head *head // nil if the row lies in a segment
	// segment is the index of the segment in the set; vectors are the hashes of
	// the row's vectors there.
	segment int
	vectors []VectorSum
}

// IsZero reports whether there is no row.
func (l Located) IsZero() bool { return l.row.part == nil }

// Row returns the row. It may be read until the next call of a method that
// changes the state.
func (l Located) Row() Row { return l.row }

// Locate finds the live row of an id. After an error nothing is known about
// the id.
func (s *State) Locate(id PointID) (Located, bool, error) {
	for _, h := range slices.Backward(s.heads) {
		if row, ok := h.find(id); ok {
			hash, err := h.hash(row.n)
			return Located{row: row, head: h, hash: hash}, true, err
		}
	}
	return s.locateInSegments(id)
}

func (s *State) locateInSegments(id PointID) (Located, bool, error) {
	i, row, ok, err := findInSegments(s.set.segments, s.dead, id)
	if err != nil || !ok {
		return Located{}, false, err
	}
	part := s.set.segments[i].mapped
	l := Located{segment: i}
	if l.row, err = part.at(row); err != nil {
		return Located{}, false, err
	}
	if l.hash, err = part.hash(row); err != nil {
		return Located{}, false, err
	}
	if l.vectors, err = part.vectorHashes(row); err != nil {
		return Located{}, false, err
	}
	return l, true, nil
}

// findInSegments returns the segment and the row in which an id is live.
func findInSegments(segments []*Segment, dead []deadRows, id PointID) (segment int, row uint32, ok bool, err error) {
	if len(segments) == 0 {
		return 0, 0, false, nil
	}
	h := idHash(id)
	for i, s := range slices.Backward(segments) { // the newest first
		n, found, err := s.find(id, h)
		if err != nil {
			return 0, 0, false, err
		}
		if found && !dead[i].has(uint32(n)) {
			return i, uint32(n), true, nil
		}
	}
	return 0, 0, false, nil
}

// Change is what one record does to one id.
type Change struct {
	ID PointID
	// Old is the row that dies, located in the state as it is before the
	// record; zero if there is none.
	Old Located
	// New is the row that is added; nil if the point is only removed. Its
	// vectors are in the schema. Apply copies its bytes.
	New *Point
}

// Apply applies the net effects of the record at position at, no more than one
// change for each id. It cannot fail.
func (s *State) Apply(at wal.Position, changes []Change) {
	for i := range changes {
		c := &changes[i]
		if !c.Old.IsZero() {
			s.remove(c.Old)
			s.deaths.add(at, c.ID)
			if h := c.Old.head; h != nil && (h != s.active() || c.New == nil) {
				h.forget(c.ID) // else the new row takes its place
			}
		}
		if c.New != nil {
			s.insert(c.New)
		}
	}
}

func (s *State) remove(old Located) {
	s.count--
	s.sums.Points = s.sums.Points.Sub(old.hash)
	if old.head == nil {
		for _, v := range old.vectors {
			if sum := s.sums.vector(v.Key); sum != nil { // else the vector was dropped
				*sum = sum.Sub(v.Sum)
			}
		}
		s.killInSegment(old.segment, old.row.n)
		return
	}
	for i := range s.sums.Vectors {
		v := &s.sums.Vectors[i]
		if c := old.head.column(v.Key); c != nil {
			if hash, ok := c.hash(old.row.n); ok {
				v.Sum = v.Sum.Sub(hash)
			}
		}
	}
	old.head.kill(old.row.n, s.epoch)
}

// killInSegment marks a row of a segment as dead and reports whether it was
// alive.
func (s *State) killInSegment(segment int, row uint32) bool {
	if s.deadEpoch != s.epoch {
		s.dead, s.deadEpoch = slices.Clone(s.dead), s.epoch
	}
	return s.dead[segment].add(row, s.epoch)
}

func (s *State) insert(p *Point) {
	hash := HashPoint(p.ID, p.Version, p.Payload)
	s.count++
	s.sums.Points = s.sums.Points.Add(hash)
	h := s.active()
	h.add(p, hash)
	for _, v := range p.Vectors {
		spec, known := s.schema.ByKey(v.Key)
		sum := s.sums.vector(v.Key)
		if !known || sum == nil {
			continue
		}
		hash := HashVector(p.ID, v.Data)
		*sum = sum.Add(hash)
		h.addVector(spec, v.Data, hash)
	}
}

func (s *State) active() *head { return s.heads[len(s.heads)-1] }

// AddVectors begins the sums of new vectors. Their keys rise, above all others.
func (s *State) AddVectors(specs ...VectorSpec) {
	s.schema = slices.Concat(s.schema, specs) // views have the old one
	for _, spec := range specs {
		s.sums.addVector(spec.Key)
	}
}

// DropVector ends a vector: the sum of all its hashes is left out from now on.
// Rows keep their data until they are written or merged.
func (s *State) DropVector(key VectorKey) {
	s.schema = slices.DeleteFunc(slices.Clone(s.schema), func(spec VectorSpec) bool { return spec.Key == key })
	s.sums.dropVector(key)
}

// Seal makes the active head immutable but for deaths and begins an empty one.
// at is the position of the last record that was applied. A head without rows
// is not sealed.
func (s *State) Seal(at wal.Position) bool {
	s.begun = s.deaths.total()
	if s.active().n == 0 {
		return false
	}
	s.active().sealed = at
	s.active().frozen = nil
	s.heads = append(s.heads, newHead())
	return true
}

// Count returns the number of points.
func (s *State) Count() int { return s.count }

// Sums returns the sums of the hashes of all points.
func (s *State) Sums() Sums { return s.sums.Clone() }

// Digest returns the digest of all points.
func (s *State) Digest() Digest { return s.sums.Digest() }

// Usage is the memory that points take which are not in a segment.
type Usage struct {
	Active int64 // bytes of the active head
	Sealed int64 // bytes of sealed heads
	Deaths int64 // bytes of the deaths that are kept
}

// Total returns the sum of all.
func (u Usage) Total() int64 { return u.Active + u.Sealed + u.Deaths }

// Usage returns the memory in use now.
func (s *State) Usage() Usage {
	u := Usage{Active: s.active().bytes, Deaths: s.deaths.bytes()}
	for _, h := range s.heads[:len(s.heads)-1] {
		u.Sealed += h.bytes
	}
	return u
}

// Growth returns the memory that was taken since the last Seal, in bytes: by rows,
// and by the deaths that only a checkpoint lets go of. Where points are only
// removed, there is nothing else that grows.
func (s *State) Growth() int64 {
	return s.active().bytes + int64(s.deaths.total()-s.begun)*deathBytes
}

// Publish returns the state as a view, which stands at through. The caller
// owns one reference to it. The cost does not grow with the number of points.
func (s *State) Publish(through wal.Position) *View {
	v := &View{
		through: through, count: s.count, sums: s.sums.Clone(),
		set: s.set, dead: s.dead, deaths: s.deaths.Deaths, usage: s.Usage(),
	}
	v.set.retain()
	v.heads = make([]*headView, len(s.heads))
	for i, h := range s.heads {
		v.heads[i] = h.freeze()
	}
	v.references.Store(1)
	s.epoch++
	return v
}
