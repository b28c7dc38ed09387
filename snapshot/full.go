package snapshot

import (
	"context"
	"sync"

	"github.com/tidemark-db/tidemark/snapshot/archive"
	"github.com/tidemark-db/tidemark/snapshot/blob"
)

// A full snapshot is one of the whole storage. Its key has no folder.

// fullTurn is the key of turns for jobs of the whole storage. No collection has
// that name.
const fullTurn = "\x00full"

func fullKey(name string) blob.Key { return blob.Key{Name: name} }

// ListFull describes the snapshots of the whole storage in order of their names.
func (m *Manager) ListFull(ctx context.Context) ([]blob.Info, error) {
	list, err := m.store.List(ctx, "")
	if err != nil {
		return nil, forClient(storeError(err))
	}
	return list, nil
}

// FullDescription describes a stored snapshot of the whole storage.
type FullDescription struct {
	blob.Info
	// Storage is what the archive says of itself, nil if it cannot be read.
	Storage *archive.Storage
	// Receipts are of the last verification of each level.
	Receipts []Receipt
}

// DescribeFull is ListFull with what the archives say of themselves.
func (m *Manager) DescribeFull(ctx context.Context) ([]FullDescription, error) {
	list, err := m.ListFull(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]FullDescription, len(list))
	free := make(chan struct{}, describers)
	var all sync.WaitGroup
	for i, info := range list {
		free <- struct{}{}
		all.Go(func() {
			defer func() { <-free }()
			key := fullKey(info.Name)
			out[i] = FullDescription{info, m.readStorage(ctx, key), m.receipts(ctx, key, info.SHA256)}
		})
	}
	all.Wait()
	return out, ctx.Err()
}

// readStorage returns what a stored archive says of itself, nil if it cannot be
// read.
func (m *Manager) readStorage(ctx context.Context, key blob.Key) *archive.Storage {
	o, err := m.store.Get(ctx, key)
	if err != nil {
		return nil
	}
	defer o.Close() // read only: nothing can be lost
	r, err := archive.NewStorageReader(o)
	if err != nil {
		return nil
	}
	return r.Storage()
}

// OpenFull opens a snapshot of the whole storage for a download. The caller closes
// it.
func (m *Manager) OpenFull(ctx context.Context, name string) (blob.Object, error) {
	return m.openKey(ctx, fullKey(name))
}

// DeleteFull removes a snapshot of the whole storage. A download of it that is
// under way goes on.
func (m *Manager) DeleteFull(ctx context.Context, name string) error {
	return m.deleteKey(ctx, fullKey(name))
}
