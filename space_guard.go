package tidemark

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/tidemark-db/tidemark/internal/fsx"
)

// guard is a file system for work that takes much room over some time. What was
// free when it began may be gone meanwhile: each write is let in by itself, so that
// the work ends with a NoRoomError before it takes what is kept for others. Files
// on other disks are not judged.
type guard struct {
	fsx.FS
	space *space
	work  Work
}

// StagingFS is the file system for snapshots and restores.
func (s *Store) StagingFS() fsx.FS { return s.shared.guard(WorkStaging) }

func (s *shared) guard(w Work) fsx.FS { return &guard{FS: s.fsys, space: s.space, work: w} }

// OpenFile implements fsx.FS.
func (g *guard) OpenFile(name string, flag int, perm fs.FileMode) (fsx.File, error) {
	f, err := g.FS.OpenFile(name, flag, perm)
	if err != nil || flag&(os.O_WRONLY|os.O_RDWR) == 0 || !g.space.holds(filepath.Dir(name)) {
		return f, err
	}
	return &guardedFile{File: f, guard: g}, nil
}

// FreeBytes implements fsx.FS: it returns what the work may take.
func (g *guard) FreeBytes(dir string) (int64, error) {
	free, err := g.FS.FreeBytes(dir)
	if err != nil || !g.space.holds(dir) {
		return free, err
	}
	return max(free-g.space.watermark(g.work), 0), nil
}

// holds reports whether a directory is on the disk, also if that is not known.
func (s *space) holds(dir string) bool {
	here, known := s.device(s.dir)
	there, also := s.device(dir)
	return !known || !also || here == there
}

func (s *space) device(dir string) (uint64, bool) {
	info, err := s.fsys.Stat(dir)
	if err != nil {
		return 0, false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return uint64(st.Dev), true
}

type guardedFile struct {
	fsx.File
	guard *guard
}

// Write implements io.Writer.
func (f *guardedFile) Write(p []byte) (int, error) {
	if err := f.guard.space.admit(f.guard.work, int64(len(p))); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

// WriteAt implements io.WriterAt.
func (f *guardedFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.guard.space.admit(f.guard.work, int64(len(p))); err != nil {
		return 0, err
	}
	return f.File.WriteAt(p, off)
}
