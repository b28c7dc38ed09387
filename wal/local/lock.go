package local

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/wal"
)

// acquireLock takes the lock of a log.
func acquireLock(dir string) (*fsx.Lock, error) {
	lock, err := fsx.AcquireLock(filepath.Join(dir, lockName))
	if errors.Is(err, fsx.ErrLocked) {
		return nil, wal.ErrLocked
	}
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	return lock, nil
}

// dropCache makes the kernel forget what it holds of a file, once everything
// written was handed to the disk: after a failed sync the memory may show what
// the disk does not have.
func dropCache(fsys fsx.FS, name string) error {
	f, err := fsys.OpenFile(name, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	err = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL) {
		err = nil // advice that this file system does not take
	}
	return errors.Join(err, f.Close())
}
