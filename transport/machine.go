package transport

import (
	"errors"
	"fmt"
	"path/filepath"
	"syscall"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/snapshot/blob"
	"github.com/tidemark-db/tidemark/wal"
)

// ofMachine returns how an error is shown that the files or the limits of the
// machine brought about: what whoever runs the server can do about it.
func ofMachine(err error) (Shown, bool) {
	if damage := damageOf(err); damage != "" {
		return shownAs(tidemark.Unavailable, damage), true
	}
	if lack := lackOf(err); lack != "" {
		return shownAs(tidemark.Unavailable, lack+"; "+outcome(err)), true
	}
	return Shown{}, false
}

// damageOf returns what is damaged and what can be done, "" if that was not why.
func damageOf(err error) string {
	var damaged *segments.DamagedError
	switch {
	case errors.As(err, &damaged):
		return fmt.Sprintf("the collection is damaged: file %s at byte %d: restore the collection from a snapshot",
			filepath.Base(damaged.File), damaged.Offset)
	case errors.Is(err, segments.ErrDamaged):
		return "the collection is damaged: restore it from a snapshot"
	}
	return ""
}

// lackOf returns what the machine had too little of, "" if that was not why.
func lackOf(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "there is no room left on the disk"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "the server has too many open files: raise its limit, or have fewer collections and connections"
	}
	return ""
}

// outcome says what became of what failed.
func outcome(err error) string {
	if ofLog(err) || errors.Is(err, fsx.ErrNotDurable) || errors.Is(err, blob.ErrOutcomeUnknown) {
		return "it is not known whether the change survives a crash"
	}
	return "nothing was changed"
}

// ofLog reports whether err is that of a log that could not be written. Its text
// says what is left to do, and not what was lacking.
func ofLog(err error) bool {
	return errors.Is(err, wal.ErrOutcomeUnknown) || errors.Is(err, wal.ErrPoisoned)
}
