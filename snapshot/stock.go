package snapshot

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/tidemark-db/tidemark/snapshot/archive"
	"github.com/tidemark-db/tidemark/snapshot/blob"
)

// Stock is what the store holds of a collection, or of the whole storage.
type Stock struct {
	Snapshots int
	Bytes     int64 // what two snapshots share counts for both
	// Newest is when the newest was put, zero if there is none, NewestSize its
	// size and NewestPosition that of its state, 0 if that cannot be read.
	Newest         time.Time
	NewestSize     int64
	NewestPosition uint64
	// Damaged is how many of the newest are known, by their last verification,
	// not to be what was stored. Verified is when one was last found in order.
	Damaged  int
	Verified time.Time
}

// stocks counts one collection after the other, each once however often it
// changed meanwhile, so that a series of changes costs a few listings.
type stocks struct {
	mu       sync.Mutex
	changed  []string
	counting bool
}

// CountStored has the snapshots of collections counted soon, on a goroutine that
// Close waits for. The empty name stands for the whole storage.
func (m *Manager) CountStored(collections ...string) {
	if m.options.Stock == nil {
		return
	}
	m.stocks.mu.Lock()
	defer m.stocks.mu.Unlock()
	for _, c := range collections {
		if !slices.Contains(m.stocks.changed, c) {
			m.stocks.changed = append(m.stocks.changed, c)
		}
	}
	if !m.stocks.counting && len(m.stocks.changed) > 0 {
		m.stocks.counting = m.jobs.begin(m.countStored)
	}
}

// countStored counts until nothing has changed.
func (m *Manager) countStored() {
	for {
		collection, ok := m.stocks.next()
		if !ok {
			return
		}
		s, err := m.stock(m.jobs.ctx, collection)
		if m.jobs.ctx.Err() != nil {
			return // nothing will be asked any more
		}
		if err != nil {
			m.logger.Warn("could not count snapshots", slog.String("collection", collection), slog.Any("error", err))
			continue
		}
		m.options.Stock(collection, s)
	}
}

// next returns what is to be counted; if nothing is, the counting is over.
func (s *stocks) next() (collection string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.changed) == 0 {
		s.counting = false
		return "", false
	}
	collection, s.changed = s.changed[0], s.changed[1:]
	return collection, true
}

// maxReceiptsRead is how many snapshots of a collection are asked for receipts:
// each is a read of its own.
const maxReceiptsRead = 100

func (m *Manager) stock(ctx context.Context, collection string) (Stock, error) {
	list, err := m.store.List(ctx, collection)
	if err != nil || len(list) == 0 {
		return Stock{}, err
	}
	slices.SortStableFunc(list, func(a, b blob.Info) int { return b.Created.Compare(a.Created) })
	s := Stock{Snapshots: len(list), Newest: list[0].Created, NewestSize: list[0].Size}
	if collection != "" { // else there are many positions
		s.NewestPosition = positionOf(m.details.ofInfo(ctx, keyOf(collection, list[0]), list[0]), collection)
	}
	for i, info := range list {
		s.Bytes += info.Size
		if i < maxReceiptsRead {
			s.count(m.receipts(ctx, keyOf(collection, info), info.SHA256))
		}
	}
	return s, ctx.Err()
}

func keyOf(folder string, i blob.Info) blob.Key { return blob.Key{Folder: folder, Name: i.Name} }

// positionOf returns where the state of an archive stands, 0 if it cannot be read
// or is that of another collection, whose positions are others.
func positionOf(m *archive.Manifest, collection string) uint64 {
	if m == nil || m.Collection != collection {
		return 0
	}
	return m.Position
}

// count takes the receipts of one snapshot into account.
func (s *Stock) count(receipts []Receipt) {
	damaged := false
	for _, r := range receipts {
		if r.Error == "" && r.At.After(s.Verified) {
			s.Verified = r.At
		}
		damaged = damaged || r.Error != "" && !slices.ContainsFunc(receipts, r.isRefutedBy)
	}
	if damaged {
		s.Damaged++
	}
}

// isRefutedBy reports whether a later verification that proves no less found the
// snapshot in order: somebody has put it right.
func (r Receipt) isRefutedBy(other Receipt) bool {
	order := []Level{LevelBytes, LevelStructure, LevelState}
	return other.Error == "" && !other.At.Before(r.At) && slices.Index(order, other.Level) >= slices.Index(order, r.Level)
}
