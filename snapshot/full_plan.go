package snapshot

import (
	"context"
	"time"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/snapshot/archive"
	"github.com/tidemark-db/tidemark/snapshot/blob"
)

// FullPlan is what a job of the whole storage would do. What the job would refuse
// before its work, the planning refuses in the same words.
type FullPlan struct {
	Kind JobKind
	// Storage is what the archive of a restore says of itself.
	Storage *archive.Storage
	// Bytes is the size of the archive; about, for one that is not made.
	Bytes int64
	// Needed is how much room the job asks for, Free how much there is, negative
	// if the place has no bounds that are known.
	Needed, Free int64
	Collections  []FullPlanPart
	// Aliases are those that are archived, or restored under these names.
	Aliases []tidemark.Alias
	// Took is how long it would take, as far as earlier jobs tell; negative if
	// there was none.
	Took time.Duration
}

// FullPlanPart is what a job would do with one collection.
type FullPlanPart struct {
	// Collection is its name in the archive, Name the one that it is restored
	// under.
	Collection, Name string
	Position         uint64
	Points           uint64
	Bytes            int64
	// Replaces describes what a restore would replace; nil if there is nothing.
	Replaces *Replaced
	// SameHistory says that it is of the past of what it replaces.
	SameHistory bool
}

// PlanCreateFull tells what taking a snapshot of the whole storage now would do.
func (m *Manager) PlanCreateFull(ctx context.Context, o CreateOptions) (FullPlan, error) {
	if err := checkNotes(o); err != nil {
		return FullPlan{}, err
	}
	cut, err := m.engine.Cut(ctx)
	if err != nil {
		return FullPlan{}, forClient(err)
	}
	defer cut.Release()
	p := FullPlan{Kind: JobCreateFull, Bytes: cut.size(), Needed: cut.size(), Free: -1, Aliases: cut.Aliases}
	for _, f := range cut.Collections {
		s := f.State()
		p.Collections = append(p.Collections, FullPlanPart{
			Collection: s.Collection, Name: s.Collection, Position: uint64(s.Position), Points: uint64(f.Count()), Bytes: f.Size(),
		})
	}
	if err := m.store.CheckRoom(ctx, p.Needed); err != nil {
		return FullPlan{}, forClient(storeError(err))
	}
	if r, ok := m.store.(blob.Roomy); ok {
		if p.Free, err = r.Free(ctx); err != nil {
			return FullPlan{}, forClient(storeError(err))
		}
	}
	p.Took = m.ledger.estimate(JobCreateFull, p.Bytes)
	return p, nil
}

// PlanRestoreFull tells what a restore of a whole storage would do. It reads the
// beginning of the archive; all that follows would be proven by the restore.
func (m *Manager) PlanRestoreFull(ctx context.Context, src Source, o FullOptions) (FullPlan, error) {
	from, err := m.fullOrigin(ctx, src)
	if err != nil {
		return FullPlan{}, err
	}
	defer from.Close() // read only: nothing can be lost
	p, err := m.planRestoreFull(ctx, from, o)
	if err != nil {
		return FullPlan{}, forClient(err)
	}
	return p, nil
}

func (m *Manager) planRestoreFull(ctx context.Context, from origin, o FullOptions) (FullPlan, error) {
	s, err := from.open(ctx)
	if err != nil {
		return FullPlan{}, err
	}
	reader, err := archive.NewStorageReader(s)
	if err != nil {
		return FullPlan{}, err
	}
	r := &fullRestoration{want: o, intake: intake{Manager: m}}
	if err := r.admit(reader.Storage(), s.size); err != nil {
		return FullPlan{}, err
	}
	p := FullPlan{Kind: JobRecoverFull, Storage: r.storage, Aliases: r.chosen.aliases}
	if p.Bytes, err = archive.StorageSize(r.storage); err != nil {
		return FullPlan{}, err
	}
	if p.Needed, p.Free, err = m.engine.Room(r.chosen.size); err != nil {
		return FullPlan{}, err
	}
	for _, c := range r.storage.Collections {
		name, ok := r.chosen.names[c.Collection]
		if !ok {
			continue
		}
		part := FullPlanPart{Collection: c.Collection, Name: name, Position: c.Position, Points: c.Count, Bytes: c.Size}
		if part.Replaces, err = m.replaced(ctx, name); err != nil {
			return FullPlan{}, err
		}
		part.SameHistory = part.Replaces != nil && part.Replaces.Lineage == c.Lineage
		p.Collections = append(p.Collections, part)
	}
	p.Took = m.ledger.estimate(JobRecoverFull, p.Bytes)
	return p, nil
}
