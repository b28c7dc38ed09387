package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tidemark-db/tidemark/snapshot/blob"
)

// Put implements blob.Store.
func (s *Store) Put(ctx context.Context, key blob.Key, src blob.Source) (blob.Info, error) {
	if err := s.admit(ctx, key, src.Size); err != nil {
		return blob.Info{}, err
	}
	staged := s.stagingPath(s.far)
	sum, err := s.stage(ctx, staged, src)
	if err == nil {
		err = s.commit(key, staged, sum)
	}
	s.discard(staged)
	if err != nil {
		return blob.Info{}, err
	}
	return s.stored(ctx, key, src.Size, sum), nil
}

// stored describes an object that was put a moment ago. It is stored, whatever
// comes of looking at it.
func (s *Store) stored(ctx context.Context, key blob.Key, size int64, sum string) blob.Info {
	info, err := s.Stat(ctx, key)
	if err != nil {
		info = blob.Info{Name: key.Name, Size: size, Created: time.Now().UTC()}
	}
	info.SHA256 = sum
	return info
}

// Copy implements blob.Store by a hard link.
func (s *Store) Copy(ctx context.Context, from, to blob.Key) (blob.Info, error) {
	info, err := s.Stat(ctx, from)
	if err != nil {
		return blob.Info{}, err
	}
	if info.SHA256 == "" {
		return blob.Info{}, fmt.Errorf("copy snapshot %q: its checksum is not known: %w", from.Name, errors.ErrUnsupported)
	}
	if err := s.admit(ctx, to, 0); err != nil {
		return blob.Info{}, err
	}
	if err := s.commit(to, s.path(from), info.SHA256); err != nil {
		return blob.Info{}, err
	}
	return s.stored(ctx, to, info.Size, info.SHA256), nil
}

// admit checks everything that can be known before bytes are written, and makes
// the folder. The folder is made durable each time: that it exists does not say
// that the sync of an earlier attempt succeeded.
func (s *Store) admit(ctx context.Context, key blob.Key, size int64) error {
	if err := key.Validate(); err != nil {
		return err
	}
	if err := s.CheckRoom(ctx, size); err != nil {
		return err
	}
	if err := s.absent(key); err != nil {
		return err
	}
	if key.Folder == "" {
		return nil
	}
	if err := s.fsys.Mkdir(s.folder(key.Folder), dirPerm); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("create folder of snapshots: %w", err)
	}
	if err := s.fsys.SyncDir(s.dir); err != nil {
		return fmt.Errorf("sync snapshots directory: %w", err)
	}
	return nil
}

func (s *Store) absent(key blob.Key) error {
	there, err := s.exists(s.path(key))
	if err != nil {
		return fmt.Errorf("look for snapshot: %w", err)
	}
	if there {
		return fmt.Errorf("snapshot %q: %w", key.Name, blob.ErrExists)
	}
	return nil
}

func (s *Store) stagingPath(dir string) string {
	return filepath.Join(dir, fmt.Sprintf("%d", s.staged.Add(1)))
}

// stage writes and syncs the content of src and returns its checksum.
func (s *Store) stage(ctx context.Context, path string, src blob.Source) (sum string, err error) {
	f, err := s.fsys.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return "", fmt.Errorf("stage snapshot: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := newSumWriter(ctx, f, src.Size)
	defer w.abort()
	if err := src.Write(ctx, w); err != nil {
		return "", fmt.Errorf("stage snapshot: %w", err)
	}
	if w.size != src.Size {
		return "", fmt.Errorf("stage snapshot: %d bytes were written, %d were announced", w.size, src.Size)
	}
	if sum, err = w.finish(); err != nil {
		return "", fmt.Errorf("stage snapshot: %w", err)
	}
	if err := f.Sync(); err != nil {
		return "", fmt.Errorf("sync staged snapshot: %w", err)
	}
	return sum, nil
}

// commit makes the file at from visible under key: first the checksum, durably,
// then the object. If it fails, nothing of it is visible, or the error wraps
// ErrOutcomeUnknown.
func (s *Store) commit(key blob.Key, from, sum string) error {
	s.committing.Lock()
	defer s.committing.Unlock()
	if err := s.absent(key); err != nil {
		return err
	}
	target, folder := s.path(key), s.folder(key.Folder)
	if err := s.putChecksum(target+checksumSuffix, sum); err != nil {
		return err
	}
	if err := s.link(from, target); err != nil {
		s.discard(target + checksumSuffix) // without its object it says nothing
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("snapshot %q: %w", key.Name, blob.ErrExists)
		}
		return fmt.Errorf("put snapshot in its place: %w", err)
	}
	if err := s.fsys.SyncDir(folder); err != nil {
		return fmt.Errorf("sync folder of snapshots: %w: %w", blob.ErrOutcomeUnknown, err)
	}
	return nil
}

// putChecksum makes a checksum file durable. One that is there already belongs
// to no object.
func (s *Store) putChecksum(path, sum string) error {
	staged := s.stagingPath(s.near)
	if err := s.writeSynced(staged, sum); err != nil {
		s.discard(staged)
		return fmt.Errorf("write checksum: %w", err)
	}
	if err := s.fsys.Rename(staged, path); err != nil {
		s.discard(staged)
		return fmt.Errorf("put checksum in its place: %w", err)
	}
	if err := s.fsys.SyncDir(filepath.Dir(path)); err != nil {
		s.discard(path)
		return fmt.Errorf("sync folder of snapshots: %w", err)
	}
	return nil
}

func (s *Store) writeSynced(path, text string) error {
	f, err := s.fsys.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return err
	}
	if _, err = f.Write([]byte(text)); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// link gives the bytes at from a second name, which must be free. Across devices
// it links a copy; where there are no hard links it renames, which is safe
// because only we put objects here, and one at a time.
func (s *Store) link(from, target string) error {
	err := s.fsys.Link(from, target)
	switch {
	case errors.Is(err, unix.EXDEV):
		near := s.stagingPath(s.near)
		err = s.copyFile(from, near)
		if err == nil {
			err = s.fsys.Link(near, target)
		}
		s.discard(near)
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.ENOTSUP):
		if s.isStaged(from) {
			err = s.fsys.Rename(from, target)
		}
	}
	return err
}

func (s *Store) isStaged(path string) bool {
	dir := filepath.Dir(path)
	return dir == s.near || dir == s.far
}

// copyFile copies and syncs a file.
func (s *Store) copyFile(from, to string) (err error) {
	in, err := s.fsys.OpenFile(from, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer in.Close() // read only: nothing can be lost
	out, err := s.fsys.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return err
	}
	if err = copyBytes(out, in); err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}

// Delete implements blob.Store.
func (s *Store) Delete(ctx context.Context, key blob.Key) error {
	s.committing.Lock()
	defer s.committing.Unlock()
	if _, err := s.Stat(ctx, key); err != nil {
		return err
	}
	path := s.path(key)
	if err := s.fsys.Remove(path); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return notFound(key)
		}
		return fmt.Errorf("delete snapshot: %w", err)
	}
	if err := s.fsys.SyncDir(s.folder(key.Folder)); err != nil {
		return fmt.Errorf("sync folder of snapshots: %w", err)
	}
	s.discard(path + checksumSuffix)
	s.discard(path + noteSuffix)
	return nil
}

// discard removes a file that means nothing to anybody. If that fails it is
// replaced or swept later.
func (s *Store) discard(path string) {
	if err := s.fsys.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.options.Logger.Warn("could not remove a file that is no longer needed", slog.String("file", filepath.Base(path)), slog.Any("error", err))
	}
}
