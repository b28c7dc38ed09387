package fsx

import "io"

// recordedFile is a file of a Recorder. rec.mu guards its fields.
type recordedFile struct {
	File
	rec       *Recorder
	rel       string // its name when it was opened
	node      int
	appends   bool
	announced bool // a library writes this file too
}

func (f *recordedFile) Write(p []byte) (int, error) {
	f.rec.mu.Lock()
	defer f.rec.mu.Unlock()
	off, err := f.offset()
	if err != nil {
		return 0, err
	}
	n, err := f.File.Write(p)
	f.wrote(KindWrite, p[:n], off)
	return n, err
}

// offset is where the next Write goes.
func (f *recordedFile) offset() (int64, error) {
	if f.appends {
		st, err := f.File.Stat()
		if err != nil {
			return 0, err
		}
		return st.Size(), nil
	}
	return f.File.Seek(0, io.SeekCurrent)
}

func (f *recordedFile) WriteAt(p []byte, off int64) (int, error) {
	f.rec.mu.Lock()
	defer f.rec.mu.Unlock()
	n, err := f.File.WriteAt(p, off)
	f.wrote(KindWrite, p[:n], off)
	return n, err
}

// Announce implements Announcer.
func (f *recordedFile) Announce(p []byte, off int64) error {
	f.rec.mu.Lock()
	defer f.rec.mu.Unlock()
	f.announced = true
	if a, ok := f.File.(Announcer); ok {
		if err := a.Announce(p, off); err != nil {
			return err
		}
	}
	f.wrote(KindLogWrite, p, off)
	return nil
}

func (f *recordedFile) wrote(k Kind, p []byte, off int64) {
	if len(p) > 0 {
		f.rec.add(Op{Kind: k, Name: f.rel, Offset: off, Data: append([]byte(nil), p...), node: f.node})
	}
}

func (f *recordedFile) Truncate(size int64) error {
	return f.do(Op{Kind: KindTruncate, Name: f.rel, Offset: size, node: f.node}, func() error { return f.File.Truncate(size) })
}

func (f *recordedFile) Sync() error {
	return f.do(Op{Kind: KindSync, Name: f.rel, node: f.node}, f.File.Sync)
}

func (f *recordedFile) SyncData() error {
	op := Op{Kind: KindSyncData, Name: f.rel, node: f.node}
	return f.do(op, f.File.SyncData)
}

func (f *recordedFile) do(op Op, perform func() error) error {
	f.rec.mu.Lock()
	defer f.rec.mu.Unlock()
	if err := perform(); err != nil {
		return err
	}
	if op.Kind == KindSyncData && f.announced {
		op.Kind = KindLogSync
	}
	f.rec.add(op)
	return nil
}
