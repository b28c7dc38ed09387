package fsx

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// Rule says which operations fail.
type Rule struct {
	Kinds []Kind // empty: every kind but those that only read
	Path  string // part of the name; empty: every name
	Nth   int    // the first match that fails, counted from 1; 0 means 1
	Times int    // how many matches fail from there on; 0 means all
	Err   error  // default: syscall.EIO
	Short int    // a write that fails writes that many bytes first

	seen int
}

// Faults is an FS whose operations fail by rule. It is safe for concurrent use
// if its FS is.
type Faults struct {
	fsys FS

	mu    sync.Mutex
	rules []*Rule
	free  *int64 // what FreeBytes says, nil for the truth
}

// NewFaults returns an FS that does what fsys does until a rule is added.
func NewFaults(fsys FS) *Faults { return &Faults{fsys: fsys} }

// Inject adds a rule. It counts from now on; matched returns how many operations
// have matched it so far.
func (f *Faults) Inject(r Rule) (matched func() int) {
	r.Nth = max(r.Nth, 1)
	if r.Err == nil {
		r.Err = syscall.EIO
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = append(f.rules, &r)
	return func() int {
		f.mu.Lock()
		defer f.mu.Unlock()
		return r.seen
	}
}

// Clear removes all rules, and what SetFree said.
func (f *Faults) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules, f.free = nil, nil
}

// SetFree lets every device look as if it had bytes free.
func (f *Faults) SetFree(bytes int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.free = &bytes
}

// FreeBytes implements FS.
func (f *Faults) FreeBytes(dir string) (int64, error) {
	if err := f.check(KindFree, dir); err != nil {
		return 0, err
	}
	f.mu.Lock()
	said := f.free
	f.mu.Unlock()
	if said != nil {
		return *said, nil
	}
	return f.fsys.FreeBytes(dir)
}

// fault returns the rule by which an operation fails, or nil. Every rule
// counts every operation that matches it.
func (f *Faults) fault(k Kind, name string) *Rule {
	f.mu.Lock()
	defer f.mu.Unlock()
	var failing *Rule
	for _, r := range f.rules {
		if !r.matches(k, name) {
			continue
		}
		r.seen++
		if r.seen >= r.Nth && (r.Times == 0 || r.seen < r.Nth+r.Times) && failing == nil {
			failing = r
		}
	}
	return failing
}

func (r *Rule) matches(k Kind, name string) bool {
	if len(r.Kinds) == 0 && k.isRead() || len(r.Kinds) > 0 && !slices.Contains(r.Kinds, k) {
		return false
	}
	return strings.Contains(name, r.Path)
}

// check returns the error with which an operation fails, or nil.
func (f *Faults) check(k Kind, name string) error {
	if r := f.fault(k, name); r != nil {
		return &fs.PathError{Op: string(k), Path: name, Err: r.Err}
	}
	return nil
}

// OpenFile implements FS.
func (f *Faults) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	kind := KindOpen
	if flag&os.O_CREATE != 0 {
		if _, err := f.fsys.Stat(name); errors.Is(err, fs.ErrNotExist) {
			kind = KindCreate
		}
	}
	if kind == KindOpen && flag&os.O_TRUNC != 0 {
		kind = KindTruncate
	}
	if err := f.check(kind, name); err != nil {
		return nil, err
	}
	file, err := f.fsys.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &faultyFile{File: file, faults: f}, nil
}

// Mkdir implements FS.
func (f *Faults) Mkdir(name string, perm fs.FileMode) error {
	if err := f.check(KindMkdir, name); err != nil {
		return err
	}
	return f.fsys.Mkdir(name, perm)
}

// Rename implements FS. A rule matches the old or the new name.
func (f *Faults) Rename(oldname, newname string) error {
	if err := f.check(KindRename, oldname+" -> "+newname); err != nil {
		return err
	}
	return f.fsys.Rename(oldname, newname)
}

// Link implements FS. A rule matches the old or the new name.
func (f *Faults) Link(oldname, newname string) error {
	if err := f.check(KindLink, oldname+" -> "+newname); err != nil {
		return err
	}
	return f.fsys.Link(oldname, newname)
}

// Remove implements FS.
func (f *Faults) Remove(name string) error {
	if err := f.check(KindRemove, name); err != nil {
		return err
	}
	return f.fsys.Remove(name)
}

// ReadDir implements FS.
func (f *Faults) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := f.check(KindReadDir, name); err != nil {
		return nil, err
	}
	return f.fsys.ReadDir(name)
}

// Stat implements FS.
func (f *Faults) Stat(name string) (fs.FileInfo, error) {
	if err := f.check(KindStat, name); err != nil {
		return nil, err
	}
	return f.fsys.Stat(name)
}

// SyncDir implements FS.
func (f *Faults) SyncDir(name string) error {
	if err := f.check(KindSyncDir, name); err != nil {
		return err
	}
	return f.fsys.SyncDir(name)
}
