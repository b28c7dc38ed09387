package local

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/snapshot/blob"
)

// object is an open file of a Store.
type object struct {
	fsx.File
	info blob.Info
}

// Info implements blob.Object.
func (o *object) Info() blob.Info { return o.info }

// Get implements blob.Store.
func (s *Store) Get(_ context.Context, key blob.Key) (blob.Object, error) {
	if key.Validate() != nil {
		return nil, notFound(key)
	}
	f, err := s.fsys.OpenFile(s.path(key), readFlags, 0)
	if err != nil {
		if isMissing(err) {
			return nil, notFound(key)
		}
		return nil, fmt.Errorf("open snapshot: %w", err)
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = notFound(key)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &object{File: f, info: s.info(key, st)}, nil
}

// Stat implements blob.Store.
func (s *Store) Stat(ctx context.Context, key blob.Key) (blob.Info, error) {
	o, err := s.Get(ctx, key)
	if err != nil {
		return blob.Info{}, err
	}
	return o.Info(), o.Close()
}

// List implements blob.Store.
func (s *Store) List(ctx context.Context, folder string) ([]blob.Info, error) {
	entries, err := s.fsys.ReadDir(s.folder(folder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list snapshots: %w", err)
	}
	var out []blob.Info
	for _, e := range entries {
		if !e.Type().IsRegular() || !blob.ValidName(e.Name()) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		st, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) { // deleted a moment ago
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list snapshots: %w", err)
		}
		out = append(out, s.info(blob.Key{Folder: folder, Name: e.Name()}, st))
	}
	return out, nil
}

// info describes a file. An object may be a second link to the bytes of an
// earlier one, so its own time is that of its checksum file.
func (s *Store) info(key blob.Key, st fs.FileInfo) blob.Info {
	info := blob.Info{Name: key.Name, Size: st.Size(), Created: st.ModTime().UTC()}
	if sum, created, ok := s.readChecksum(s.path(key) + checksumSuffix); ok {
		info.SHA256, info.Created = sum, created
	}
	return info
}

// readChecksum reads a checksum file. What is not in our form is not one.
func (s *Store) readChecksum(path string) (sum string, created time.Time, ok bool) {
	f, err := s.fsys.OpenFile(path, readFlags, 0)
	if err != nil {
		return "", time.Time{}, false
	}
	defer f.Close() // read only: nothing can be lost
	st, err := f.Stat()
	if err != nil || !st.Mode().IsRegular() || st.Size() != 64 {
		return "", time.Time{}, false
	}
	var text [64]byte
	if n, _ := f.ReadAt(text[:], 0); n != len(text) {
		return "", time.Time{}, false
	}
	raw, err := hex.DecodeString(string(text[:]))
	if err != nil {
		return "", time.Time{}, false
	}
	return hex.EncodeToString(raw), st.ModTime().UTC(), true // lower case, whoever wrote it
}

func notFound(key blob.Key) error { return fmt.Errorf("snapshot %q: %w", key.Name, blob.ErrNotFound) }

// isMissing reports whether an open failed because no regular file is there.
func isMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENXIO) || errors.Is(err, unix.ENOTDIR)
}
