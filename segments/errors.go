package segments

import (
	"errors"
	"fmt"
	"io"
)

// Errors of files, to be tested with errors.Is.
var (
	// ErrDamaged is in the chain of every DamagedError.
	ErrDamaged = errors.New("the file is damaged")
	// ErrNoRows is returned when a segment without rows would be written.
	ErrNoRows = errors.New("there are no rows to write")
	// ErrSegmentTooLarge is returned when a segment would pass its limits.
	ErrSegmentTooLarge = fmt.Errorf("a segment may have at most %d bytes and %d rows", int64(MaxSegmentBytes), int64(MaxSegmentRows))
)

// DamagedError says where a file is not what was written.
type DamagedError struct {
	File   string
	Offset int64 // of the damaged part, as closely as it is known
	Reason string
	// Cause is why the bytes could not be read; nil if they were, and are wrong.
	Cause error
}

// unreadable is for bytes that could not be read. That a file ends too early is
// damage to it, anything else may pass.
func unreadable(file string, off int64, err error) *DamagedError {
	e := &DamagedError{File: file, Offset: off, Reason: fmt.Sprintf("cannot be read: %v", err)}
	if err != nil && !errors.Is(err, io.EOF) {
		e.Cause = err
	}
	return e
}

// Error implements error.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s is damaged at byte %d: %s", e.File, e.Offset, e.Reason)
}

// Unwrap makes the error an ErrDamaged, and what caused it.
func (e *DamagedError) Unwrap() []error {
	if e.Cause == nil {
		return []error{ErrDamaged}
	}
	return []error{ErrDamaged, e.Cause}
}

// NewerFormatError says that a file was written by a later version.
type NewerFormatError struct {
	File          string
	Format, Known uint32
}

// Error implements error.
func (e *NewerFormatError) Error() string {
	return fmt.Sprintf("%s has format %d; this version reads formats up to %d: use the version that wrote it", e.File, e.Format, e.Known)
}
