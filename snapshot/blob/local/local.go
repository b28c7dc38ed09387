package local

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/snapshot/blob"
)

// Options configure a Store.
type Options struct {
	// Dir is the snapshots directory; it is created if it is missing.
	Dir string
	// TempDir is a directory, perhaps on another device, in which objects are
	// staged; it is created if it is missing. Empty: below Dir.
	TempDir string
	// Reserve is the number of bytes that Put leaves free on each device.
	Reserve int64
	// FS is the file system; nil is that of the host.
	FS fsx.FS
	// Free returns the number of free bytes of a directory's device; nil asks FS.
	Free func(dir string) (int64, error)
	// Logger gets what operators should know; nil discards it.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.FS == nil {
		o.FS = fsx.OS
	}
	if o.Free == nil {
		o.Free = o.FS.FreeBytes
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// stagingName is the directory below Dir that is ours.
const stagingName = ".staging"

const dirPerm = 0o750

// Store is a blob.Store in a directory of the host.
type Store struct {
	options Options
	fsys    fsx.FS
	dir     string
	// near is staging on the device of dir, far where objects are staged; they
	// are the same if no TempDir is set.
	near, far string
	locks     []*fsx.Lock

	staged atomic.Uint64 // number of the last staged file
	// committing serialises what makes objects appear and vanish.
	committing sync.Mutex
}

var (
	_ blob.Store = (*Store)(nil)
	_ blob.Roomy = (*Store)(nil)
	_ blob.Noter = (*Store)(nil)
)

// Open opens or creates a snapshots directory, locks our staging and sweeps what
// a crash left in it.
func Open(o Options) (*Store, error) {
	o = o.withDefaults()
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("find snapshots directory: %w", err)
	}
	s := &Store{options: o, fsys: o.FS, dir: dir, near: filepath.Join(dir, stagingName)}
	s.far = s.near
	if o.TempDir != "" {
		// Stores that share a TempDir do not share staging.
		sum := sha256.Sum256([]byte(dir))
		s.far = filepath.Join(o.TempDir, "tidemark-"+hex.EncodeToString(sum[:8]))
	}
	for _, staging := range s.stagings() {
		if err := s.claim(staging); err != nil {
			return nil, errors.Join(fmt.Errorf("prepare staging of snapshots in %s: %w", staging, err), s.Close())
		}
	}
	return s, nil
}

func (s *Store) stagings() []string {
	if s.near == s.far {
		return []string{s.near}
	}
	return []string{s.near, s.far}
}

const lockName = "LOCK"

// claim makes a staging directory ours and empties it.
func (s *Store) claim(staging string) error {
	if err := fsx.MkdirAll(s.fsys, staging, dirPerm); err != nil {
		return err
	}
	lock, err := fsx.AcquireLock(filepath.Join(staging, lockName))
	if err != nil {
		return err
	}
	s.locks = append(s.locks, lock)
	return s.empty(staging)
}

// empty removes all but the lock of a staging directory.
func (s *Store) empty(staging string) error {
	entries, err := s.fsys.ReadDir(staging)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == lockName {
			continue
		}
		s.options.Logger.Debug("remove what is left in the staging of snapshots", slog.String("file", e.Name()))
		if err := fsx.RemoveAll(s.fsys, filepath.Join(staging, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// WorkDir makes an empty directory in staging for whoever prepares objects. It is
// his alone and is removed when the store is closed, or opened after a crash.
func (s *Store) WorkDir() (string, error) {
	dir := s.stagingPath(s.far)
	if err := s.fsys.Mkdir(dir, dirPerm); err != nil {
		return "", fmt.Errorf("make a directory in staging: %w", err)
	}
	return dir, nil
}

// Close empties staging and gives it back. No method may be in progress.
func (s *Store) Close() error {
	var errs []error
	for i, l := range s.locks { // as many stagings are ours
		errs = append(errs, s.empty(s.stagings()[i]), l.Release())
	}
	s.locks = nil
	return errors.Join(errs...)
}

// Free implements blob.Roomy.
func (s *Store) Free(context.Context) (int64, error) {
	least := int64(math.MaxInt64)
	for _, dir := range s.stagings() {
		free, err := s.options.Free(dir)
		if err != nil {
			return 0, fmt.Errorf("find free space: %w", err)
		}
		least = min(least, max(0, free-s.options.Reserve))
	}
	return least, nil
}

// CheckRoom implements blob.Store.
func (s *Store) CheckRoom(_ context.Context, size int64) error {
	for i, dir := range s.stagings() {
		free, err := s.options.Free(dir)
		if err != nil {
			return fmt.Errorf("find free space: %w", err)
		}
		if need := size + s.options.Reserve; need > free {
			return &blob.NoRoomError{Place: [...]string{"the snapshots directory", "the temporary directory"}[i], Need: need, Free: free}
		}
	}
	return nil
}

func (s *Store) folder(name string) string {
	if name == "" {
		return s.dir
	}
	return filepath.Join(s.dir, blob.FolderName(name))
}

func (s *Store) path(k blob.Key) string { return filepath.Join(s.folder(k.Folder), k.Name) }

// checksumSuffix ends the name of the file that holds an object's checksum.
const checksumSuffix = ".checksum"

// exists reports whether anything stands in the place of an object.
func (s *Store) exists(path string) (bool, error) {
	_, err := s.fsys.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
