package tidemark

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/tidemark-db/tidemark/segments"
)

// frontier is everything that a manifest says of a collection, as of the
// position of its view. The view is retained.
type frontier struct {
	view      *segments.View
	config    *Config
	lineage   uuid.UUID
	eventTime time.Time
	marks     marks
}

// frontier returns the state as it was published last. mu is held.
func (c *Collection) frontier() *frontier {
	p := c.current.Load()
	p.view.TryRetain() // cannot fail: it is replaced under mu only
	return &frontier{
		view: p.view, config: p.config, lineage: c.state.lineage,
		eventTime: c.state.eventTime, marks: c.state.marks,
	}
}

func (f *frontier) release() { f.view.Release() }

// manifest returns what a manifest says as of f, its files aside.
func (f *frontier) manifest(collection string) (*segments.Manifest, error) {
	config, err := json.Marshal(f.config)
	if err != nil {
		return nil, fmt.Errorf("encode configuration: %w", err)
	}
	return &segments.Manifest{
		Collection: collection, Lineage: f.lineage, Config: config,
		Through: f.view.Through(), EventTime: f.eventTime,
		Digest: f.view.Digest(), Sums: f.view.Sums(), Count: f.view.Count(),
		Counters: f.marks.counters(),
	}, nil
}

// loadState returns the state as of a manifest.
func loadState(m *segments.Manifest, durable *segments.Durable) (*state, error) {
	s := &state{lineage: m.Lineage, eventTime: m.EventTime, applied: m.Through, through: m.Through, config: new(Config)}
	if err := json.Unmarshal(m.Config, s.config); err != nil {
		return nil, fmt.Errorf("configuration in the manifest: %w", err)
	}
	s.marks.restore(m.Counters)
	s.points = durable.State(s.config.Schema, m)
	return s, nil
}
