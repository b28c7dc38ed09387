package fsx

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// ErrLocked says that another process, or this one, holds the lock.
var ErrLocked = errors.New("it is in use by another process")

// Lock is an exclusive lock on a directory, held through a file in it. It ends
// with the process at the latest.
type Lock struct{ file *os.File }

// AcquireLock locks the file name, which it creates if necessary. It does not
// wait: a lock that is held is ErrLocked. Locks are the host's own and do not
// pass through an FS.
func AcquireLock(name string) (*Lock, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = ErrLocked
		}
		return nil, errors.Join(err, f.Close())
	}
	return &Lock{file: f}, nil
}

// Release gives the lock back. The file stays.
func (l *Lock) Release() error { return l.file.Close() }
