package tidemark

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/tidemark-db/tidemark/segments"
)

// committer is the one goroutine of a collection that writes manifests, and
// with them segments. It also writes marks into the log, because the applier
// waits for nobody.
type committer struct {
	c        *Collection
	durable  *segments.Durable
	manifest *segments.Manifest // the one that counts, nil if there is none
	schema   segments.Schema    // as of the manifest
	// replacing is what counts already and is not yet in the live state, nil if
	// there is nothing: reading failed, and it is tried again.
	replacing  *segments.Replacement
	generation uint64 // the highest that was tried

	wakeup chan struct{}
	marks  chan MarkEvent
	// merging is the merge that is being written, nil if none is; merged brings
	// its outcome.
	merging *merge
	merged  chan *merge
	// turn is where to wait for the end of another collection's merge, nil if
	// that is not in the way of one.
	turn    chan<- struct{}
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
	// The process that wrote the newest manifest may have ended before its name
	// was durable. Nothing that the one before names may go until it is.
	if err := fsys.SyncDir(dir); err != nil {
		return fmt.Errorf("sync directory of collection: %w", err)
	}
	m, err := segments.LoadManifest(fsys, dir)
	if errors.Is(err, segments.ErrNoManifest) {
		k.durable, k.c.state = segments.NoDurable(), newState()
		k.sweepOrWarn(nil)
		return nil
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
	k.schema = k.c.state.config.Schema
	k.c.flushed.raise(m.Through)
	k.sweepOrWarn(m)
	return nil
}

// sweepOrWarn sweeps. That a file cannot be removed is no reason to serve less.
func (k *committer) sweepOrWarn(m *segments.Manifest) {
	if err := k.sweep(m); err != nil {
		k.c.logger.Warn("could not remove files that no manifest names", slog.Any("error", err))
	}
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
				k.startMerge(ctx) // the last one may have failed
				continue
			}
		case k.turn <- struct{}{}:
			k.merge(ctx)
			continue
		case m := <-k.merged:
			if err := k.commitMerge(ctx, m); err != nil && ctx.Err() == nil {
				k.c.logger.Error("could not merge segments", slog.Any("error", err))
				continue
			}
			k.startMerge(ctx)
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
