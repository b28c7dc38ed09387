package tidemark

import (
	"context"
	"errors"
	"time"

	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/wal"
)

// Stats describe a collection at one instant.
type Stats struct {
	// Position is where the newest view stands: the last applied record that
	// is not a mark.
	Position wal.Position
	// Applied is the last applied record of any kind; Durable the last record
	// in the log; Flushed the one up to which segments hold everything.
	Applied, Durable, Flushed wal.Position
	Count                     int
	Digest                    segments.Digest
	// ConfigHash is that of the configuration, which the digest leaves out.
	ConfigHash   segments.Digest
	Segments     int
	SegmentBytes int64
	// LogBytes is the size of the log on disk, 0 if the log does not tell.
	LogBytes int64
	// PinnedViews counts the views that are held; the oldest is held since
	// PinnedSince.
	PinnedViews int
	PinnedSince time.Time
	// PinnedBytes is the size of segments that only those views keep: merges
	// have replaced them.
	PinnedBytes int64
	// PreviousBytes is the size on disk of the state that a restore replaced and
	// that can be brought back.
	PreviousBytes int64
	// Failure is why the collection accepts no writes any more, nil if it does.
	Failure error
}

// Sizer is implemented by logs that know how much room they take.
type Sizer interface {
	Size() (files int, bytes int64)
}

// Stats returns what operators look at. It also tells of a collection whose log
// is poisoned, or whose applier has stopped; only a closed one is an error.
func (c *Collection) Stats(ctx context.Context) (Stats, error) {
	durable, lost := c.log.Last(ctx)
	if lost != nil { // then what is known to be durable is all there is
		durable = max(c.applied.position(), c.acknowledged.position())
	}
	p, err := c.retain()
	if err != nil {
		return Stats{}, err
	}
	defer p.release()
	s := Stats{
		Position: p.view.Through(), Applied: c.applied.position(), Durable: durable, Flushed: c.flushed.position(),
		Count: p.view.Count(), Digest: p.view.Digest(), Failure: c.writable(),
	}
	if s.Failure == nil && errors.Is(lost, wal.ErrPoisoned) { // the applier has not seen it yet
		s.Failure = writeError(lost)
	}
	if s.ConfigHash, err = p.config.hash(); err != nil {
		return Stats{}, err
	}
	for _, segment := range p.view.Segments() {
		s.Segments++
		s.SegmentBytes += segment.Size()
	}
	if sized, ok := c.log.(Sizer); ok {
		_, s.LogBytes = sized.Size()
	}
	s.PinnedViews, s.PinnedSince, s.PinnedBytes = c.pins.stats(p.view)
	s.PreviousBytes = c.previousBytes.Load()
	return s, nil
}
