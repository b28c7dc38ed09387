package tidemark

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/tidemark-db/tidemark/segments"
)

// View is the state of a collection at one position. It never changes and
// holds nobody up. It must be released; rows and their bytes must not be used
// afterwards.
type View struct {
	*segments.View
	// Config is the configuration as of the view; it is shared.
	Config *Config

	published *published
	pins      *pins
	scans     *scanQueue
	since     time.Time
	once      sync.Once
}

// View returns the state with at least every write that was acknowledged
// before the call.
func (c *Collection) View(ctx context.Context) (*View, error) {
	v, err := c.viewOf(ctx)
	if next := c.successor.Load(); next != nil && errors.Is(err, errCollectionClosed) {
		return next.View(ctx)
	}
	return v, c.ended(err)
}

func (c *Collection) viewOf(ctx context.Context) (*View, error) {
	if err := c.applied.wait(ctx, c.acknowledged.position()); err != nil {
		return nil, readError(err)
	}
	p, err := c.retain()
	if err != nil {
		return nil, err
	}
	return c.newView(p), nil
}

// newView makes a view of what is published, whose reference it takes over.
func (c *Collection) newView(p *published) *View {
	v := &View{View: p.view, Config: p.config, published: p, pins: &c.pins, scans: c.scans, since: time.Now()}
	c.pins.add(v)
	return v
}

// readError turns the end of a wait for acknowledged writes into an answer.
func readError(err error) error {
	return timeout(err, "the time given ended before the collection had applied all acknowledged writes")
}

// scanError turns the end of a scan into an answer.
func scanError(err error) error {
	return timeout(err, "the time given ended before all points were looked at")
}

func timeout(err error, text string) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return &Error{Kind: Timeout, Text: text, Err: err}
	}
	return err
}

// Release ends the use of the view. It may be called more than once.
func (v *View) Release() {
	v.once.Do(func() {
		v.pins.remove(v)
		v.View.Release()
	})
}

// pins knows the views that are held.
type pins struct {
	mu   sync.Mutex
	held map[*View]struct{}
}

func (p *pins) add(v *View) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held == nil {
		p.held = make(map[*View]struct{})
	}
	p.held[v] = struct{}{}
}

func (p *pins) remove(v *View) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.held, v)
}

// stats returns how many views are held, since when the oldest is, and how many
// bytes of segments they keep that the newest view does not have any more.
func (p *pins) stats(newest *segments.View) (n int, oldest time.Time, bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	counted := make(map[*segments.Segment]bool)
	for _, s := range newest.Segments() {
		counted[s] = true
	}
	for v := range p.held {
		if oldest.IsZero() || v.since.Before(oldest) {
			oldest = v.since
		}
		for _, s := range v.Segments() {
			if !counted[s] {
				counted[s] = true
				bytes += s.Size()
			}
		}
	}
	return len(p.held), oldest, bytes
}
