package tidemark

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/google/uuid"

	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/wal"
)

// Frozen is the state of a collection at one position, held so that it can be
// copied while writes go on. It belongs to one goroutine and must be released.
type Frozen struct {
	collection *Collection
	state      *published
	// durable holds the files of the state once Encode has written what was in
	// memory; the view is gone by then.
	durable *segments.Durable
	staged  string
	view    *View // nil once Encode has let go of it
}

// Freeze takes the state of a collection: every write that was acknowledged
// before the call is in it. No write waits for it.
func (s *Store) Freeze(ctx context.Context, name string) (*Frozen, error) {
	c, err := s.Collection(name)
	if err != nil {
		return nil, err
	}
	return c.freeze(ctx)
}

func (c *Collection) freeze(ctx context.Context) (*Frozen, error) {
	v, err := c.View(ctx)
	if err != nil {
		return nil, err
	}
	return &Frozen{collection: c, state: v.published, view: v}, nil
}

// Collection returns the name of the collection.
func (f *Frozen) Collection() string { return f.collection.name }

// Lineage returns the history to which the state belongs.
func (f *Frozen) Lineage() uuid.UUID { return f.state.lineage }

// Config returns the configuration as of the state; it is shared.
func (f *Frozen) Config() *Config { return f.state.config }

// Position returns where the state stands.
func (f *Frozen) Position() wal.Position { return f.state.view.Through() }

// Digest returns the digest of the state.
func (f *Frozen) Digest() segments.Digest { return f.state.view.Digest() }

// Size returns about how many bytes the files of the state will have.
func (f *Frozen) Size() int64 {
	n := f.state.view.Usage().Active + f.state.view.Usage().Sealed
	for _, s := range f.state.durable.Entries() {
		n += s.Size
	}
	return n
}

// Files returns about how many files an archive of the state has: its segments,
// one of what is in memory, its configuration.
func (f *Frozen) Files() int {
	n := 1 + len(f.state.durable.Entries())
	if u := f.state.view.Usage(); u.Active+u.Sealed > 0 {
		n++
	}
	return n
}

// Count returns the number of points.
func (f *Frozen) Count() int { return f.state.view.Count() }

// frozenGeneration is that of the manifest of a state that is copied.
const frozenGeneration = 1

// Encode writes what is in memory only into dir: the points of all heads as one
// segment, and the deletes. It lets go of that memory and returns the manifest
// that a checkpoint at the position would have committed first. It is called
// once; dir must stay until Release.
func (f *Frozen) Encode(ctx context.Context, dir string) (*segments.Manifest, error) {
	m, err := f.state.manifest(f.collection.name)
	if err != nil {
		return nil, err
	}
	m.Since = nil // it is not of the state, but of how it came about
	fsys := f.collection.store.guard(WorkStaging)
	w, err := writeSegment(ctx, fsys, dir, frozenGeneration, f.state.config.Schema, f.state.view.HeadRows())
	if err != nil {
		return nil, fmt.Errorf("write what is in memory: %w", err)
	}
	defer w.release()
	if f.durable, err = f.state.durable.Capture(f.state.view, w.Written); err != nil {
		return nil, fmt.Errorf("capture the state: %w", err)
	}
	f.staged = dir
	if err := nameFiles(ctx, fsys, dir, frozenGeneration, m, f.durable); err != nil {
		return nil, err
	}
	f.view.Release()
	f.view = nil
	return m, nil
}

// FrozenFile is the content of a file of a frozen state. The reader closes it.
type FrozenFile struct {
	io.ReadCloser
	// Checked says that it ends by io.EOF only if every byte is what was written.
	Checked bool
}

// Open reads a file that the manifest names. Files of the collection that were
// merged meanwhile are still open and can be read.
func (f *Frozen) Open(name string) (FrozenFile, error) {
	if s := f.durable.Find(name); s != nil {
		return FrozenFile{ReadCloser: io.NopCloser(s.Content()), Checked: true}, nil
	}
	file, err := f.collection.store.fsys.OpenFile(filepath.Join(f.staged, name), 0, 0)
	if err != nil {
		return FrozenFile{}, fmt.Errorf("open %s of a frozen state: %w", name, err)
	}
	return FrozenFile{ReadCloser: file}, nil
}

// Release gives everything back. It may be called more than once.
func (f *Frozen) Release() {
	if f.view != nil {
		f.view.Release()
		f.view = nil
	}
	if f.durable != nil {
		f.durable.Release()
		f.durable = nil
	}
}

// WritesWait reports whether a write of any collection is on its way into a
// log. It costs a lock for an instant.
func (s *Store) WritesWait() bool { return s.shared.budget.writing() }
