package snapshot

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/snapshot/archive"
	"github.com/tidemark-db/tidemark/snapshot/blob"
)

// Operation is a kind of work.
type Operation string

// The operations that an Observer sees.
const (
	OpCreate      Operation = "create"
	OpCreateFull  Operation = "create_full" // of the whole storage; it has no collection
	OpRestore     Operation = "restore"
	OpRestoreFull Operation = "restore_full"
	OpUndo        Operation = "undo"
	OpVerify      Operation = "verify"
)

// Phase is a part of an operation.
type Phase string

// The phases: of a create wait, freeze, reuse, encode, store; of the whole storage
// the same with cut instead of freeze; of a restore wait, unpack, verify, store if
// the archive is kept, install; of an undo wait, install; of a verification wait,
// read, verify.
const (
	PhaseWait    Phase = "wait"    // for the collection's turn and a free slot
	PhaseFreeze  Phase = "freeze"  // from the call to the view
	PhaseCut     Phase = "cut"     // from the call to the views of all collections
	PhaseReuse   Phase = "reuse"   // looking for the same state, verifying and linking it
	PhaseEncode  Phase = "encode"  // of what is in memory
	PhaseStore   Phase = "store"   // reading, hashing, writing, syncing
	PhaseUnpack  Phase = "unpack"  // reading, proving, writing, syncing
	PhaseRead    Phase = "read"    // reading and proving
	PhaseVerify  Phase = "verify"  // reading every point, computing the digest
	PhaseInstall Phase = "install" // fence and swap; of an undo also the replay before
)

// Result is how an operation ended.
type Result struct {
	// Reason is empty after success, else one of: no_room, damaged, not_found,
	// refused, cancelled, store, remote, internal.
	Reason string
	// Size is that of the archive, if known; Reused is how much of it was not
	// written but is shared with an earlier snapshot.
	Size, Reused int64
	// Position is that of the state, 0 if there is none or it is not known.
	Position uint64
	// At is when it ended, Took how long it took, waiting included.
	At   time.Time
	Took time.Duration
}

// Observer sees what a Manager does. Its methods return at once and may be
// called concurrently.
type Observer interface {
	Began(op Operation, collection string)
	Passed(op Operation, collection string, p Phase, took time.Duration)
	Ended(op Operation, collection string, r Result)
}

type noObserver struct{}

func (noObserver) Began(Operation, string)                        {}
func (noObserver) Passed(Operation, string, Phase, time.Duration) {}
func (noObserver) Ended(Operation, string, Result)                {}

// reasonOf sorts errors into few classes.
func reasonOf(err error) string {
	var noRoom *blob.NoRoomError
	var corrupt *archive.CorruptError
	var changed *archive.ChangedError
	var state *StateError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &noRoom), errors.Is(err, syscall.ENOSPC):
		return "no_room"
	case errors.As(err, &corrupt), errors.As(err, &changed), errors.As(err, &state), errors.Is(err, segments.ErrDamaged), errors.Is(err, blob.ErrDamaged):
		return "damaged"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "cancelled"
	case errors.Is(err, blob.ErrOutcomeUnknown), errors.Is(err, errStore):
		return "store"
	case errors.Is(err, errRemote):
		return "remote"
	}
	switch tidemark.KindOf(err) {
	case tidemark.NotFound:
		return "not_found"
	case tidemark.BadInput, tidemark.BadRequest, tidemark.Forbidden, tidemark.AlreadyExists, tidemark.ChecksumMismatch, tidemark.NotImplemented:
		return "refused"
	}
	return "internal"
}
