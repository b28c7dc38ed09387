package local

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tidemark-db/tidemark/internal/fsx"
)

// repair cuts off the tail of the last generation. Bytes that are not all zero
// are kept in a file of their own first, unless the disk is full and nobody can
// have been told that they are there: often it is the full disk that cut them
// short, and what can be read should be.
func (l *Log) repair(v *survey, r *Recovery) error {
	s, t := v.last, v.tail
	r.Dropped = t.length
	if !t.zero {
		rest, err := readRest(s, t.offset)
		if err != nil {
			return err
		}
		r.Quarantine, err = l.quarantine(s.origin.number, t.offset, rest)
		if err != nil && (t.whole || !fsx.IsFull(err)) {
			return err
		}
		r.PerhapsLost = t.whole
	}
	if err := truncateSynced(l.opts.FS, s.file.Name(), t.offset); err != nil {
		return fmt.Errorf("cut torn tail of log: %w", err)
	}
	l.report(v, r)
	return nil
}

// report logs a repair. A tail shorter than its frame cannot have been
// acknowledged, because it ends before the block that was synced with it.
func (l *Log) report(v *survey, r *Recovery) {
	log := l.opts.Logger.With(
		"file", v.last.file.Name(), "offset", v.tail.offset, "bytes", v.tail.length, "quarantine", r.Quarantine)
	if r.PerhapsLost {
		log.Error("the last commit group of the log is damaged and was set aside; its records may have been acknowledged",
			"first_position", v.last.next)
		return
	}
	log.Info("cut the unfinished end of the log", "last_position", v.last.next-1)
}

// keepSpareBytes sets aside what the file of an unused generation holds,
// unless that is nothing.
func (l *Log) keepSpareBytes(v *survey) error {
	b, err := fsx.ReadFile(l.opts.FS, generationFile(l.dir, v.spare))
	if errors.Is(err, os.ErrNotExist) || err == nil && allZero(b) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read unused generation of log: %w", err)
	}
	name, err := l.quarantine(v.spare, 0, b)
	if err != nil {
		return err
	}
	l.opts.Logger.Warn("set aside what was in a generation of the log without a header", "generation", v.spare, "quarantine", name)
	return nil
}

// quarantine writes b to a new file, which no earlier evidence is lost to.
func (l *Log) quarantine(number uint64, off int64, b []byte) (string, error) {
	for i := 1; ; i++ {
		name := fmt.Sprintf("%s%s-%d", tornPrefix, generationName(number), off)
		if i > 1 {
			name += fmt.Sprintf("-%d", i)
		}
		path := filepath.Join(l.dir, name+".bin")
		if _, err := l.opts.FS.Stat(path); err == nil {
			continue
		}
		if err := fsx.WriteAtomic(l.opts.FS, path, b); err != nil {
			return "", fmt.Errorf("quarantine torn tail of log: %w", err)
		}
		return path, nil
	}
}

func truncateSynced(fsys fsx.FS, name string, size int64) error {
	f, err := fsys.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err = f.Truncate(size); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
