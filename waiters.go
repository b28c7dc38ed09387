package tidemark

import (
	"sync"

	"github.com/google/uuid"
)

// waiters brings the verdict on an event to the request that waits for it. A
// request enters before it enqueues, because the applier may be faster than
// the answer that names the position.
type waiters struct {
	mu sync.Mutex
	by map[uuid.UUID]*verdict
}

func (w *waiters) init() { w.by = make(map[uuid.UUID]*verdict) }

// enter announces that somebody waits for the operation.
func (w *waiters) enter(operation uuid.UUID) *verdict {
	v := new(verdict)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.by[operation] = v
	return v
}

// leave ends the wait.
func (w *waiters) leave(operation uuid.UUID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.by, operation)
}

// judge is called by the applier before it raises its watermark: whoever sees
// the watermark at the event's position also sees the verdict.
func (w *waiters) judge(operation uuid.UUID, v verdict) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if waiting, ok := w.by[operation]; ok {
		*waiting = v
	}
}
