package tidemark

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/wal"
)

// state is all that the records of a log make of a collection. It is owned by
// the applier: recovery and live writes go through the same apply.
type state struct {
	points    *segments.State
	config    *Config // replaced, never modified
	lineage   uuid.UUID
	eventTime time.Time // never goes back
	applied   wal.Position
	// through is the position of the last record that is not a mark: the
	// position at which the state stands.
	through wal.Position
	marks   marks
	// since is what was written since the state was restored.
	since segments.Since
}

func newState() *state {
	return &state{points: segments.NewState(), config: &Config{}}
}

// apply changes the state by one record. An error means that the state is as
// it was and that the record cannot be applied; it is never skipped.
func (s *state) apply(rec wal.Record) (Header, verdict, error) {
	e, err := DecodeEvent(rec.Payload)
	if err != nil {
		return Header{}, verdict{}, fmt.Errorf("record at position %d: %w", rec.Position, err)
	}
	if e == nil { // of a later version, which allows it to be skipped
		s.applied = rec.Position
		return Header{}, verdict{}, nil
	}
	v, err := s.applyEvent(e, rec.Position)
	if err != nil {
		return e.Header, verdict{}, fmt.Errorf("record at position %d: %w", rec.Position, err)
	}
	s.applied = rec.Position
	if _, isMark := e.Body.(*MarkEvent); !isMark {
		s.through = rec.Position
		if e.Clock.After(s.eventTime) {
			s.eventTime = e.Clock
		}
		s.marks.count(s)
	}
	return e.Header, v, nil
}

func (s *state) applyEvent(e *Event, at wal.Position) (verdict, error) {
	if mark, ok := e.Body.(*MarkEvent); ok {
		return verdict{}, s.marks.compare(s, mark)
	}
	if e.ConfigVersion != s.config.Version {
		return verdict{}, fmt.Errorf("it was made for the configuration of position %d, in force is that of position %d", e.ConfigVersion, s.config.Version)
	}
	switch body := e.Body.(type) {
	case *CreateEvent:
		s.create(body, at)
	case *ConfigureEvent:
		s.configure(body, at)
		s.since.Note(nil)
	case *RestoreEvent:
		if derived := s.points.Digest(); derived != body.Digest {
			return verdict{}, &DivergedError{At: body.Position, Noted: body.Digest, Derived: derived}
		}
		s.since = segments.Since{Position: at}
	case *PointsEvent:
		f := newFold(s.points, s.config.Schema, at, len(body.Effects))
		changes, err := f.changes(body.Effects)
		if err != nil {
			return verdict{}, err
		}
		s.points.Apply(at, changes)
		s.since.Note(changes)
		return f.verdict, nil
	}
	return verdict{}, nil
}

func (s *state) create(e *CreateEvent, at wal.Position) {
	s.lineage = e.Lineage
	s.configure(&ConfigureEvent{Settings: e.Settings, AddVectors: e.Vectors, SetIndexes: e.Indexes}, at)
}

func (s *state) configure(e *ConfigureEvent, at wal.Position) {
	n := s.config.clone()
	n.Version = at
	if e.Settings != nil {
		n.Settings = append([]byte(nil), e.Settings...)
	}
	for _, key := range e.DropVectors {
		n.dropVector(key)
		s.points.DropVector(key)
	}
	added := slices.Clone(e.AddVectors)
	for i := range added {
		added[i].Key = segments.VectorKey{Position: at, Ordinal: uint32(i)}
	}
	n.Schema = append(n.Schema, added...)
	s.points.AddVectors(added...)
	for _, path := range e.DropIndexes {
		delete(n.Indexes, path)
	}
	for path, index := range e.SetIndexes {
		n.Indexes[path] = index
	}
	s.config = n
}

func (c *Config) dropVector(key segments.VectorKey) {
	for i, spec := range c.Schema {
		if spec.Key == key {
			c.Schema = append(c.Schema[:i], c.Schema[i+1:]...)
			return
		}
	}
}
