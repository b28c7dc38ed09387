package snapshot

import (
	"context"

	"github.com/tidemark-db/tidemark"
)

// OfStore makes an Engine of a store.
func OfStore(s *tidemark.Store) Engine { return storeEngine{s} }

type storeEngine struct{ *tidemark.Store }

// Freeze implements Engine.
func (e storeEngine) Freeze(ctx context.Context, name string) (Frozen, error) {
	f, err := e.Store.Freeze(ctx, name)
	if err != nil {
		return nil, err // not f: a nil *tidemark.Frozen is no nil Frozen
	}
	return storeFrozen{f}, nil
}

// Receive implements Engine.
func (e storeEngine) Receive(ctx context.Context, name string, size int64) (Incoming, error) {
	in, err := e.Store.Receive(ctx, name, size)
	if err != nil {
		return nil, err
	}
	return in, nil
}

type storeFrozen struct{ *tidemark.Frozen }

// State implements Frozen.
func (f storeFrozen) State() State {
	return State{Collection: f.Collection(), Lineage: f.Lineage(), Position: f.Position(), Digest: f.Digest()}
}

var (
	_ Frozen   = storeFrozen{}
	_ Incoming = (*tidemark.Incoming)(nil)
)
