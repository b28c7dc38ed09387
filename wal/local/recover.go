package local

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/wal"
)

// recover brings the directory into the state that the log appends to. All
// checks come before the first change.
func (l *Log) recover() (Recovery, error) {
	if err := l.settle(); err != nil {
		return Recovery{}, err
	}
	v, err := take(l.opts.FS, l.dir)
	defer v.close()
	if err != nil {
		return Recovery{}, err
	}
	if err := l.sufficient(v); err != nil {
		return Recovery{}, err
	}
	if err := l.sweep(v); err != nil {
		return Recovery{}, err
	}
	r := Recovery{Created: v.last == nil, Clean: v.marker != nil}
	if v.last == nil {
		err = l.create(v)
	} else {
		err = l.resume(v, &r)
	}
	if err != nil {
		return r, err
	}
	l.describe(&r)
	return r, nil
}

// settle makes sure that what is read of a log that was not closed in order is
// what the disk has.
func (l *Log) settle() error {
	found, err := list(l.opts.FS, l.dir)
	if err != nil || found.clean {
		return err
	}
	newest := found.generations[max(0, len(found.generations)-2):]
	for _, number := range newest {
		if err := dropCache(l.opts.FS, generationFile(l.dir, number)); err != nil {
			return fmt.Errorf("prepare generation %d of the log: %w", number, err)
		}
	}
	return nil
}

// sufficient checks that the log reaches from where to where its owner needs.
func (l *Log) sufficient(v *survey) error {
	after, last := l.opts.Base, l.opts.Base
	name, off := l.dir, int64(0)
	if v.last != nil {
		after, last = v.last.base, lastRecord(v.spans())
		name, off = v.last.file.Name(), v.last.off
	}
	if len(v.closed) > 0 {
		after = v.closed[0].after
	}
	if l.opts.From > 0 && after >= l.opts.From {
		return &wal.CorruptError{
			File: l.dir, Position: after,
			Reason: fmt.Sprintf("the oldest record is %d, but %d is needed", after+1, l.opts.From),
		}
	}
	if last < l.opts.AtLeast {
		return &wal.CorruptError{
			File: name, Offset: off, Position: last,
			Reason: fmt.Sprintf("ends at position %d, but %d was durable", last, l.opts.AtLeast),
		}
	}
	return nil
}

// sweep removes what earlier processes began to remove or did not finish.
func (l *Log) sweep(v *survey) error {
	for _, name := range v.trash {
		if err := fsx.RemoveAll(l.opts.FS, filepath.Join(l.dir, name)); err != nil {
			return fmt.Errorf("sweep log: %w", err)
		}
	}
	if v.spare == 0 {
		return nil
	}
	if err := l.keepSpareBytes(v); err != nil {
		return err
	}
	if v.last != nil && v.last.closed {
		return nil // it must stay: its predecessor is closed
	}
	if err := fsx.RemoveAll(l.opts.FS, filepath.Join(l.dir, generationName(v.spare))); err != nil {
		return fmt.Errorf("remove unused generation of log: %w", err)
	}
	return l.opts.FS.SyncDir(l.dir)
}

// create starts the log with its first generation.
func (l *Log) create(*survey) error {
	l.next, l.durable = l.opts.Base+1, l.opts.Base
	g, err := prepareGeneration(&l.opts, l.dir, 1)
	if err != nil {
		return err
	}
	return l.beginOrClose(g, 0, origin{number: 1, prevLast: l.opts.Base})
}

// resume repairs the tail and opens the last generation.
func (l *Log) resume(v *survey, r *Recovery) error {
	s := v.last
	l.spans = v.spans()
	l.next, l.durable = s.next, lastRecord(l.spans)
	l.clean = v.marker != nil
	if v.tail.length > 0 {
		if err := l.repair(v, r); err != nil {
			return err
		}
	}
	if s.closed { // a rotation stopped before the header of the next one was durable
		return l.finishRotation(v)
	}
	g, err := resumeGeneration(&l.opts, l.dir, s)
	if err != nil {
		return err
	}
	l.active = g
	return nil
}

// finishRotation gives the closed last generation its successor.
func (l *Log) finishRotation(v *survey) error {
	s := v.last
	g, err := resetGeneration(&l.opts, l.dir, v.spare)
	if err != nil {
		return err
	}
	return l.beginOrClose(g, s.chain, origin{number: v.spare, prevLast: s.next - 1, prevSize: s.off})
}

func (l *Log) beginOrClose(g *generation, prev uint32, o origin) error {
	if err := l.begin(g, prev, o.prevLast+1, o); err != nil {
		return errors.Join(err, g.close())
	}
	return nil
}

// describe fills in what is true of the log now.
func (l *Log) describe(r *Recovery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.After, r.Last = l.spans[0].after, l.durable
	r.Generations = len(l.spans)
	for _, s := range l.spans {
		r.Bytes += s.size
	}
	l.resized()
}
