// Package wal defines the write-ahead log of a collection: positions, the Log
// contract and its errors. It does no I/O; wal/local is the adapter on local
// files and wal/waltest the conformance suite of every implementation.
package wal

import (
	"context"
	"errors"
	"fmt"
	"strconv"
)

// Position is a place in a log. Positions strictly increase within a lineage,
// may have gaps, and stay at or below MaxPosition. The zero Position lies
// before the first record.
type Position uint64

// MaxPosition is the highest position ever given out: JavaScript clients hold
// integers exactly up to this value.
const MaxPosition Position = 1<<53 - 1

// IsZero reports whether p lies before the first record.
func (p Position) IsZero() bool { return p == 0 }

// String returns p in decimal.
func (p Position) String() string { return strconv.FormatUint(uint64(p), 10) }

// Record is one payload of the log at its position.
type Record struct {
	Position Position
	Payload  []byte
}

// Log is a durable, totally ordered sequence of records. All methods may be
// called concurrently. The contract is written so that a replicated log can
// fulfil it as well as a local file.
type Log interface {
	// Enqueue puts payload in order and returns before it is durable. The
	// payload is not retained after Enqueue returns. Payloads enqueued by one
	// goroutine one after the other get positions in that order. An error
	// means that the record is not in the log and never will be.
	Enqueue(ctx context.Context, payload []byte) (Pending, error)

	// Tail returns a reader of all durable records above after, beginning with
	// the oldest. It fails with ErrReleased if records above after were
	// released already.
	Tail(ctx context.Context, after Position) (Reader, error)

	// Last is a barrier: it returns the position of the last record once
	// everything that was enqueued before the call is durable. In a log
	// without records it returns the base at which the log was created.
	Last(ctx context.Context) (Position, error)

	// Skip leaves out all positions up to and including through: no record that
	// is enqueued after the call gets one of them. It is durable with the next
	// record, not before.
	Skip(ctx context.Context, through Position) error

	// Release allows the log to forget records at and below through. It is
	// advice: the log may keep more, never less.
	Release(ctx context.Context, through Position) error

	// Close makes what was enqueued durable, ends all readers and waits with
	// ErrClosed, and frees the log's resources.
	Close() error
}

// Pending is a record that is in order but perhaps not yet durable.
type Pending interface {
	// Wait returns the record's position once it is durable. If ctx ends
	// first, or the log was poisoned after the record may have reached the
	// disk, the error wraps ErrOutcomeUnknown: the record may appear later.
	// Wait may be called more than once.
	Wait(ctx context.Context) (Position, error)
}

// Reader streams durable records in order. It belongs to one goroutine.
type Reader interface {
	// Next waits for records that became durable together and returns them,
	// never an empty slice. The records and their payloads are valid until the
	// following call of Next or Close. A reader that was left behind by
	// Release returns ErrReleased, one whose log was closed ErrClosed after
	// everything durable was delivered.
	Next(ctx context.Context) ([]Record, error)

	// Close frees the reader. It may be called while Next waits.
	Close() error
}

// Errors of a Log. Callers test for them with errors.Is.
var (
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("the log is closed")
	// ErrPoisoned is returned once a write or a sync failed: the log stays
	// read-only until it is closed, repaired and opened again.
	ErrPoisoned = errors.New("the log is read-only after a failed write; restart to repair it")
	// ErrOutcomeUnknown says that a record may or may not be in the log.
	ErrOutcomeUnknown = errors.New("the outcome of the write is unknown; it may appear later")
	// ErrTooLarge is returned for a payload above the log's limit.
	ErrTooLarge = errors.New("the record is larger than the log accepts")
	// ErrLocked is returned when another process has the log open.
	ErrLocked = errors.New("the log is in use by another process")
	// ErrReleased is returned for records that the log no longer has.
	ErrReleased = errors.New("the records were released")
	// ErrExhausted is returned when no position is left below MaxPosition.
	ErrExhausted = errors.New("the log has given out its last position")
)

// CorruptError names the place at which a log is damaged in a way that cannot
// be the torn end of an unfinished write.
type CorruptError struct {
	File     string   // path of the damaged file
	Offset   int64    // byte offset in File
	Position Position // last position that is known to be good
	Reason   string
}

// Error implements error.
func (e *CorruptError) Error() string {
	return fmt.Sprintf("log is damaged: %s at byte %d, after position %d: %s", e.File, e.Offset, e.Position, e.Reason)
}
