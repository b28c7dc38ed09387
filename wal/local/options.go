package local

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/wal"
)

// Defaults of Options.
const (
	DefaultSegmentBytes   = 16 << 20
	DefaultMaxGroupBytes  = 2 << 20
	DefaultMaxRecordBytes = 64<<20 + 64<<10
	DefaultTailBytes      = 8 << 20
)

// flushDelay is how long a record whose writer does not wait may stay in
// memory only.
const flushDelay = 10 * time.Millisecond

// Options say how a log is opened. The zero value is usable.
type Options struct {
	// Base is the position before the first record of a log that does not
	// exist yet. An existing log ignores it.
	Base wal.Position
	// From refuses a log whose oldest record lies above it: what the caller
	// must replay was released or lost. Zero does not check.
	From wal.Position
	// AtLeast refuses a log that ends below it: records that the caller knows
	// to have been durable are missing. Zero does not check.
	AtLeast wal.Position

	SegmentBytes   int64 // size at which a generation is closed
	MaxGroupBytes  int   // records beyond this start another commit group
	MaxRecordBytes int   // larger payloads are refused with wal.ErrTooLarge
	TailBytes      int   // memory for groups that readers have not yet taken
	KeepFree       int64 // what setting blocks aside for a generation leaves free on the disk

	FS       fsx.FS       // default: the host's
	Logger   *slog.Logger // default: discards
	Observer Observer     // default: ignores
}

// Observer is told what a log does, for metrics. Its methods are called while
// the log commits and must return at once.
type Observer interface {
	// Committed is called for each commit group that became durable: the
	// duration of its sync, its number of records and its bytes in the file.
	Committed(sync time.Duration, records, bytes int)
	// Poisoned is called once, when the first write or sync failed.
	Poisoned(cause error)
	// Resized is called when generations were added or removed, with their
	// number and their size in bytes.
	Resized(generations int, bytes int64)
}

type noObserver struct{}

func (noObserver) Committed(time.Duration, int, int) {}
func (noObserver) Poisoned(error)                    {}
func (noObserver) Resized(int, int64)                {}

func (o Options) withDefaults() (Options, error) {
	setDefault(&o.SegmentBytes, DefaultSegmentBytes)
	setDefault(&o.MaxGroupBytes, DefaultMaxGroupBytes)
	setDefault(&o.MaxRecordBytes, DefaultMaxRecordBytes)
	setDefault(&o.TailBytes, DefaultTailBytes)
	if o.FS == nil {
		o.FS = fsx.OS
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Observer == nil {
		o.Observer = noObserver{}
	}
	return o, o.validate()
}

// spacious returns a function that reports whether the disk of dir has room for
// so many bytes, and KeepFree beside them.
func (o *Options) spacious(dir string) func(bytes int64) bool {
	fsys, keep := o.FS, o.KeepFree
	return func(bytes int64) bool {
		free, err := fsys.FreeBytes(dir)
		return err == nil && free-keep >= bytes
	}
}

func setDefault[T int | int64](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

func (o Options) validate() error {
	var errs []error
	for _, limit := range []struct {
		name       string
		value, max int64
	}{
		{"SegmentBytes", o.SegmentBytes, 1 << 40},
		{"MaxGroupBytes", int64(o.MaxGroupBytes), maxBody},
		{"MaxRecordBytes", int64(o.MaxRecordBytes), maxBody - 16},
		{"TailBytes", int64(o.TailBytes), 1 << 40},
	} {
		if limit.value < 1 || limit.value > limit.max {
			errs = append(errs, fmt.Errorf("%s is %d, must be 1 to %d", limit.name, limit.value, limit.max))
		}
	}
	if o.Base > wal.MaxPosition {
		errs = append(errs, fmt.Errorf("base %d is above the highest position %d", o.Base, wal.MaxPosition))
	}
	return errors.Join(errs...)
}

// Recovery tells what Open found and did.
type Recovery struct {
	Created     bool         // the log was new
	Clean       bool         // the log had been closed, nothing needed repair
	After       wal.Position // records at and below are not in the log
	Last        wal.Position // last record, or After if there is none
	Generations int
	Bytes       int64 // of all generations

	// Dropped is the number of bytes cut from the tail, Quarantine the file
	// that keeps them; it is empty if they were all zero.
	Dropped    int64
	Quarantine string
	// PerhapsLost is set if the dropped bytes have the full length of a commit
	// group, so that its records, from Last+1 on, may have been acknowledged.
	PerhapsLost bool
}
