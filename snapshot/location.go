package snapshot

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/snapshot/blob"
)

// keyOf returns the key of a stored snapshot that is named by a location for a
// collection: its name, or that of another collection, a slash and its name.
// Snapshots of collections that were deleted are named like others.
func (m *Manager) keyOf(collection, location string) (blob.Key, error) {
	name := location
	if i := strings.LastIndexByte(location, '/'); i >= 0 {
		collection, name = location[:i], location[i+1:]
	}
	real, err := m.target(collection)
	if err != nil {
		return blob.Key{}, err
	}
	key := blob.Key{Folder: real, Name: name}
	if collection == "" || key.Validate() != nil {
		return blob.Key{}, notFound(location)
	}
	return key, nil
}

// target returns the name of the collection that a name or an alias stands for,
// or would stand for if it were created.
func (m *Manager) target(collection string) (string, error) {
	name, err := m.engine.Resolve(collection)
	if tidemark.KindOf(err) == tidemark.NotFound {
		return collection, nil
	}
	return name, err
}

// filePath returns the path that a file:// URL names.
func filePath(location *url.URL) (string, error) {
	if (location.Host != "" && location.Host != "localhost") || !filepath.IsAbs(location.Path) {
		return "", tidemark.Errorf(tidemark.BadRequest, "Invalid snapshot URI, file path must be absolute or on localhost")
	}
	return location.Path, nil
}

// openLocation opens a regular file below the snapshots directory. The check and
// the opening cannot be torn apart by exchanging links meanwhile: the file is
// opened through the directory.
func (m *Manager) openLocation(location *url.URL) (*os.File, error) {
	path, err := filePath(location)
	if err != nil {
		return nil, err
	}
	relative, err := m.insideDir(path)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(m.options.Dir)
	if err != nil {
		return nil, forClient(fmt.Errorf("%w: %w", errStore, err))
	}
	defer root.Close() // read only: nothing can be lost
	st, err := root.Stat(relative)
	if err == nil && !st.Mode().IsRegular() { // before the opening, which would wait at a pipe
		err = fs.ErrNotExist
	}
	var f *os.File
	if err == nil {
		f, err = root.Open(relative)
	}
	if err != nil {
		return nil, resolveError(path, err)
	}
	return f, nil
}

// insideDir returns the path, relative to the snapshots directory, of the file
// that path leads to.
//
// Of a path outside, the answer tells whether there is anything, for the
// reference's clients know "does not exist" of any path. It tells nothing else:
// not why it cannot be followed.
func (m *Manager) insideDir(path string) (string, error) {
	dir, err := filepath.EvalSymlinks(m.options.Dir)
	if err == nil {
		dir, err = filepath.Abs(dir)
	}
	if err != nil {
		return "", forClient(fmt.Errorf("%w: %w", errStore, err))
	}
	forbidden := tidemark.Errorf(tidemark.Forbidden, "Snapshot file path must be inside the snapshots directory %q", dir)
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) && !below(dir, path) && !below(m.options.Dir, path) {
			return "", forbidden
		}
		return "", resolveError(path, err)
	}
	if !below(dir, resolved) {
		return "", forbidden
	}
	return filepath.Rel(dir, resolved)
}

// below reports whether path is dir or stands below it, links aside.
func below(dir, path string) bool {
	relative, err := filepath.Rel(dir, path)
	return err == nil && relative != ".." && !strings.HasPrefix(relative, "../")
}

// resolveError is the answer for a path that leads to no regular file.
func resolveError(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return tidemark.Errorf(tidemark.BadRequest, "Snapshot file %q does not exist", path)
	}
	var reason *fs.PathError
	if errors.As(err, &reason) {
		err = reason.Err // without the host's path, of which the client named its own part
	}
	return tidemark.Errorf(tidemark.BadRequest, "Failed to resolve snapshot path %q: %v", path, err)
}
