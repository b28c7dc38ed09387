package fsx

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// TempSuffix ends the names of files that WriteAtomic has not finished. Such
// files are garbage after a crash.
const TempSuffix = ".tmp"

// ErrNotDurable says that a rename happened but the directory's sync failed:
// after a crash either the old or the new file may be there. The caller must
// not remove what either of them names.
var ErrNotDurable = errors.New("the rename may not survive a crash")

// WriteAtomic writes data to name so that after a crash name holds either its
// old content or all of data: temporary file, sync, rename, sync of the
// directory. After an error that wraps ErrNotDurable both are possible.
func WriteAtomic(fsys FS, name string, data []byte) error {
	tmp := name + TempSuffix
	if err := writeSynced(fsys, tmp, data); err != nil {
		return errors.Join(err, ignoreMissing(fsys.Remove(tmp)))
	}
	if err := fsys.Rename(tmp, name); err != nil {
		return errors.Join(err, ignoreMissing(fsys.Remove(tmp)))
	}
	if err := fsys.SyncDir(filepath.Dir(name)); err != nil {
		return fmt.Errorf("sync directory of %s: %w: %w", name, ErrNotDurable, err)
	}
	return nil
}

func writeSynced(fsys FS, name string, data []byte) error {
	f, err := fsys.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// ReadFile returns the content of name.
func ReadFile(fsys FS, name string) ([]byte, error) {
	f, err := fsys.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close() // read only: nothing can be lost
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	buf := make([]byte, st.Size())
	n, err := f.ReadAt(buf, 0)
	if err != nil && n < len(buf) {
		return nil, err
	}
	return buf, nil
}

// MkdirAll creates name and its missing parents and makes each of the new
// entries durable.
func MkdirAll(fsys FS, name string, perm fs.FileMode) error {
	err := fsys.Mkdir(name, perm)
	switch {
	case err == nil:
		return fsys.SyncDir(filepath.Dir(name))
	case errors.Is(err, fs.ErrExist):
		st, serr := fsys.Stat(name)
		if serr != nil {
			return serr
		}
		if !st.IsDir() {
			return err
		}
		return nil
	case errors.Is(err, fs.ErrNotExist):
		if err := MkdirAll(fsys, filepath.Dir(name), perm); err != nil {
			return err
		}
		return MkdirAll(fsys, name, perm)
	}
	return err
}

// RemoveAll removes name and all that it contains. A name that is not there is
// no error. It does not sync the parent directory.
func RemoveAll(fsys FS, name string) error {
	err := fsys.Remove(name)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	entries, rerr := fsys.ReadDir(name)
	if rerr != nil {
		return errors.Join(err, rerr) // of what is no directory, the first says what is wrong
	}
	for _, e := range entries {
		if err := RemoveAll(fsys, filepath.Join(name, e.Name())); err != nil {
			return err
		}
	}
	return ignoreMissing(fsys.Remove(name))
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
