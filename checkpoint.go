package tidemark

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/segments"
)

// requestCheckpoint asks for a checkpoint of everything that is applied now. If
// one is being written, another follows it.
func (c *Collection) requestCheckpoint() {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed, c.state.through <= c.flushed.position():
	case c.writing:
		c.wanted = true
	case c.sealed != nil && c.sealed.view.Through() == c.state.through:
		c.committer.wake()
	default: // also if an older position waits for another attempt
		c.seal()
	}
}

// sealOld seals a head that has waited long enough, and reports whether it did.
func (c *Collection) sealOld(since time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state.through <= c.flushed.position() {
		return false
	}
	if since < anyCheckpoint && (since < idleCheckpoint || c.logged < idleLogBytes) {
		return false
	}
	c.seal()
	return true
}

// takeSealed returns what is to be written, nil if there is nothing.
func (c *Collection) takeSealed() *published {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.sealed
	c.sealed, c.writing = nil, f != nil
	return f
}

// written ends the writing of f. What could not be written is kept for the next
// attempt, unless a newer position was sealed meanwhile.
func (c *Collection) written(f *published, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writing = false
	if err != nil && c.sealed == nil {
		c.sealed = f
		return
	}
	f.release()
	if c.wanted && c.sealed == nil {
		c.seal()
	}
	c.wanted = false
}

// checkpoint writes everything that is sealed into one segment and makes a
// manifest count that says what was true at that position, and nothing later:
// replay starts there.
func (k *committer) checkpoint(ctx context.Context) error {
	if err := k.replace(); err != nil {
		return err
	}
	f := k.c.takeSealed()
	if f == nil {
		return nil
	}
	through, began := f.view.Through(), time.Now()
	bytes, err := k.writeCheckpoint(ctx, f)
	k.c.written(f, err)
	k.c.store.observer.Checkpointed(k.c.name, time.Since(began), bytes, err)
	if err != nil {
		return fmt.Errorf("checkpoint at position %d: %w", through, err)
	}
	return k.replace()
}

func (k *committer) writeCheckpoint(ctx context.Context, f *published) (bytes int64, err error) {
	m, err := f.manifest(k.c.name)
	if err != nil {
		return 0, err
	}
	k.generation++
	w, err := k.writeSegment(ctx, WorkCheckpoint, k.generation, f.config.Schema, k.durable.Pending(f.view))
	if err != nil {
		return 0, err
	}
	defer w.release()
	next, err := k.durable.Checkpoint(f.view, w.Written)
	if err != nil {
		return 0, err
	}
	if err := k.commit(ctx, m, next, segments.ReplacementOfHeads(m.Through, w.Written)); err != nil {
		return 0, err
	}
	k.schema = f.config.Schema
	return w.Info.Size, nil
}

// written is a new segment with the reference that its writer holds.
type written struct{ segments.Written }

func (w written) release() {
	if w.Segment != nil {
		_ = w.Segment.Release() // it was only read
	}
}

// writeSegment writes rows to a new segment file of the collection, as long as
// the disk has room for that kind of work.
func (k *committer) writeSegment(ctx context.Context, work Work, generation uint64, schema segments.Schema, rows segments.Rows) (written, error) {
	fsys, dir := k.c.store.guard(work), filepath.Join(k.c.dir, segments.SegmentsDir)
	if err := fsx.MkdirAll(fsys, dir, 0o750); err != nil {
		return written{}, err
	}
	return writeSegment(ctx, fsys, dir, generation, schema, rows)
}

// writeSegment writes rows to a new segment file in dir and opens it. Without
// rows there is no segment.
func writeSegment(ctx context.Context, fsys fsx.FS, dir string, generation uint64, schema segments.Schema, rows segments.Rows) (written, error) {
	info, err := segments.WriteSegment(ctx, fsys, dir, generation, schema, rows)
	if errors.Is(err, segments.ErrNoRows) {
		return written{}, nil
	}
	if err != nil {
		return written{}, err
	}
	segment, err := segments.OpenSegment(fsys, filepath.Join(dir, info.Name))
	if err != nil {
		return written{}, fmt.Errorf("open the segment that was written: %w", err)
	}
	return written{segments.Written{Segment: segment, Info: info}}, nil
}

// nameFiles writes the deletes of a durable version into dir and names all its
// files in m.
func nameFiles(ctx context.Context, fsys fsx.FS, dir string, generation uint64, m *segments.Manifest, d *segments.Durable) error {
	m.Generation, m.Segments, m.Deletes = generation, d.Entries(), nil
	deletes := d.Deletes()
	if deletes == nil {
		return nil
	}
	info, err := segments.WriteDeletes(ctx, fsys, dir, generation, deletes)
	if err != nil {
		return err
	}
	m.Deletes = &info
	return nil
}

// commit makes m count with the files of next and lets go of what is not needed
// any more. It takes over next; r is left to be done.
func (k *committer) commit(ctx context.Context, m *segments.Manifest, next *segments.Durable, r *segments.Replacement) error {
	err := k.commitManifest(ctx, m, next)
	if err != nil && !errors.Is(err, fsx.ErrNotDurable) && k.c.store.space.makeRoom(err) {
		k.generation++ // nothing is written twice under one name
		err = k.commitManifest(ctx, m, next)
	}
	if err != nil {
		next.Release()
		return err
	}
	k.durable.Release()
	k.durable, k.manifest, k.replacing = next, m, r
	if err := k.c.log.Release(ctx, m.Through); err != nil {
		k.c.logger.Warn("could not release the log behind a checkpoint", slog.Any("error", err))
	}
	k.sweepOrWarn(m)
	return nil
}

func (k *committer) commitManifest(ctx context.Context, m *segments.Manifest, next *segments.Durable) error {
	fsys, dir := k.c.store.fsys, k.c.dir
	if err := nameFiles(ctx, fsys, dir, k.generation, m, next); err != nil {
		return err
	}
	return segments.CommitManifest(fsys, dir, m)
}

// replaceStep bounds the deaths that are translated under the lock at once.
const replaceStep = 10_000

// replace exchanges in the live state what the newest segment replaces, if that
// is still to be done. What died since is translated against a view first, so
// that the lock is held for the rest only.
func (k *committer) replace() error {
	if k.replacing == nil {
		return nil
	}
	p := k.c.current.Load()
	if p.view.TryRetain() {
		err := k.replacing.Catchup(p.view)
		p.view.Release()
		if err != nil {
			return fmt.Errorf("show the new segment to readers: %w", err)
		}
	}
	for done := false; !done; {
		var err error
		if done, err = k.replaceOnce(k.replacing); err != nil {
			return fmt.Errorf("show the new segment to readers: %w", err)
		}
	}
	k.replacing = nil
	k.c.flushed.raise(k.manifest.Through)
	return nil
}

func (k *committer) replaceOnce(r *segments.Replacement) (done bool, err error) {
	c := k.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if done, err = c.state.points.Replace(r, replaceStep); !done || err != nil {
		return done, err
	}
	c.state.points.ForgetDeaths(k.deathsNeeded())
	c.shown = k.durable
	c.publish()
	return true, nil
}
