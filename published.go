package tidemark

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/tidemark-db/tidemark/segments"
)

// published is everything that is known of a collection as of the position of
// its view. It never changes.
type published struct {
	view   *segments.View
	config *Config
	// durable is the version that the state showed then: its segments are those of
	// the view, which keeps them open.
	durable   *segments.Durable
	lineage   uuid.UUID
	eventTime time.Time
	marks     marks
	since     segments.Since
}

// retain returns what is published with a reference to its view, to be given
// back by release. It waits for nobody.
func (c *Collection) retain() (*published, error) {
	for !c.order.retired.Load() {
		p := c.current.Load()
		if p.view.TryRetain() { // else a newer one was published just now
			return p, nil
		}
	}
	return nil, errCollectionClosed
}

func (p *published) release() { p.view.Release() }

// manifest returns what a manifest says as of p, its files aside.
func (p *published) manifest(collection string) (*segments.Manifest, error) {
	config, err := json.Marshal(p.config)
	if err != nil {
		return nil, fmt.Errorf("encode configuration: %w", err)
	}
	m := &segments.Manifest{
		Collection: collection, Lineage: p.lineage, Config: config,
		Through: p.view.Through(), EventTime: p.eventTime,
		Digest: p.view.Digest(), Sums: p.view.Sums(), Count: p.view.Count(),
		Counters: p.marks.counters(),
	}
	if since := p.since; !since.Position.IsZero() {
		m.Since = &since
	}
	return m, nil
}

// loadState returns the state as of a manifest.
func loadState(m *segments.Manifest, durable *segments.Durable) (*state, error) {
	s := &state{lineage: m.Lineage, eventTime: m.EventTime, applied: m.Through, through: m.Through, config: new(Config)}
	if err := json.Unmarshal(m.Config, s.config); err != nil {
		return nil, fmt.Errorf("configuration in the manifest: %w", err)
	}
	s.marks.restore(m.Counters)
	if m.Since != nil {
		s.since = *m.Since
		s.since.IDs = slices.Clone(s.since.IDs) // it grows
	}
	s.points = durable.State(s.config.Schema, m)
	return s, nil
}
