package fsx

import (
	"io/fs"
	"sync/atomic"
)

// faultyFile is a file of Faults.
type faultyFile struct {
	File
	faults    *Faults
	announced atomic.Bool // a library writes this file too
}

func (f *faultyFile) Read(p []byte) (int, error) {
	if err := f.faults.check(KindRead, f.Name()); err != nil {
		return 0, err
	}
	return f.File.Read(p)
}

func (f *faultyFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.faults.check(KindRead, f.Name()); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, off)
}

func (f *faultyFile) Write(p []byte) (int, error) {
	if r := f.faults.fault(KindWrite, f.Name()); r != nil {
		return f.fail(r, KindWrite, p, f.File.Write)
	}
	return f.File.Write(p)
}

func (f *faultyFile) WriteAt(p []byte, off int64) (int, error) {
	if r := f.faults.fault(KindWrite, f.Name()); r != nil {
		return f.fail(r, KindWrite, p, f.at(off))
	}
	return f.File.WriteAt(p, off)
}

// Announce implements Announcer. Of a write that is to fail it writes the part
// that the disk still took.
func (f *faultyFile) Announce(p []byte, off int64) error {
	f.announced.Store(true)
	if r := f.faults.fault(KindLogWrite, f.Name()); r != nil {
		_, err := f.fail(r, KindLogWrite, p, f.at(off))
		return err
	}
	if a, ok := f.File.(Announcer); ok {
		return a.Announce(p, off)
	}
	return nil
}

func (f *faultyFile) at(off int64) func([]byte) (int, error) {
	return func(p []byte) (int, error) { return f.File.WriteAt(p, off) }
}

// fail writes as much of p as the rule lets through.
func (f *faultyFile) fail(r *Rule, k Kind, p []byte, write func([]byte) (int, error)) (int, error) {
	n := 0
	if short := min(r.Short, len(p)); short > 0 {
		n, _ = write(p[:short]) // the fault is what counts
	}
	return n, &fs.PathError{Op: string(k), Path: f.Name(), Err: r.Err}
}

func (f *faultyFile) Truncate(size int64) error {
	if err := f.faults.check(KindTruncate, f.Name()); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *faultyFile) Allocate(size int64) error {
	if err := f.faults.check(KindAllocate, f.Name()); err != nil {
		return err
	}
	return f.File.Allocate(size)
}

func (f *faultyFile) Sync() error {
	if err := f.faults.check(KindSync, f.Name()); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *faultyFile) SyncData() error {
	kind := KindSyncData
	if f.announced.Load() {
		kind = KindLogSync
	}
	if err := f.faults.check(kind, f.Name()); err != nil {
		return err
	}
	return f.File.SyncData()
}
