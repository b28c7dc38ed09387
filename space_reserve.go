package tidemark

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/tidemark-db/tidemark/internal/fsx"
)

// reserveName is the file that keeps room for the last changes on a full disk.
const reserveName = "RESERVE"

// reserveFile is room that nobody else can take: a file whose only content is its
// size. It is removed when a change that gives room back, or must not fail, finds
// the disk full, and made again when there is room. Each time it is a new file.
type reserveFile struct {
	fsys fsx.FS
	dir  string
	size int64

	mu   sync.Mutex
	held bool
}

func (r *reserveFile) path() string { return filepath.Join(r.dir, reserveName) }

// find takes over the file of an earlier process. One of another size is removed.
func (r *reserveFile) find() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	st, err := r.fsys.Stat(r.path())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if r.held = st.Size() == r.size; r.held {
		return nil
	}
	return r.fsys.Remove(r.path())
}

// missing reports whether the file is to be made.
func (r *reserveFile) missing() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.held
}

// fill makes the file. After an error none is left, or one that the next start
// removes.
func (r *reserveFile) fill() (err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held {
		return nil
	}
	f, err := r.fsys.OpenFile(r.path(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return err
	}
	if err = f.Allocate(r.size); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = r.fsys.SyncDir(r.dir)
	}
	if err != nil {
		return errors.Join(err, r.fsys.Remove(r.path()))
	}
	r.held = true
	return nil
}

// giveBack removes the file and reports whether there was one. Some file systems
// let go of blocks only when the removal is durable.
func (r *reserveFile) giveBack() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.held || r.fsys.Remove(r.path()) != nil {
		return false
	}
	r.held = false
	_ = r.fsys.SyncDir(r.dir) // if it fails, the file comes back after a crash
	return true
}
