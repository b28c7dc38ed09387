package snapshot

import (
	"context"
	"fmt"

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

// Cut implements Engine.
func (e storeEngine) Cut(ctx context.Context) (*Cut, error) {
	cut, err := e.Store.Cut(ctx)
	if err != nil {
		return nil, err
	}
	out := &Cut{Aliases: cut.Aliases}
	for _, f := range cut.Collections {
		out.Collections = append(out.Collections, storeFrozen{f})
	}
	return out, nil
}

// InstallAll implements Engine.
func (e storeEngine) InstallAll(ctx context.Context, arrivals []Arrival, aliases []tidemark.AliasChange) error {
	all := make([]tidemark.Arrival, len(arrivals))
	for i, a := range arrivals {
		in, ok := a.Incoming.(*tidemark.Incoming)
		if !ok {
			return fmt.Errorf("install a state that was received by %T", a.Incoming)
		}
		all[i] = tidemark.Arrival{Incoming: in, Manifest: a.Manifest}
	}
	return e.Store.InstallAll(ctx, all, aliases)
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
