package snapshot

import (
	"context"
	"sync"
	"time"

	"github.com/tidemark-db/tidemark/snapshot/blob"
)

// vouchedFor is how long a proof of a snapshot counts: what rots in a store is
// found by the next create after that, at the latest.
const vouchedFor = 24 * time.Hour

// vouchers remember which objects were put by us, or read and proven, and when. An
// object of which the store does not know whether it was replaced has none.
type vouchers struct {
	mu    sync.Mutex
	known map[blob.Key]voucher
}

// voucher says that an object was what it should be.
type voucher struct {
	object blob.Info
	at     time.Time
}

// sameObject reports whether two descriptions are of the very same object.
func sameObject(a, b blob.Info) bool {
	return a.Version != "" && a.Version == b.Version && a.SHA256 == b.SHA256 && a.Size == b.Size
}

// counts reports whether a proof of that time still counts.
func counts(at, now time.Time) bool { return !at.After(now) && now.Sub(at) < vouchedFor }

// note remembers that an object was in order, and forgets what no longer counts.
func (v *vouchers) note(key blob.Key, object blob.Info, at, now time.Time) {
	if object.Version == "" || object.SHA256 == "" {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.known == nil {
		v.known = make(map[blob.Key]voucher)
	}
	for k, old := range v.known {
		if !counts(old.at, now) {
			delete(v.known, k)
		}
	}
	v.known[key] = voucher{object, at}
}

// of returns when an object was found in order.
func (v *vouchers) of(key blob.Key, object blob.Info, now time.Time) (time.Time, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	known, ok := v.known[key]
	return known.at, ok && sameObject(known.object, object) && counts(known.at, now)
}

// vouched returns when an object was last put or proven, if that still counts. A
// receipt that found something wrong outweighs all others.
func (m *Manager) vouched(ctx context.Context, key blob.Key, object blob.Info) (at time.Time, ok bool) {
	if object.Version == "" {
		return at, false
	}
	now := m.options.Now()
	at, ok = m.vouchers.of(key, object, now)
	for _, r := range m.receipts(ctx, key, object.SHA256) {
		if r.Error != "" {
			return time.Time{}, false
		}
		if r.Version == object.Version && r.Level != LevelBytes && counts(r.At, now) && r.At.After(at) {
			at, ok = r.At, true
		}
	}
	return at, ok
}
