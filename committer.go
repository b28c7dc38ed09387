package tidemark

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/tidemark-db/tidemark/segments"
)

// committer is the one goroutine of a collection that writes manifests, and
// with them segments. It also writes marks into the log, because the applier
// waits for nobody.
type committer struct {
	c          *Collection
	durable    *segments.Durable
	manifest   *segments.Manifest // the one that counts, nil if there is none
	generation uint64             // the highest that was tried

	wakeup chan struct{}
	marks  chan MarkEvent
	// merging is the merge that is being written, nil if none is; merged brings
	// its outcome.
	merging *merge
	merged  chan *merge
	workers sync.WaitGroup
}

func (k *committer) init(c *Collection) {
	k.c = c
	k.wakeup = make(chan struct{}, 1)
	k.marks = make(chan MarkEvent, 1)
	k.merged = make(chan *merge, 1)
}

// load reads the manifest that counts and makes the state as of it.
func (k *committer) load() error {
	fsys, dir := k.c.store.fsys, k.c.dir
	m, err := segments.LoadManifest(fsys, dir)
	if errors.Is(err, segments.ErrNoManifest) {
		k.durable, k.c.state = segments.NoDurable(), newState()
		return k.sweep(nil)
	}
	if err != nil {
		return err
	}
	k.generation, k.manifest = m.Generation, m
	if k.durable, err = segments.OpenDurable(fsys, dir, m); err != nil {
		return err
	}
	if k.c.state, err = loadState(m, k.durable); err != nil {
		k.durable.Release()
		return err
	}
	k.c.flushed.raise(m.Through)
	return k.sweep(m)
}

// wake asks for a checkpoint of what is sealed. It never waits.
func (k *committer) wake() {
	select {
	case k.wakeup <- struct{}{}:
	default: // asked already
	}
}

// mark asks for a mark in the log. It never waits.
func (k *committer) mark(m MarkEvent) {
	select {
	case k.marks <- m:
	default: // one waits already; a missed mark is only a missed check
	}
}

// Time alone makes a checkpoint only of what is worth a segment.
const (
	checkInterval  = time.Minute
	idleLogBytes   = 1 << 20
	idleCheckpoint = 10 * time.Minute
	anyCheckpoint  = time.Hour
)

// run works until the context ends. A checkpoint that failed is tried again
// under other names; until it succeeds the log keeps everything.
func (k *committer) run(ctx context.Context) {
	defer k.endMerge()
	ticker := time.NewTicker(checkInterval)
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case mark := <-k.marks:
			if err := k.c.enqueueMark(ctx, mark); err != nil && ctx.Err() == nil {
				k.c.logger.Warn("could not write a mark to the log", slog.Any("error", err))
			}
			continue
		case <-ticker.C:
			if !k.c.sealOld(time.Since(last)) {
				continue
			}
		case m := <-k.merged:
			if err := k.commitMerge(ctx, m); err != nil && ctx.Err() == nil {
				k.c.logger.Error("could not merge segments; they stay as they are", slog.Any("error", err))
			}
			continue
		case <-k.wakeup:
		}
		if err := k.checkpoint(ctx); err != nil && ctx.Err() == nil {
			k.c.logger.Error("could not write a segment; the log keeps everything and it is tried again", slog.Any("error", err))
			k.retry(ctx)
			continue
		}
		last = time.Now()
		k.startMerge(ctx)
	}
}

// retry asks for another attempt after a while.
func (k *committer) retry(ctx context.Context) {
	if waitFor(ctx, nil, k.c.store.retryInterval) == nil {
		k.wake()
	}
}
