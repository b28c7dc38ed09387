package tidemark

import (
	"cmp"
	"context"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/wal"
)

// Previous is a state that a restore or an undo replaced and that can be brought
// back. It is closed: it takes bytes of disk and nothing else.
type Previous struct {
	ID uuid.UUID
	// Until is when it may be removed.
	Until time.Time
	// Bytes is what it takes on disk.
	Bytes int64
	// Position and Count say where the state stands and how many points it has;
	// Position is 0 if that is not known.
	Position wal.Position
	Count    int
}

// Previous returns the state to which a collection can be brought back.
func (s *Store) Previous(nameOrAlias string) (Previous, bool) {
	_, e, ok := s.catalog.Resolve(nameOrAlias)
	if !ok || e.Previous == nil {
		return Previous{}, false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	p := e.Previous
	return Previous{ID: p.ID, Until: time.Unix(p.Until, 0).UTC(), Bytes: s.previous[p.ID], Position: p.Position, Count: p.Count}, true
}

// keep returns what the catalog shall say of the collection that is replaced, nil
// if it is not kept.
func (s *Store) keep(r *installation) *PreviousEntry {
	if r.expected == uuid.Nil || s.options.UndoRetention < 0 || r.bytes > s.options.UndoBytes {
		return nil // nobody is told of a state that would go at once
	}
	until := s.options.Now().Add(s.options.UndoRetention + time.Second - 1) // whole seconds
	p := &PreviousEntry{ID: r.expected, Last: r.last, Until: until.Unix()}
	if r.old != nil {
		v := r.old.current.Load().view // nothing follows it: old is fenced
		p.Position, p.Count = v.Through(), v.Count()
	}
	return p
}

// abandon lets changed remove an incarnation that nothing names any more, unless
// an undo has it open: then that does. changing is held.
func (s *Store) abandon(id uuid.UUID) {
	if s.reviving[id] {
		return
	}
	s.mu.Lock()
	delete(s.previous, id)
	s.mu.Unlock()
	s.rubbish = append(s.rubbish, s.trash(id))
}

// notePrevious measures the previous incarnation of a collection, the zero UUID
// if it has none, for those who ask how much is kept.
func (s *Store) notePrevious(name string, id uuid.UUID) {
	var size int64
	if id != uuid.Nil {
		size = dirBytes(s.options.FS, s.dir(id))
		s.mu.Lock()
		s.previous[id] = size
		s.mu.Unlock()
	}
	if c := s.served(name); c != nil {
		c.previousBytes.Store(size)
	}
}

// dirBytes returns the size of all files below dir that can be found.
func dirBytes(fsys fsx.FS, dir string) (n int64) {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return 0
	}
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		if e.IsDir() {
			n += dirBytes(fsys, name)
			continue
		}
		var st fs.FileInfo
		if st, err = fsys.Stat(name); err == nil {
			n += st.Size()
		}
	}
	return n
}

// forgetRetry is the wait after the catalog could not be changed.
const forgetRetry = time.Minute

// keepHouse removes previous states when their time is over, when they take too
// much room, or when the disk fills, until ctx ends.
func (s *Store) keepHouse(ctx context.Context) {
	for {
		wait, due := s.tidy()
		timer := time.NewTimer(wait)
		if !due {
			timer.Stop()
		}
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-s.tidyUp:
			timer.Stop()
		}
	}
}

// wakeHousekeeper lets it look again. It never waits.
func (s *Store) wakeHousekeeper() {
	select {
	case s.tidyUp <- struct{}{}:
	default: // it was asked already
	}
}

// kept is a previous state that may be removed.
type kept struct {
	name  string
	entry *PreviousEntry
	bytes int64
}

// tidy removes what is not to be kept any more. It returns how long nothing more
// is due, and whether anything will be.
func (s *Store) tidy() (wait time.Duration, due bool) {
	s.changing.Lock()
	defer s.changed()
	if s.alive() != nil {
		return 0, false
	}
	all := s.allKept()
	goes := s.surplus(all)
	names := make(map[string]uuid.UUID, len(goes))
	for _, k := range goes {
		names[k.name] = k.entry.ID
	}
	if err := s.catalog.Forget(names); err != nil {
		s.logger.Warn("could not let go of previous states of collections", slog.Any("error", err))
		return forgetRetry, true
	}
	for _, k := range goes {
		early := s.inTime(k)
		if early {
			s.givenUp.Add(1)
		}
		s.logger.Info("the previous state of a collection is removed",
			slog.String("collection", k.name), slog.Int64("bytes", k.bytes), slog.Bool("early", early))
		s.abandon(k.entry.ID)
		s.notePrevious(k.name, uuid.Nil)
	}
	if rest := all[len(goes):]; len(rest) > 0 {
		return max(time.Unix(rest[0].entry.Until, 0).Sub(s.options.Now()), 0), true
	}
	return 0, false
}

// allKept returns all previous states, those first that go first.
func (s *Store) allKept() []kept {
	var all []kept
	for name, e := range s.catalog.Entries() {
		if e.Previous == nil {
			continue
		}
		s.mu.RLock()
		_, known := s.previous[e.Previous.ID]
		s.mu.RUnlock()
		if !known { // since before the start
			s.notePrevious(name, e.Previous.ID)
		}
		p, _ := s.Previous(name)
		all = append(all, kept{name, e.Previous, p.Bytes})
	}
	slices.SortFunc(all, func(a, b kept) int {
		return cmp.Or(cmp.Compare(a.entry.Until, b.entry.Until), cmp.Compare(a.name, b.name))
	})
	return all
}

// inTime reports whether a state is to be kept if there is room.
func (s *Store) inTime(k kept) bool {
	return s.options.UndoRetention >= 0 && k.entry.Until > s.options.Now().Unix()
}

// surplus returns the first of all that are over their time or the bytes that may
// be kept, or whose room others need.
func (s *Store) surplus(all []kept) []kept {
	var total int64
	for _, k := range all {
		total += k.bytes
	}
	short := s.shared.space.short(WorkMerge, 0)
	for i, k := range all {
		if s.inTime(k) && total <= s.options.UndoBytes && short <= 0 {
			return all[:i]
		}
		total -= k.bytes
		short -= k.bytes
	}
	return all
}
