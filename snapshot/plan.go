package snapshot

import (
	"context"
	"io"
	"time"

	"github.com/google/uuid"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/snapshot/archive"
	"github.com/tidemark-db/tidemark/snapshot/blob"
)

// Plan is what a job would do. What the job would refuse before its work, the
// planning refuses in the same words.
type Plan struct {
	Kind       JobKind
	Collection string
	// Archive is what the archive of a restore says of itself.
	Archive *archive.Manifest
	// Position is that of the state; a snapshot holds this one or a later one.
	Position uint64
	// Files and Bytes are those of the archive; about, for one that is not made.
	Files int
	Bytes int64
	// Needed is how much room the job asks for, Free how much there is, negative
	// if the place has no bounds that are known.
	Needed, Free int64
	// Reuses is the name of a snapshot of the same state, of which a second name
	// would be made; empty if there is none.
	Reuses string
	// Replaces describes what a restore would replace; nil if there is nothing.
	Replaces *Replaced
	// Took is how long it would take, as far as earlier jobs tell; negative if
	// there was none.
	Took time.Duration
}

// Replaced describes a collection that a restore would replace.
type Replaced struct {
	// Damaged says that it cannot be opened; the rest is not known then.
	Damaged  bool
	Position uint64
	Points   int
	Lineage  uuid.UUID
}

// PlanCreate tells what taking a snapshot now would do.
func (m *Manager) PlanCreate(ctx context.Context, collection string, o CreateOptions) (Plan, error) {
	name, err := m.engine.Resolve(collection)
	if err == nil {
		err = checkNotes(o)
	}
	if err != nil {
		return Plan{}, err
	}
	frozen, err := m.engine.Freeze(ctx, name)
	if err != nil {
		return Plan{}, forClient(err)
	}
	defer frozen.Release()
	c := &creation{Manager: m, notes: o, frozen: frozen, state: frozen.State()}
	p := Plan{
		Kind: JobCreate, Collection: name, Position: uint64(c.state.Position),
		Files: frozen.Files(), Bytes: frozen.Size(), Needed: frozen.Size(), Free: -1,
	}
	if err := m.store.CheckRoom(ctx, p.Needed); err != nil {
		return Plan{}, forClient(storeError(err))
	}
	if r, ok := m.store.(blob.Roomy); ok {
		if p.Free, err = r.Free(ctx); err != nil {
			return Plan{}, forClient(storeError(err))
		}
	}
	if p.Reuses = c.twin(ctx); p.Reuses != "" {
		p.Needed = 0
	}
	p.Took = m.ledger.estimate(JobCreate, p.Bytes)
	return p, nil
}

// twin returns the name of a snapshot of the same state and notes, as far as
// their manifests tell.
func (c *creation) twin(ctx context.Context) string {
	for _, key := range c.candidates(ctx) {
		if d := c.details.of(ctx, key); d != nil && c.holds(d) {
			return key.Name
		}
	}
	return ""
}

// PlanRestore tells what a restore would do. It reads the beginning of the
// archive; its checksum, and all that follows, would be proven by the restore.
func (m *Manager) PlanRestore(ctx context.Context, collection string, src Source) (Plan, error) {
	name, err := m.target(collection)
	if err != nil {
		return Plan{}, err
	}
	from, err := m.originOf(ctx, name, src)
	if err != nil {
		return Plan{}, err
	}
	defer from.Close() // read only: nothing can be lost
	p, err := m.planRestore(ctx, name, from)
	if err != nil {
		return Plan{}, forClient(err)
	}
	return p, nil
}

func (m *Manager) planRestore(ctx context.Context, name string, from origin) (Plan, error) {
	s, err := from.open(ctx)
	if err != nil {
		return Plan{}, err
	}
	r, d, err := readState(s)
	if err != nil {
		return Plan{}, err
	}
	a := r.Manifest()
	p := Plan{Kind: JobRecover, Collection: name, Archive: a, Position: a.Position, Files: len(a.Files)}
	if p.Bytes, err = archive.Size(a); err != nil {
		return Plan{}, err
	}
	if s.size >= 0 && s.size != p.Bytes {
		return Plan{}, lengthError(p.Bytes, s.size)
	}
	if err := m.mayReceive(ctx, name, p.Bytes, d); err != nil {
		return Plan{}, err
	}
	if p.Needed, p.Free, err = m.engine.Room(p.Bytes); err != nil {
		return Plan{}, err
	}
	if p.Replaces, err = m.replaced(ctx, name); err != nil {
		return Plan{}, err
	}
	p.Took = m.ledger.estimate(JobRecover, p.Bytes)
	return p, nil
}

// readState reads the two documents with which an archive begins. The reader goes
// on behind them.
func readState(src io.Reader) (*archive.Reader, *document, error) {
	r, err := archive.NewReader(src)
	if err != nil {
		return nil, nil, err
	}
	d, err := readDocument(r)
	return r, d, err
}

// readDocument reads the second of them.
func readDocument(r *archive.Reader) (*document, error) {
	if _, err := r.Next(); err != nil {
		return nil, err
	}
	config, err := io.ReadAll(r) // at most archive.MaxConfigBytes
	if err != nil {
		return nil, err
	}
	d, err := decodeDocument(config)
	if err == nil {
		err = d.checkAgainst(r.Manifest())
	}
	if err != nil {
		return nil, &StateError{Err: err}
	}
	return d, nil
}

// mayReceive asks the engine whether it would take the state.
func (m *Manager) mayReceive(ctx context.Context, name string, size int64, d *document) error {
	in, err := m.engine.Receive(ctx, name, size)
	if err != nil {
		return err
	}
	err = in.Check(d.manifest)
	if derr := in.Discard(); err == nil {
		err = derr
	}
	return err
}

// replaced describes what a name stands for, nil if that is nothing.
func (m *Manager) replaced(ctx context.Context, name string) (*Replaced, error) {
	if _, err := m.engine.Resolve(name); tidemark.KindOf(err) == tidemark.NotFound {
		return nil, nil //nolint:nilnil // nothing is replaced, which is no error
	}
	frozen, err := m.engine.Freeze(ctx, name)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return &Replaced{Damaged: true}, nil //nolint:nilerr // a restore is its way out
	}
	defer frozen.Release()
	s := frozen.State()
	return &Replaced{Position: uint64(s.Position), Points: frozen.Count(), Lineage: s.Lineage}, nil
}
