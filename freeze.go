package tidemark

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/google/uuid"

	"github.com/tidemark-db/tidemark/internal/fsx"
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
	fsys := f.collection.store.fsys
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

// restoreReserve stays free for checkpoints and manifests of what is served.
const restoreReserve = 16 << 20

// Incoming is the directory of a state that is to become a collection, and that
// nothing names yet. It belongs to one goroutine.
type Incoming struct {
	store *Store
	name  string
	id    uuid.UUID
	// expected is the incarnation that the name stood for, the zero UUID if it
	// stood for nothing.
	expected  uuid.UUID
	installed bool
}

// Receive makes an empty directory for a state of size bytes that is to take the
// place of what name stands for now: a collection or nothing.
func (s *Store) Receive(_ context.Context, name string, size int64) (*Incoming, error) {
	if err := s.settled(name); err != nil {
		return nil, err
	}
	free, err := s.options.FS.FreeBytes(s.options.Dir)
	if err != nil {
		return nil, err
	}
	if need := size + size/10 + restoreReserve; free < need {
		return nil, Errorf(Unavailable, "there is no room to restore the snapshot: it needs %d MiB beside what is there, %d MiB are free", need>>20, free>>20)
	}
	in := &Incoming{store: s, name: name, id: uuid.New(), expected: s.catalog.Entries()[name].ID}
	if in.expected == uuid.Nil {
		if err := s.catalog.Free(name); err != nil {
			return nil, err
		}
	}
	if err := fsx.MkdirAll(s.options.FS, in.Dir(), 0o750); err != nil {
		return nil, fmt.Errorf("create directory of the restored collection: %w", err)
	}
	return in, nil
}

// Dir returns the directory, which lies where it will stay.
func (in *Incoming) Dir() string { return in.store.dir(in.id) }

// Check judges a state before all of it is there. An Error of kind BadInput says
// that it cannot take the place of the collection.
func (in *Incoming) Check(m *segments.Manifest) error {
	config := new(Config)
	if err := config.UnmarshalJSON(m.Config); err != nil {
		return Errorf(BadInput, "the configuration in the snapshot is not valid: %v", err)
	}
	if in.expected == uuid.Nil {
		return nil
	}
	old, err := in.store.Collection(in.name)
	if err != nil {
		return nil //nolint:nilerr // one that cannot be opened is what a restore is for
	}
	if have, got := notSparse(old.config().Schema), notSparse(config.Schema); !sameVectors(have, got) {
		return Errorf(BadInput, "Snapshot is not compatible with existing collection: Collection vectors: %s Snapshot Vectors: %s", describe(have), describe(got))
	}
	return nil
}

// Discard removes the directory unless it has been installed.
func (in *Incoming) Discard() error {
	if in.installed {
		return nil
	}
	return in.store.discard(in.id)
}

// errChanged says that a name stands for something else than it did.
var errChanged = errors.New("the collection was dropped, created or restored meanwhile")
