package fsx

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Op is one recorded operation. Names are relative to the recorder's root.
type Op struct {
	Kind    Kind
	Name    string
	NewName string // rename, link
	Offset  int64  // write; truncate: the new size
	Data    []byte // write

	node int // the file or directory that is changed or synced
}

// String is the operation as a line of a trace, without the bytes.
func (o Op) String() string {
	switch o.Kind {
	case KindWrite, KindLogWrite:
		return fmt.Sprintf("%s %s %d+%d", o.Kind, o.Name, o.Offset, len(o.Data))
	case KindTruncate:
		return fmt.Sprintf("%s %s %d", o.Kind, o.Name, o.Offset)
	case KindRename, KindLink:
		return fmt.Sprintf("%s %s -> %s", o.Kind, o.Name, o.NewName)
	}
	return fmt.Sprintf("%s %s", o.Kind, o.Name)
}

// Recorder is an FS that records every operation that changes or syncs
// something below a root directory, with its bytes. It does one operation at a
// time, so that the recording is a true order. It is meant for tests: all
// bytes stay in memory.
type Recorder struct {
	fsys FS
	root string

	mu    sync.Mutex
	start *disk // content of root before the recording
	now   *disk // follows the recording, to know files by more than their names
	ops   []Op
}

// NewRecorder returns a recorder of what happens below root. What is there
// already counts as durable.
func NewRecorder(fsys FS, root string) (*Recorder, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	start := newDisk()
	if err := start.load(fsys, root, rootNode); err != nil {
		return nil, fmt.Errorf("record %s: %w", root, err)
	}
	return &Recorder{fsys: fsys, root: root, start: start, now: start.clone()}, nil
}

// Len returns the number of operations so far. What is acknowledged when Len
// returns n must be found in every crash state after n or more operations.
func (r *Recorder) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.ops)
}

// Mark puts a remark into the recording.
func (r *Recorder) Mark(remark string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ops = append(r.ops, Op{Kind: KindMark, Name: remark})
}

// Ops returns the operations so far. Their bytes must not be changed.
func (r *Recorder) Ops() []Op {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Op(nil), r.ops...)
}

// Trace returns the operations from the n-th on, one a line.
func (r *Recorder) Trace(n int) string {
	var b strings.Builder
	for _, op := range r.Ops()[n:] {
		b.WriteString(op.String())
		b.WriteByte('\n')
	}
	return b.String()
}

// below returns name relative to the root, if it is below.
func (r *Recorder) below(name string) (string, bool) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return "", false
	}
	rel, err := filepath.Rel(r.root, abs)
	return rel, err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}

// add records op. r.mu is held.
func (r *Recorder) add(op Op) {
	r.now.apply(op)
	r.ops = append(r.ops, op)
}

// do performs an operation on one name and records it if it succeeded.
func (r *Recorder) do(k Kind, name string, perform func() error) error {
	rel, ok := r.below(name)
	if !ok {
		return perform()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := perform(); err != nil {
		return err
	}
	op := Op{Kind: k, Name: rel}
	if k == KindSyncDir {
		op.node = r.now.find(rel)
	}
	r.add(op)
	return nil
}

// move performs a rename or a link and records it if it succeeded.
func (r *Recorder) move(k Kind, oldname, newname string, perform func(string, string) error) error {
	from, fromOK := r.below(oldname)
	to, toOK := r.below(newname)
	if fromOK != toOK {
		return fmt.Errorf("%s %s -> %s: only one of them is recorded: %w", k, oldname, newname, errors.ErrUnsupported)
	}
	if !fromOK {
		return perform(oldname, newname)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := perform(oldname, newname); err != nil {
		return err
	}
	r.add(Op{Kind: k, Name: from, NewName: to})
	return nil
}

// OpenFile implements FS.
func (r *Recorder) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	rel, ok := r.below(name)
	if !ok {
		return r.fsys.OpenFile(name, flag, perm)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	f, err := r.fsys.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	if r.now.find(rel) == noNode {
		r.add(Op{Kind: KindCreate, Name: rel})
	}
	node := r.now.find(rel)
	if flag&os.O_TRUNC != 0 && r.now.nodes[node].size() > 0 {
		r.add(Op{Kind: KindTruncate, Name: rel, node: node})
	}
	return &recordedFile{File: f, rec: r, rel: rel, node: node, appends: flag&os.O_APPEND != 0}, nil
}

// Mkdir implements FS.
func (r *Recorder) Mkdir(name string, perm fs.FileMode) error {
	return r.do(KindMkdir, name, func() error { return r.fsys.Mkdir(name, perm) })
}

// Rename implements FS.
func (r *Recorder) Rename(oldname, newname string) error {
	return r.move(KindRename, oldname, newname, r.fsys.Rename)
}

// Link implements FS.
func (r *Recorder) Link(oldname, newname string) error {
	return r.move(KindLink, oldname, newname, r.fsys.Link)
}

// Remove implements FS.
func (r *Recorder) Remove(name string) error {
	return r.do(KindRemove, name, func() error { return r.fsys.Remove(name) })
}

// ReadDir implements FS.
func (r *Recorder) ReadDir(name string) ([]fs.DirEntry, error) { return r.fsys.ReadDir(name) }

// Stat implements FS.
func (r *Recorder) Stat(name string) (fs.FileInfo, error) { return r.fsys.Stat(name) }

// FreeBytes implements FS.
func (r *Recorder) FreeBytes(dir string) (int64, error) { return r.fsys.FreeBytes(dir) }

// SyncDir implements FS.
func (r *Recorder) SyncDir(name string) error {
	return r.do(KindSyncDir, name, func() error { return r.fsys.SyncDir(name) })
}
