// Package blob is the contract of the places in which snapshots are kept.
package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Store keeps objects that appear whole or not at all, survive a crash once Put
// has returned, and are never overwritten. The conformance suite in blobtest
// says of every store what is written here. All methods may be called
// concurrently; one process at a time uses a store.
type Store interface {
	// CheckRoom returns a NoRoomError if an object of that many bytes cannot be
	// put. It is a forecast, so that work is not begun in vain.
	CheckRoom(ctx context.Context, size int64) error

	// Put stores what src writes under a new key. When it returns nil the object
	// is visible and durable, and Info tells its checksum.
	//
	// After ErrExists, an error of src or any other error the object is not
	// there and nothing of it is visible, with one exception: after an error
	// that wraps ErrOutcomeUnknown it may be there, whole, and may still vanish
	// in a crash. The context ends the work at the next write.
	Put(ctx context.Context, key Key, src Source) (Info, error)

	// Copy stores the content of from under the new key to, as Put would, but
	// without moving the bytes if the store can. It does not verify them. It
	// returns ErrNotFound if from is not there.
	Copy(ctx context.Context, from, to Key) (Info, error)

	// Get opens an object. The caller closes it. It remains readable while it
	// is open and the context lasts. If it is deleted meanwhile, what is read is
	// its content or, where it lies on another machine, ErrNotFound. A key that
	// no object can have is ErrNotFound: keys may come from outside.
	Get(ctx context.Context, key Key) (Object, error)

	// Stat describes an object as Get does.
	Stat(ctx context.Context, key Key) (Info, error)

	// List describes the objects of a folder in order of their names. A folder
	// that is not there has none.
	List(ctx context.Context, folder string) ([]Info, error)

	// Delete removes an object, or returns ErrNotFound. When it returns nil the
	// object does not come back in a crash.
	Delete(ctx context.Context, key Key) error
}

// Source is the content of a new object.
type Source struct {
	// Size is the exact number of bytes.
	Size int64
	// Write writes them all. A store may call it more than once, not
	// concurrently; it writes the same bytes each time. It stops when the
	// context ends or w fails.
	Write func(ctx context.Context, w io.Writer) error
}

// Roomy is a Store that knows how much room it has.
type Roomy interface {
	// Free returns how many bytes an object may have.
	Free(ctx context.Context) (int64, error)
}

// Noter is a Store that keeps a small text beside an object. It says nothing of
// the object and goes with it.
type Noter interface {
	// SetNote replaces the note of an object that is there.
	SetNote(ctx context.Context, key Key, note []byte) error
	// Note returns the note, nil if there is none.
	Note(ctx context.Context, key Key) ([]byte, error)
}

// MaxNoteBytes bounds a note.
const MaxNoteBytes = 64 << 10

// Presigner is a Store that can let a client fetch an object without us.
type Presigner interface {
	// Presign returns a URL that anybody can GET the object with, until it
	// expires. It returns ErrNotFound if the object is not there.
	Presign(ctx context.Context, key Key, expires time.Duration) (url string, err error)
}

// Object is an open object. It is for one goroutine.
type Object interface {
	io.ReadSeekCloser
	Info() Info
}

// Info describes an object.
type Info struct {
	Name string
	Size int64 // bytes
	// SHA256 is 64 lower-case hex digits, or empty if the store does not know
	// it, as of a file that somebody else put into its place.
	SHA256 string
	// Version changes whenever somebody puts other content into the place of the
	// object, as far as the store knows without reading it; empty if it does not.
	Version string
	// Created is when the object was put, UTC.
	Created time.Time
}

// The errors of a Store for which a caller may have to choose.
var (
	ErrNotFound       = errors.New("there is no such object")
	ErrExists         = errors.New("an object of that name exists")
	ErrInvalidKey     = errors.New("no object can have that name")
	ErrOutcomeUnknown = errors.New("it is not known whether the object was stored")
	// ErrDamaged: what was read is not what was put.
	ErrDamaged = errors.New("the object is damaged")
	// ErrDenied: the store refuses us; somebody has to grant access.
	ErrDenied = errors.New("access is denied")
	// ErrUnavailable: the store cannot be reached or is overloaded, after all
	// attempts; later it may work.
	ErrUnavailable = errors.New("the store is not available")
)

// NoRoomError says that a place is too full.
type NoRoomError struct {
	// Place says which, in words for operators.
	Place      string
	Need, Free int64 // bytes
}

// Error implements error.
func (e *NoRoomError) Error() string {
	return fmt.Sprintf("not enough room in %s: %d bytes are needed, %d are free", e.Place, e.Need, e.Free)
}
