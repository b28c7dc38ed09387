package tidemark

import (
	"context"
	"sync"

	"github.com/tidemark-db/tidemark/wal"
)

// watermark is a position that only rises and that others wait for.
type watermark struct {
	mu      sync.Mutex
	at      wal.Position
	err     error         // set by fail: at will not rise any more
	changed chan struct{} // closed at the next change; nil while nobody waits
}

// position returns where the watermark stands.
func (w *watermark) position() wal.Position {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

// raise lifts the watermark to p; a lower p changes nothing.
func (w *watermark) raise(p wal.Position) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p > w.at {
		w.at = p
		w.wake()
	}
}

// failure returns the error given to fail, nil if the watermark still rises.
func (w *watermark) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// fail ends all present and later waits for positions above the watermark.
func (w *watermark) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
		w.wake()
	}
}

func (w *watermark) wake() {
	if w.changed != nil {
		close(w.changed)
		w.changed = nil
	}
}

// wait returns nil once the watermark stands at or above p, else the error
// given to fail or the context's.
func (w *watermark) wait(ctx context.Context, p wal.Position) error {
	for {
		w.mu.Lock()
		if w.at >= p || w.err != nil {
			reached, err := w.at >= p, w.err
			w.mu.Unlock()
			if reached {
				return nil
			}
			return err
		}
		if w.changed == nil {
			w.changed = make(chan struct{})
		}
		changed := w.changed
		w.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
