package segments

// arena holds bytes of many rows in few allocations. What it returned never
// moves and never changes, so readers need no lock.
type arena struct {
	free []byte
	next int // size of the next block
}

const (
	minArenaBlock = 4 << 10
	maxArenaBlock = 256 << 10
)

// copy returns a copy of b that lies in the arena; nil if b is empty.
func (a *arena) copy(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	if len(b) > len(a.free) {
		if len(b) > maxArenaBlock/4 { // so large that the rest of a block is not given up for it
			return append([]byte(nil), b...)
		}
		a.grow(len(b))
	}
	out := a.free[:len(b):len(b)]
	a.free = a.free[len(b):]
	copy(out, b)
	return out
}

// grow begins a block of at least n bytes, twice as large as the one before,
// so that small heads stay small.
func (a *arena) grow(n int) {
	size := max(a.next, minArenaBlock)
	for size < n {
		size *= 2
	}
	a.free = make([]byte, size)
	a.next = min(size*2, maxArenaBlock)
}
