package snapshot

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strconv"

	"github.com/tidemark-db/tidemark/snapshot/archive"
	"github.com/tidemark-db/tidemark/snapshot/blob"
)

// CreateFull takes a snapshot of the whole storage and waits for it. When the
// context ends first the work goes on.
func (m *Manager) CreateFull(ctx context.Context, o CreateOptions) (blob.Info, error) {
	job, err := m.StartCreateFull(o)
	if err != nil {
		return blob.Info{}, err
	}
	return job.Wait(ctx)
}

// StartCreateFull begins to take a snapshot of the whole storage: all collections
// and aliases at one instant, which comes after this call. It fails if a
// collection cannot be served: a part is not the whole.
func (m *Manager) StartCreateFull(o CreateOptions) (*Job[blob.Info], error) {
	if err := checkNotes(o); err != nil {
		return nil, err
	}
	return begin(m, OpCreateFull, JobStatus{Kind: JobCreateFull}, func(ctx context.Context, w *watch) (blob.Info, error) {
		return m.createFull(ctx, w, o)
	})
}

func (m *Manager) createFull(ctx context.Context, w *watch, o CreateOptions) (blob.Info, error) {
	end := w.phase(PhaseWait)
	release, err := m.turns.take(ctx, fullTurn)
	end()
	if err != nil {
		return blob.Info{}, err
	}
	defer release()
	// Whether there is access to the store at all is found before any work.
	if err := m.store.CheckRoom(ctx, 0); err != nil {
		return blob.Info{}, storeError(err)
	}
	end = w.phase(PhaseCut)
	cut, err := m.engine.Cut(ctx)
	end()
	if err != nil {
		return blob.Info{}, err
	}
	defer cut.Release()
	c := &fullCreation{Manager: m, watch: w, notes: o, cut: cut}
	info, err := c.run(ctx)
	w.named(info.Name)
	w.expect(info.Size)
	return info, err
}

// fullCreation is one snapshot of the whole storage in the making.
type fullCreation struct {
	*Manager
	*watch
	notes CreateOptions
	cut   *Cut

	storage *archive.Storage
	parts   []fullPart
}

// fullPart is what is archived of one collection.
type fullPart struct {
	manifest *archive.Manifest
	open     archive.Open
}

func (c *fullCreation) run(ctx context.Context) (blob.Info, error) {
	if err := c.store.CheckRoom(ctx, c.cut.size()); err != nil {
		return blob.Info{}, storeError(err)
	}
	dir, remove, err := c.staging.next()
	if err != nil {
		return blob.Info{}, err
	}
	defer func() {
		c.cut.Release() // before its files go
		if err := remove(); err != nil {
			c.logger.Warn("could not remove staging of a snapshot", slog.Any("error", err))
		}
	}()
	end := c.phase(PhaseEncode)
	err = c.encode(ctx, dir)
	end()
	if err != nil {
		return blob.Info{}, fmt.Errorf("encode snapshot: %w", err)
	}
	defer c.phase(PhaseStore)()
	return c.put(ctx)
}

// size is about how many bytes the files of all states will have.
func (c *Cut) size() (total int64) {
	for _, f := range c.Collections {
		total += f.Size()
	}
	return total
}

// encode writes what exists in memory only, of each collection into a directory
// of its own below dir.
func (c *fullCreation) encode(ctx context.Context, dir string) error {
	c.storage = c.options.newStorage(c.notes)
	for i, f := range c.cut.Collections {
		sub := filepath.Join(dir, strconv.Itoa(i))
		if err := c.fsys.Mkdir(sub, 0o750); err != nil {
			return err
		}
		d, err := encodeState(ctx, f, f.State(), sub)
		if err != nil {
			return fmt.Errorf("collection %s: %w", f.State().Collection, err)
		}
		p := fullPart{d.archiveManifest(c.options.Version, CreateOptions{}), d.opener(f)}
		part, err := archive.PartOf(p.manifest)
		if err != nil {
			return err
		}
		c.storage.Collections, c.parts = append(c.storage.Collections, part), append(c.parts, p)
	}
	for _, a := range c.cut.Aliases {
		c.storage.Aliases = append(c.storage.Aliases, archive.Alias{Alias: a.Name, Collection: a.Collection})
	}
	return nil
}

// newStorage returns the description of an archive without collections.
func (o Options) newStorage(notes CreateOptions) *archive.Storage {
	s := &archive.Storage{Format: archive.StorageFormat, Version: o.Version, Description: notes.Description}
	if len(notes.Labels) > 0 {
		s.Labels = notes.Labels
	}
	return s
}

// put streams the archive into the store.
func (c *fullCreation) put(ctx context.Context) (blob.Info, error) {
	src, err := c.fullSource(c.watch, c.storage, c.parts)
	if err != nil {
		return blob.Info{}, err
	}
	c.expect(src.Size)
	now := c.options.Now()
	name := func(n int) string { return fullName(now, n) }
	return c.storeNamed(ctx, "", name, func(key blob.Key) (blob.Info, error) { return c.store.Put(ctx, key, src) })
}

// fullSource returns the archive that parts make.
func (m *Manager) fullSource(w *watch, s *archive.Storage, parts []fullPart) (blob.Source, error) {
	size, err := archive.StorageSize(s)
	return blob.Source{Size: size, Write: func(ctx context.Context, to io.Writer) error {
		return archive.WriteStorage(ctx, w.countingWriter(m.pace.writer(ctx, to)), s, func(i int) (*archive.Manifest, archive.Open) {
			return parts[i].manifest, parts[i].open
		})
	}}, err
}
