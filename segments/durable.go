package segments

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"path/filepath"
	"slices"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/wal"
)

// Durable is what segment files hold of a collection as of one position: which
// of their rows are dead there, and the sums of those that live. It never
// changes; a checkpoint or a merge makes another one. Whoever commits manifests
// owns it, on one goroutine.
type Durable struct {
	Through wal.Position
	// version counts from the one that was opened.
	version  uint64
	segments []durableSegment // in the order of their names
	set      *segmentSet
}

type durableSegment struct {
	*Segment
	info FileInfo
	dead deadRows
	live Sums // of the rows that are not dead
}

// ErrSumsDiffer says that rows are missing, or too many, or others than those
// that are counted: what was written is not what the state says.
var ErrSumsDiffer = errors.New("the rows do not add up to the sums of the state")

// newDurable adds a reference to each segment.
func newDurable(through wal.Position, segments []durableSegment) *Durable {
	slices.SortFunc(segments, func(a, b durableSegment) int {
		switch {
		case a.info.Name < b.info.Name:
			return -1
		case a.info.Name > b.info.Name:
			return 1
		}
		return 0
	})
	open := make([]*Segment, len(segments))
	for i := range segments {
		open[i] = segments[i].Segment
	}
	return &Durable{Through: through, segments: segments, set: newSegmentSet(open)}
}

// NoDurable is that of a collection which has no manifest.
func NoDurable() *Durable { return newDurable(0, nil) }

// Retain adds a reference, to be given back by another Release, and returns d.
func (d *Durable) Retain() *Durable {
	d.set.retain()
	return d
}

// Release gives the segments back.
func (d *Durable) Release() { d.set.release() }

// OpenDurable opens what a manifest names. dir is the directory of the
// collection.
func OpenDurable(fsys fsx.FS, dir string, m *Manifest) (d *Durable, err error) {
	deletes := new(Deletes)
	if m.Deletes != nil {
		if deletes, err = ReadDeletes(fsys, dir, *m.Deletes); err != nil {
			return nil, err
		}
	}
	var open []durableSegment
	defer func() { // those of the Durable have references of their own
		for _, s := range open {
			err = errors.Join(err, s.Release())
		}
	}()
	for _, entry := range m.Segments {
		s, err := OpenSegment(fsys, filepath.Join(dir, SegmentsDir, entry.Name))
		if err != nil {
			return nil, err
		}
		ds := durableSegment{Segment: s, info: entry.FileInfo, live: entry.Live}
		open = append(open, ds)
		if err := open[len(open)-1].setDeletes(entry, deletes); err != nil {
			return nil, err
		}
	}
	return newDurable(m.Through, slices.Clone(open)), nil
}

// setDeletes takes the dead rows from a deletes file and compares what file,
// manifest and deletes say about the segment.
func (s *durableSegment) setDeletes(entry SegmentEntry, deletes *Deletes) error {
	if s.size != entry.Size || s.Rows() != entry.Rows {
		return s.damaged(0, fmt.Errorf("it has %d bytes and %d rows, the manifest says %d and %d", s.size, s.Rows(), entry.Size, entry.Rows))
	}
	if in := deletes.find(entry.Name); in != nil {
		if in.rows != entry.Rows {
			return s.damaged(0, fmt.Errorf("it has %d rows, its deletes are those of %d", s.Rows(), in.rows))
		}
		s.dead = in.dead
	}
	if s.dead.count != entry.Dead {
		return s.damaged(0, fmt.Errorf("%d of its rows are dead, the manifest says %d", s.dead.count, entry.Dead))
	}
	return nil
}

// State returns the live state as of the manifest from which d was opened.
func (d *Durable) State(schema Schema, m *Manifest) *State {
	s := NewState()
	s.set.release()
	s.schema = slices.Clone(schema)
	s.set = newSegmentSet(d.set.segments)
	s.dead = make([]deadRows, len(d.segments))
	for i := range d.segments {
		s.dead[i] = d.segments[i].dead
	}
	s.sums, s.count = m.Sums.Clone(), m.Count
	s.deaths.forgotten = m.Through // those before are in the dead rows
	return s
}

// Find returns the segment of a name, nil if there is none.
func (d *Durable) Find(name string) *Segment {
	for i := range d.segments {
		if d.segments[i].info.Name == name {
			return d.segments[i].Segment
		}
	}
	return nil
}

// Count returns the number of live rows.
func (d *Durable) Count() int {
	n := 0
	for i := range d.segments {
		n += d.segments[i].Rows() - d.segments[i].dead.count
	}
	return n
}

// Entries returns what a manifest says about the segments.
func (d *Durable) Entries() []SegmentEntry {
	out := make([]SegmentEntry, len(d.segments))
	for i := range d.segments {
		s := &d.segments[i]
		out[i] = SegmentEntry{FileInfo: s.info, Rows: s.Rows(), Dead: s.dead.count, Live: s.live.Clone()}
	}
	return out
}

// Deletes returns the dead rows of all segments; nil if there are none.
func (d *Durable) Deletes() *Deletes {
	out := &Deletes{Through: d.Through}
	for i := range d.segments {
		if s := &d.segments[i]; s.dead.count > 0 {
			out.add(s.info.Name, s.Rows(), s.dead)
		}
	}
	if len(out.segments) == 0 {
		return nil
	}
	return out
}

// Rows returns the live rows of some of the segments, read from their files and
// verified block by block: what a merge writes.
func (d *Durable) Rows(names ...string) Rows {
	var r segmentRows
	for i := range d.segments {
		if s := &d.segments[i]; slices.Contains(names, s.info.Name) {
			r = append(r, liveSegment{segment: s.Segment, dead: s.dead})
		}
	}
	return r
}

// Sums returns the sums of all live rows, for the vectors of like.
func (d *Durable) Sums(like Sums) Sums {
	out := Sums{}
	for _, v := range like.Vectors {
		out.addVector(v.Key)
	}
	for i := range d.segments {
		out.add(d.segments[i].live)
	}
	return out
}

// add adds other to the vectors that s has.
func (s *Sums) add(other Sums) {
	s.Points = s.Points.Add(other.Points)
	for _, v := range other.Vectors {
		if sum := s.vector(v.Key); sum != nil {
			*sum = sum.Add(v.Sum)
		}
	}
}

// become takes over a later version of the dead rows, and takes the hashes of
// those that are new out of the sums of what lives. It does not change any
// version.
func (s *durableSegment) become(later deadRows) error {
	for first := 0; first < s.Rows(); first += pageRows {
		page, n := later.pageAt(first)
		if old, _ := s.dead.pageAt(first); n == 0 || page == old {
			continue
		}
		for w := range page.words {
			for x := page.words[w] &^ s.dead.word(uint32(first/64+w)); x != 0; x &= x - 1 {
				if err := s.subtract(uint32(first + w*64 + bits.TrailingZeros64(x))); err != nil {
					return err
				}
			}
		}
	}
	s.dead = later
	return nil
}

// subtract takes the hashes of a row out of the sums of what lives.
func (s *durableSegment) subtract(row uint32) error {
	hash, err := s.mapped.hash(row)
	if err != nil {
		return err
	}
	vectors, err := s.mapped.vectorHashes(row)
	if err != nil {
		return err
	}
	s.live.Points = s.live.Points.Sub(hash)
	for _, v := range vectors {
		if sum := s.live.vector(v.Key); sum != nil {
			*sum = sum.Sub(v.Sum)
		}
	}
	return nil
}

// Verify checks every byte of every segment, and then what VerifyRows does.
func (d *Durable) Verify(ctx context.Context) error {
	for i := range d.segments {
		s := &d.segments[i]
		info, err := s.verifyFile(ctx)
		if err != nil {
			return err
		}
		if info.SHA256 != s.info.SHA256 {
			return s.damaged(0, fmt.Errorf("its hash is %s, the manifest says %s", info.SHA256, s.info.SHA256))
		}
	}
	return d.VerifyRows(ctx)
}
