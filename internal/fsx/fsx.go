// Package fsx is the seam between Tidemark and the file system: a small
// interface that the operating system fulfils, helpers for atomic and durable
// changes, and, for tests, a recorder and an injector of faults.
package fsx

import (
	"io"
	"io/fs"
	"os"
)

// FS is the part of a file system that Tidemark uses. Names are paths of the
// host. None of the operations is durable by itself: a file needs Sync, and a
// changed directory needs SyncDir.
type FS interface {
	// OpenFile opens name as os.OpenFile does.
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)
	// Mkdir creates one directory.
	Mkdir(name string, perm fs.FileMode) error
	// Rename replaces newname if it exists, as os.Rename does.
	Rename(oldname, newname string) error
	// Link creates newname as a hard link; it fails if newname exists.
	Link(oldname, newname string) error
	// Remove removes a file or an empty directory. The space of a large file is
	// given back step by step.
	Remove(name string) error
	// ReadDir lists a directory in order of names.
	ReadDir(name string) ([]fs.DirEntry, error)
	// Stat describes a file.
	Stat(name string) (fs.FileInfo, error)
	// SyncDir makes the entries of a directory durable.
	SyncDir(name string) error
	// FreeBytes returns how many bytes an unprivileged process may still write
	// to the device of a directory.
	FreeBytes(dir string) (int64, error)
}

// File is an open file of an FS.
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.WriterAt
	io.Seeker
	io.Closer
	Name() string
	Stat() (fs.FileInfo, error)
	Truncate(size int64) error
	// Sync makes data and metadata durable (fsync).
	Sync() error
	// SyncData makes data and the size durable (fdatasync).
	SyncData() error
	// Allocate sets blocks aside for the first size bytes, which the file then
	// has at least.
	Allocate(size int64) error
	// Fd is the descriptor, for locks, mappings and advice only.
	Fd() uintptr
}

// OS is the file system of the host.
var OS FS = osFS{}

type osFS struct{}

func (osFS) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	f, err := os.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osFS) Mkdir(name string, perm fs.FileMode) error  { return os.Mkdir(name, perm) }
func (osFS) Rename(oldname, newname string) error       { return os.Rename(oldname, newname) }
func (osFS) Link(oldname, newname string) error         { return os.Link(oldname, newname) }
func (osFS) Remove(name string) error                   { return remove(name) }
func (osFS) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }
func (osFS) Stat(name string) (fs.FileInfo, error)      { return os.Stat(name) }

func (osFS) SyncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return err
}

type osFile struct{ *os.File }
