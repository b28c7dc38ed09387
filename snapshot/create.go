package snapshot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/snapshot/archive"
	"github.com/tidemark-db/tidemark/snapshot/blob"
)

// CreateOptions are what the user adds to a snapshot.
type CreateOptions struct {
	Description string
	Labels      map[string]string
}

// Create takes a snapshot and waits for it. When the context ends first the work
// goes on.
func (m *Manager) Create(ctx context.Context, collection string, o CreateOptions) (blob.Info, error) {
	job, err := m.StartCreate(collection, o)
	if err != nil {
		return blob.Info{}, err
	}
	return job.Wait(ctx)
}

// StartCreate begins to take a snapshot. It holds every write that was
// acknowledged before its turn came, and so every one before this call.
func (m *Manager) StartCreate(collection string, o CreateOptions) (*Job[blob.Info], error) {
	name, err := m.engine.Resolve(collection)
	if err != nil {
		return nil, err
	}
	if err := checkNotes(o); err != nil {
		return nil, err
	}
	return begin(m, OpCreate, JobStatus{Kind: JobCreate, Collection: name}, func(ctx context.Context, w *watch) (blob.Info, error) {
		return m.create(ctx, w, name, o)
	})
}

func checkNotes(o CreateOptions) error {
	if err := archive.ValidateNotes(o.Description, o.Labels); err != nil {
		return tidemark.Errorf(tidemark.BadInput, "%s", err.Error())
	}
	return nil
}

func (m *Manager) create(ctx context.Context, w *watch, name string, o CreateOptions) (blob.Info, error) {
	end := w.phase(PhaseWait)
	release, err := m.turns.take(ctx, name)
	end()
	if err != nil {
		return blob.Info{}, err
	}
	defer release()
	// Whether there is access to the store at all is found before any work.
	if err := m.store.CheckRoom(ctx, 0); err != nil {
		return blob.Info{}, fmt.Errorf("%w: %w", errStore, err)
	}
	end = w.phase(PhaseFreeze)
	frozen, err := m.engine.Freeze(ctx, name)
	end()
	if err != nil {
		return blob.Info{}, err
	}
	defer frozen.Release()
	c := &creation{Manager: m, watch: w, notes: o, frozen: frozen, state: frozen.State()}
	w.at(uint64(c.state.Position))
	info, err := c.run(ctx)
	w.named(info.Name)
	w.expect(info.Size)
	return info, err
}

// creation is one snapshot in the making.
type creation struct {
	*Manager
	*watch
	notes  CreateOptions
	frozen Frozen
	state  State
}

func (c *creation) run(ctx context.Context) (blob.Info, error) {
	end := c.phase(PhaseReuse)
	info, found, err := c.reuse(ctx)
	end()
	if found || err != nil {
		c.reused = info.Size
		return info, err
	}
	if err := c.store.CheckRoom(ctx, c.frozen.Size()); err != nil {
		return blob.Info{}, fmt.Errorf("%w: %w", errStore, err)
	}
	dir, remove, err := c.staging.next()
	if err != nil {
		return blob.Info{}, err
	}
	defer func() {
		c.frozen.Release() // before its files go
		if err := remove(); err != nil {
			c.logger.Warn("could not remove staging of a snapshot", slog.Any("error", err))
		}
	}()
	end = c.phase(PhaseEncode)
	d, err := encodeState(ctx, c.frozen, c.state, dir)
	end()
	if err != nil {
		return blob.Info{}, fmt.Errorf("encode snapshot: %w", err)
	}
	defer c.phase(PhaseStore)()
	return c.put(ctx, d)
}

// encodeState writes what exists in memory only of a state into dir.
func encodeState(ctx context.Context, f Frozen, s State, dir string) (*document, error) {
	m, err := f.Encode(ctx, dir)
	if err != nil {
		return nil, err
	}
	if got := (State{m.Collection, m.Lineage, m.Through, m.Digest}); got != s {
		return nil, fmt.Errorf("the state at position %d was frozen, that at position %d encoded", s.Position, got.Position)
	}
	return newDocument(m)
}

// opener returns what opens the files of a document that was made of f.
func (d *document) opener(f Frozen) archive.Open {
	return func(file archive.File) (archive.Content, error) {
		if file.Kind == archive.KindConfig {
			return archive.Content{ReadCloser: io.NopCloser(bytes.NewReader(d.config))}, nil
		}
		content, err := f.Open(filepath.Base(d.nameOnDisk(file)))
		return archive.Content(content), err
	}
}

// put streams the archive into the store.
func (c *creation) put(ctx context.Context, d *document) (blob.Info, error) {
	m := d.archiveManifest(c.options.Version, c.notes)
	size, err := archive.Size(m)
	if err != nil {
		return blob.Info{}, err
	}
	c.expect(size)
	src := blob.Source{Size: size, Write: func(ctx context.Context, w io.Writer) error {
		return archive.Write(ctx, c.countingWriter(c.pace.writer(ctx, w)), m, d.opener(c.frozen))
	}}
	return c.named(ctx, func(key blob.Key) (blob.Info, error) {
		info, err := c.store.Put(ctx, key, src)
		if err == nil {
			now := c.options.Now()
			c.vouchers.note(key, info, now, now)
		}
		return info, err
	})
}

// maxNumber bounds the search for a free name.
const maxNumber = 1000

// named tries names until one is free.
func (c *creation) named(ctx context.Context, store func(blob.Key) (blob.Info, error)) (blob.Info, error) {
	now, folder := c.options.Now(), c.state.Collection
	return c.storeNamed(ctx, folder, func(n int) string {
		return snapshotName(folder, c.engine.PeerID(), now, c.state.Position, n)
	}, store)
}

// storeNamed tries names until one is free.
func (m *Manager) storeNamed(ctx context.Context, folder string, name func(n int) string, store func(blob.Key) (blob.Info, error)) (blob.Info, error) {
	for n := 1; n <= maxNumber; n++ {
		key := blob.Key{Folder: folder, Name: name(n)}
		_, err := m.store.Stat(ctx, key)
		if err == nil {
			continue // known before all the bytes are written
		}
		if !errors.Is(err, blob.ErrNotFound) {
			return blob.Info{}, fmt.Errorf("%w: %w", errStore, err)
		}
		info, err := store(key)
		if errors.Is(err, blob.ErrExists) {
			continue
		}
		if err != nil {
			return blob.Info{}, fmt.Errorf("%w: %w", errStore, err)
		}
		return info, nil
	}
	return blob.Info{}, errors.New("no name for the snapshot is free")
}
