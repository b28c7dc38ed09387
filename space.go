package tidemark

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"syscall"
	"time"

	"github.com/tidemark-db/tidemark/internal/fsx"
)

// Work is something that takes room on the disk of the data directory.
type Work uint8

// The kinds of Work, in the order in which they are refused when the disk fills.
const (
	WorkStaging    Work = iota // snapshots and restores
	WorkMerge                  // merges that give little room back
	WorkWrite                  // writes
	WorkDelete                 // writes that only delete, and merges that do
	WorkCheckpoint             // segments of what is in memory, by which the log shrinks
	works
)

var workNames = [works]string{"staging", "merge", "write", "delete", "checkpoint"}

// String returns the name of the work.
func (w Work) String() string { return workNames[w] }

// NoRoomError says that work was refused, or ended, because the disk of the data
// directory has too little room left. It is an ENOSPC that the disk did not have
// to say itself.
type NoRoomError struct {
	Work       Work
	Free, Need int64 // bytes
}

// Error implements error.
func (e *NoRoomError) Error() string {
	return fmt.Sprintf("the disk of the storage directory is almost full: %d MiB are free, %s needs %d MiB", e.Free>>20, e.doing(), roundUp(e.Need))
}

func (e *NoRoomError) doing() string {
	return [works]string{"a snapshot or a restore", "a merge", "a write", "a delete", "a checkpoint"}[e.Work]
}

// roundUp returns how many MiB hold n bytes.
func roundUp(n int64) int64 { return (n + 1<<20 - 1) >> 20 }

// Is implements errors.Is.
func (e *NoRoomError) Is(target error) bool { return target == syscall.ENOSPC }

// refusal is the answer to a client.
func (e *NoRoomError) refusal() *Error {
	return &Error{Kind: Unavailable, Text: e.Error() + "; delete points, collections or snapshots, or make the disk larger"}
}

// space decides, by the room that is left on the disk of the data directory, what
// may take more of it. Each kind of work has a watermark: it goes on while that
// much stays free. The lowest belongs to checkpoints, and what lies below it to
// manifests, the catalog, the logs and recovery.
type space struct {
	fsys    fsx.FS
	dir     string
	reserve int64 // the distance between watermarks, bytes
	// pending returns the bytes that are in memory and that checkpoints have still
	// to write.
	pending func() int64
	logger  *slog.Logger
	now     func() time.Time
	spare   *reserveFile

	mu    sync.Mutex
	known bool  // the disk says how much is free
	free  int64 // as of asked
	asked time.Time
	spent int64 // bytes that work was let in for since
	// refused counts by work; closed is what was refused when tell looked last.
	refused [works]int64
	closed  [works]bool
}

// What the disk said is believed for staleness by writes, which come by the
// thousand, and for freshness by other work and by whoever would be refused. In
// between, what work was let in for counts as taken.
const (
	freshness = 20 * time.Millisecond
	staleness = time.Second
)

func newSpace(o Options, pending func() int64) *space {
	return &space{
		fsys: o.FS, dir: o.Dir, reserve: o.DiskReserve, pending: pending, logger: o.Logger, now: time.Now,
		spare: &reserveFile{fsys: o.FS, dir: o.Dir, size: o.DiskReserve / 4},
	}
}

// watermark returns how many bytes a kind of work leaves free.
func (s *space) watermark(w Work) int64 {
	if w == WorkCheckpoint {
		return s.reserve / 2
	}
	return int64(WorkCheckpoint-w)*s.reserve + s.pending()
}

// write lets a change in that appends records of n bytes: they take room in the log
// and, some time later, in a segment.
func (s *space) write(w Work, n int64) error {
	err := s.admit(w, 2*n+logBlock)
	var no *NoRoomError
	if errors.As(err, &no) {
		return no.refusal()
	}
	return err
}

// logBlock is what a record takes in the log at least.
const logBlock = 4 << 10

// admit lets work in that takes n bytes, or refuses it with a NoRoomError.
func (s *space) admit(w Work, n int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if no := s.judge(w, n); no != nil {
		s.refused[w]++
		return no
	}
	s.spent += n
	return nil
}

// short returns how many bytes are missing until work that takes n bytes is let in.
func (s *space) short(w Work, n int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if no := s.judge(w, n); no != nil {
		return no.Need - no.Free
	}
	return 0
}

// judge refuses nothing on old news, nor if the disk does not tell. mu is held.
func (s *space) judge(w Work, n int64) *NoRoomError {
	need := s.watermark(w) + n
	age := freshness // large pieces are judged by what is free now
	if w == WorkWrite || w == WorkDelete {
		age = staleness
	}
	s.refresh(age)
	if s.known && s.free-s.spent < need {
		s.refresh(freshness)
	}
	if s.known && s.free-s.spent < need {
		return &NoRoomError{Work: w, Free: max(s.free-s.spent, 0), Need: need}
	}
	return nil
}

// refresh asks the disk unless it was asked that short a time ago. mu is held.
func (s *space) refresh(age time.Duration) {
	now := s.now()
	if !s.asked.IsZero() && now.Sub(s.asked) < age {
		return
	}
	free, err := s.fsys.FreeBytes(s.dir)
	if err != nil && (s.known || s.asked.IsZero()) {
		s.logger.Warn("the disk does not tell how much room is free: nothing is refused for want of it", slog.Any("error", err))
	}
	s.known, s.free, s.asked, s.spent = err == nil, free, now, 0
}

// makeRoom gives the reserve file back if err is that of a full disk, and reports
// whether it is worth to try again.
func (s *space) makeRoom(err error) bool {
	return fsx.IsFull(err) && s.spare.giveBack()
}
