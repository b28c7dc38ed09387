package tidemark

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/semaphore"
)

// orderLock decides when records may be put in order. Writers that know all
// they write hold it shared while they enqueue. Who must see everything that
// was enqueued before, and nothing that comes between, holds it exclusively.
// Waiting ends with the context, and a waiting exclusive holder is not
// overtaken. A retired lock is given to nobody.
type orderLock struct {
	sem     *semaphore.Weighted
	retired atomic.Bool
}

const orderLockAll = 1 << 30

func newOrderLock() *orderLock { return &orderLock{sem: semaphore.NewWeighted(orderLockAll)} }

func (l *orderLock) shared(ctx context.Context) error    { return l.acquire(ctx, 1) }
func (l *orderLock) unlockShared()                       { l.sem.Release(1) }
func (l *orderLock) exclusive(ctx context.Context) error { return l.acquire(ctx, orderLockAll) }
func (l *orderLock) unlockExclusive()                    { l.sem.Release(orderLockAll) }

func (l *orderLock) acquire(ctx context.Context, n int64) error {
	if err := l.sem.Acquire(ctx, n); err != nil {
		return err
	}
	if l.retired.Load() {
		l.sem.Release(n)
		return errCollectionClosed
	}
	return nil
}

// retire ends the use of the lock. The caller holds it exclusively; whoever
// waits for it gets errCollectionClosed.
func (l *orderLock) retire() {
	l.retired.Store(true)
	l.sem.Release(orderLockAll)
}
