package tidemark

import (
	"context"
	"log/slog"
	"time"
)

// reliefInterval is the time between checkpoints that are made because writes are
// refused: by them the log shrinks, and deletes become known to merges.
const reliefInterval = 10 * time.Second

// watchSpace looks at the disk now and then until the context ends.
func (s *Store) watchSpace(ctx context.Context) {
	ticker := time.NewTicker(staleness)
	defer ticker.Stop()
	relieved := time.Time{}
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			s.shared.space.look()
			if s.shared.space.short(WorkMerge, 0) > 0 {
				s.wakeHousekeeper() // who gives up what is kept for undo
			}
			if s.shared.space.short(WorkWrite, 0) > 0 && now.Sub(relieved) >= reliefInterval {
				relieved = now
				s.relieve()
			}
		}
	}
}

// relieve asks all collections for a checkpoint of what they have, and to look
// again for what can be merged.
func (s *Store) relieve() {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, e := range s.open {
		if e.collection != nil {
			e.collection.requestCheckpoint()
			e.collection.committer.wake()
		}
	}
}

// look makes the reserve file if it is missing and there is room for it, and logs
// what changed.
func (s *space) look() {
	if s.spare.missing() && s.short(WorkDelete, s.spare.size) == 0 {
		if err := s.spare.fill(); err != nil {
			s.logger.Warn("could not set room aside for the case that the disk is full", slog.Any("error", err))
		}
	}
	s.tell()
}

// tell logs once what is refused from now on, and what is no more.
func (s *space) tell() {
	for w := range works {
		s.mu.Lock()
		no := s.judge(w, 0)
		changed := s.closed[w] != (no != nil)
		s.closed[w] = no != nil
		s.mu.Unlock()
		switch {
		case changed && no != nil:
			s.logger.Warn("the disk fills: work is refused until there is room", slog.String("work", w.String()), slog.Any("error", no))
		case changed:
			s.logger.Info("there is room on the disk again", slog.String("work", w.String()))
		}
	}
}

// open takes over or makes the reserve file. A store without it serves all the
// same.
func (s *space) open() {
	if err := s.spare.find(); err != nil {
		s.logger.Warn("could not look for the room that is set aside", slog.Any("error", err))
		return
	}
	s.look()
}

// Space is what the disk of the data directory has left, and what that lets be
// done.
type Space struct {
	// Known is false if the disk does not tell.
	Known bool
	Free  int64
	// Reserved says that the file is there by which changes of the catalog succeed
	// on a full disk.
	Reserved   bool
	Watermarks []Watermark // of all work, the first to be refused first
	// GivenUp counts the states that were kept for undo and removed before their
	// time, since the start.
	GivenUp int64
}

// Watermark is the room that one kind of work leaves free.
type Watermark struct {
	Work    Work
	Bytes   int64
	Open    bool  // the work is let in
	Refused int64 // how often it was not
}

// Space describes the disk as of a moment ago.
func (s *Store) Space() Space {
	out := s.shared.space.describe()
	out.GivenUp = s.givenUp.Load()
	return out
}

func (s *space) describe() Space {
	out := Space{Reserved: !s.spare.missing()} // which may wait for the disk
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refresh(staleness)
	out.Known, out.Free = s.known, max(s.free-s.spent, 0)
	for w := range works {
		level := s.watermark(w)
		out.Watermarks = append(out.Watermarks, Watermark{
			Work: w, Bytes: level, Open: !s.known || s.free-s.spent >= level, Refused: s.refused[w],
		})
	}
	return out
}

// GiveReserve removes the file that keeps room for the case that the disk is full,
// and reports whether there was one. It is made again when there is room.
func (s *Store) GiveReserve() bool { return s.shared.space.spare.giveBack() }
