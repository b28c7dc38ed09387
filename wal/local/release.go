package local

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/wal"
)

// Release implements wal.Log. Whole generations are removed, the oldest first:
// each is renamed out of the way durably before the next, so that no crash can
// leave a gap.
func (l *Log) Release(ctx context.Context, through wal.Position) error {
	l.releasing.Lock()
	defer l.releasing.Unlock()
	if l.releaseErr != nil {
		return l.releaseErr
	}
	for {
		if err := ctx.Err(); err != nil {
			return ctx.Err()
		}
		s, err := l.oldestBelow(through)
		if err != nil || s == nil {
			return err
		}
		if err := l.remove(*s); err != nil {
			return err
		}
	}
}

// oldestBelow takes the oldest generation out of the log if it may be removed.
func (l *Log) oldestBelow(through wal.Position) (*span, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed != nil {
		return nil, l.failed
	}
	if len(l.spans) < 2 || l.spans[0].last > through {
		return nil, nil // nothing to remove
	}
	s := l.spans[0]
	l.spans = l.spans[1:]
	l.resized()
	l.wake() // a reader that needs it should learn that
	return &s, nil
}

// remove renames the directory of a generation durably, then deletes it.
func (l *Log) remove(s span) error {
	name := generationName(s.number)
	trash := filepath.Join(l.dir, trashPrefix+name)
	if err := l.opts.FS.Rename(filepath.Join(l.dir, name), trash); err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.spans = append([]span{s}, l.spans...)
		return fmt.Errorf("release generation %d of the log: %w", s.number, err)
	}
	if err := l.opts.FS.SyncDir(l.dir); err != nil {
		l.releaseErr = fmt.Errorf("release generation %d of the log: %w", s.number, err)
		return l.releaseErr
	}
	if err := fsx.RemoveAll(l.opts.FS, trash); err != nil {
		l.opts.Logger.Warn("released part of the log is removed at the next start", "path", trash, "error", err)
	}
	return nil
}
