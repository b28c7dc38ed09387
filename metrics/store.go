package metrics

import (
	"context"

	"github.com/tidemark-db/tidemark"
)

// StoreSource makes a Source of a store.
func StoreSource(s *tidemark.Store) Source { return storeSource{s} }

type storeSource struct{ store *tidemark.Store }

// Ready implements Source.
func (s storeSource) Ready() bool { return s.store.Ready() }

// Budget implements Source.
func (s storeSource) Budget() (used, limit int64) { return s.store.Budget() }

// RefusedForMemory implements Source.
func (s storeSource) RefusedForMemory() int64 { return s.store.RefusedForMemory() }

// Disk implements Source.
func (s storeSource) Disk() Disk {
	space := s.store.Space()
	d := Disk{Known: space.Known, Free: space.Free, Reserved: space.Reserved, GivenUp: space.GivenUp}
	for _, w := range space.Watermarks {
		d.Watermarks = append(d.Watermarks, Watermark{Work: w.Work.String(), Bytes: w.Bytes, Open: w.Open, Refused: w.Refused})
	}
	return d
}

// Resolve implements Source.
func (s storeSource) Resolve(nameOrAlias string) (string, bool) {
	c, err := s.store.Collection(nameOrAlias)
	switch {
	case err == nil:
		return c.Name(), true
	case tidemark.KindOf(err) == tidemark.NotFound:
		return "", false
	default: // it exists, but is not served
		return nameOrAlias, true
	}
}

// Collections implements Source.
func (s storeSource) Collections(ctx context.Context) []Collection {
	names := s.store.Names()
	out := make([]Collection, 0, len(names))
	for _, name := range names {
		described := Collection{Name: name}
		if p, ok := s.store.Previous(name); ok {
			described.PreviousBytes = p.Bytes
		}
		c, err := s.store.Collection(name)
		switch {
		case err == nil:
			described.ID = c.ID().String()
			describe(ctx, c, &described)
		case tidemark.KindOf(err) == tidemark.NotFound:
			continue // dropped a moment ago
		}
		out = append(out, described)
	}
	return out
}

// describe looks at a collection that is open.
func describe(ctx context.Context, c *tidemark.Collection, out *Collection) {
	if s, err := c.Stats(ctx); err == nil { // it fails if the log is poisoned
		out.Positions = &Positions{Durable: s.Durable, Applied: s.Applied, Flushed: s.Flushed}
		out.Pins = &Pins{Views: s.PinnedViews, Since: s.PinnedSince, Bytes: s.PinnedBytes}
	}
	v, err := c.View(ctx)
	if err != nil {
		return
	}
	defer v.Release()
	out.Serving = true
	out.Points = v.Count()
	out.Vectors = countVectors(v)
	usage := v.Usage()
	out.Heads, out.HeadBytes = v.HeadCount(), usage.Active+usage.Sealed
	out.Deaths, out.DeathsBytes = v.Deaths().Len(), usage.Deaths
	out.DeadRows = v.DeadRows()
	for _, segment := range v.Segments() {
		out.Segments++
		out.SegmentBytes += segment.Size()
	}
}

func countVectors(v *tidemark.View) []VectorCount {
	var out []VectorCount
	for _, vector := range v.Config.Schema {
		out = append(out, VectorCount{Name: vector.Name, Count: v.VectorCount(vector.Key)})
	}
	return out
}
