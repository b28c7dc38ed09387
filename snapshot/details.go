package snapshot

import (
	"context"
	"sync"

	"github.com/tidemark-db/tidemark/snapshot/archive"
	"github.com/tidemark-db/tidemark/snapshot/blob"
)

// Description describes a stored snapshot.
type Description struct {
	blob.Info
	// Manifest is what the archive says of itself, nil if it cannot be read.
	// Nobody may change it.
	Manifest *archive.Manifest
	// Receipts are of the last verification of each level.
	Receipts []Receipt
}

// describers is how many archives are looked into at once.
const describers = 8

// Describe is List with what the archives say of themselves.
func (m *Manager) Describe(ctx context.Context, collection string) ([]Description, error) {
	name, err := m.engine.Resolve(collection)
	if err != nil {
		return nil, err
	}
	list, err := m.List(ctx, name)
	if err != nil {
		return nil, err
	}
	out := make([]Description, len(list))
	free := make(chan struct{}, describers)
	var all sync.WaitGroup
	for i, info := range list {
		free <- struct{}{}
		all.Go(func() {
			defer func() { <-free }()
			key := blob.Key{Folder: name, Name: info.Name}
			out[i] = Description{info, m.details.ofInfo(ctx, key, info), m.receipts(ctx, key, info.SHA256)}
		})
	}
	all.Wait()
	return out, ctx.Err()
}

// details remembers the manifests of stored archives, which never change.
type details struct {
	store blob.Store

	mu    sync.Mutex
	known map[detailKey]*archive.Manifest
}

func newDetails(store blob.Store) *details {
	return &details{store: store, known: make(map[detailKey]*archive.Manifest)}
}

// detailKey names the bytes of an object: a name may be given again to others.
type detailKey struct {
	blob.Key
	size    int64
	sha256  string
	created int64
}

// maxDetails bounds how many manifests are remembered.
const maxDetails = 4096

// maxDetailFiles bounds the memory that they take: a manifest with more files is
// read anew each time.
const maxDetailFiles = 64

// of returns the manifest of a stored archive, nil if there is none that can be
// read.
func (d *details) of(ctx context.Context, key blob.Key) *archive.Manifest {
	info, err := d.store.Stat(ctx, key)
	if err != nil {
		return nil
	}
	return d.ofInfo(ctx, key, info)
}

func (d *details) ofInfo(ctx context.Context, key blob.Key, info blob.Info) *archive.Manifest {
	k := detailKey{key, info.Size, info.SHA256, info.Created.UnixNano()}
	d.mu.Lock()
	m, ok := d.known[k]
	d.mu.Unlock()
	if ok {
		return m
	}
	m, err := d.read(ctx, key)
	if err != nil || len(m.Files) > maxDetailFiles {
		return m // what failed now may succeed later
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.known) >= maxDetails {
		clear(d.known)
	}
	d.known[k] = m
	return m
}

func (d *details) read(ctx context.Context, key blob.Key) (*archive.Manifest, error) {
	o, err := d.store.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	defer o.Close() // read only: nothing can be lost
	r, err := archive.NewReader(o)
	if err != nil {
		return nil, err
	}
	return r.Manifest(), nil
}
