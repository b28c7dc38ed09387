package snapshot

import (
	"context"
	"sync"
)

// turns gives each key to one holder at a time, in order of arrival, and to at
// most a number of holders at once.
type turns struct {
	slots chan struct{} // holds one value for each holder

	mu   sync.Mutex
	keys map[string]*turn
}

// turn is a key that is held or waited for.
type turn struct {
	held  chan struct{} // holds one value while somebody has the key
	users int           // holder and waiters
}

func newTurns(slots int) *turns {
	return &turns{slots: make(chan struct{}, slots), keys: make(map[string]*turn)}
}

// take waits for the key, then for a slot. Who has a slot never waits for a key,
// so nobody waits for ever.
func (t *turns) take(ctx context.Context, key string) (release func(), err error) {
	k := t.join(key)
	if err := put(ctx, k.held); err != nil {
		t.leave(key, k)
		return nil, err
	}
	if err := put(ctx, t.slots); err != nil {
		<-k.held
		t.leave(key, k)
		return nil, err
	}
	return func() {
		<-t.slots
		<-k.held
		t.leave(key, k)
	}, nil
}

func put(ctx context.Context, c chan struct{}) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case c <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *turns) join(key string) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	k, ok := t.keys[key]
	if !ok {
		k = &turn{held: make(chan struct{}, 1)}
		t.keys[key] = k
	}
	k.users++
	return k
}

func (t *turns) leave(key string, k *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if k.users--; k.users == 0 {
		delete(t.keys, key)
	}
}
