package tidemark

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/wal"
)

// merge is several segments that become one. It is written beside the
// checkpoints that go on, from what was durable when it began, and committed
// under the checkpoint that counts then.
type merge struct {
	from       *segments.Durable
	names      []string
	generation uint64
	schema     segments.Schema

	began   time.Time
	written written
	err     error
}

// startMerge begins a merge if one is worth while, none of this collection runs
// and none of another. If another's is in the way, run waits for its end.
func (k *committer) startMerge(ctx context.Context) {
	k.turn = nil
	if k.merging != nil || len(segments.PickMerge(k.durable.Entries())) == 0 {
		return
	}
	select {
	case k.c.store.merging <- struct{}{}:
		k.merge(ctx)
	default:
		k.turn = k.c.store.merging
	}
}

// merge begins a merge. It has the turn of the process, which it gives back.
func (k *committer) merge(ctx context.Context) {
	k.turn = nil
	names, work := k.chooseMerge()
	if len(names) == 0 { // a checkpoint came between, or the disk fills
		<-k.c.store.merging
		return
	}
	k.generation++
	m := &merge{from: k.durable.Retain(), names: names, generation: k.generation, schema: k.schema, began: time.Now()}
	k.merging = m
	k.workers.Go(func() {
		m.written, m.err = k.writeSegment(ctx, work, m.generation, m.schema, m.from.Rows(names...))
		<-k.c.store.merging
		k.merged <- m
	})
}

// chooseMerge returns what to merge and for how important that is taken. If there
// is no room for what is due, one segment that gives room back may do: so a disk
// that is almost full is cleared step by step.
func (k *committer) chooseMerge() ([]string, Work) {
	entries := k.durable.Entries()
	for _, names := range [][]string{segments.PickMerge(entries), segments.PickRewrite(entries)} {
		if len(names) == 0 {
			continue
		}
		work, bytes := mergeWork(entries, names)
		err := k.c.store.space.admit(work, bytes)
		if err == nil {
			return names, work
		}
		k.c.logger.Debug("put a merge off", slog.Any("error", err)) // it is counted; this one looks again later
	}
	return nil, 0
}

// mergeWork returns how important a merge is and about how many bytes it writes.
// One that drops a fifth of what it reads is what deletes are for: in the end there
// is more room than before.
func mergeWork(entries []segments.SegmentEntry, names []string) (Work, int64) {
	var all, live int64
	for _, e := range entries {
		if slices.Contains(names, e.Name) && e.Rows > 0 {
			all += e.Size
			live += int64(float64(e.Size) * float64(e.Rows-e.Dead) / float64(e.Rows))
		}
	}
	if all*4 >= live*5 {
		return WorkDelete, live
	}
	return WorkMerge, live
}

// commitMerge makes the outcome of a merge count: as of the position of the
// checkpoint that counts now.
func (k *committer) commitMerge(ctx context.Context, m *merge) error {
	k.merging = nil
	defer m.from.Release()
	defer m.written.release()
	err := k.commitWritten(ctx, m)
	k.c.store.observer.Merged(k.c.name, time.Since(m.began), m.written.Info.Size, err)
	return err
}

func (k *committer) commitWritten(ctx context.Context, m *merge) error {
	if err := k.replace(); err != nil {
		return fmt.Errorf("merge: %w", err)
	}
	if m.err != nil {
		return fmt.Errorf("merge: %w", m.err) // what it wrote goes at the next commit
	}
	next, err := k.durable.Merge(m.from, m.names, m.written.Written, k.deaths(), k.manifest.Sums)
	if err != nil {
		return fmt.Errorf("merge: %w", err)
	}
	k.generation++
	manifest := *k.manifest
	if err := k.commit(ctx, &manifest, next, segments.ReplacementOfSegments(m.from, m.names, m.written.Written)); err != nil {
		return fmt.Errorf("merge: %w", err)
	}
	if err := k.replace(); err != nil {
		return fmt.Errorf("merge: %w", err)
	}
	k.c.logger.Debug("merged segments", slog.Int("segments", len(m.names)))
	return nil
}

// endMerge waits for a merge that is being written and drops it.
func (k *committer) endMerge() {
	k.workers.Wait()
	if k.merging == nil {
		return
	}
	m := <-k.merged
	k.merging = nil
	m.written.release()
	m.from.Release()
}

// deaths returns those that the state keeps.
func (k *committer) deaths() segments.Deaths {
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	return k.c.current.Load().view.Deaths()
}

// deathsNeeded returns the position up to which nobody needs deaths.
func (k *committer) deathsNeeded() wal.Position {
	if k.merging != nil {
		return min(k.merging.from.Through, k.durable.Through)
	}
	return k.durable.Through
}
