package tidemark

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/google/uuid"

	"github.com/tidemark-db/tidemark/internal/fsx"
)

// sweep removes what a crash left over: directories that the catalog does not
// name, and the trash. It runs only once the catalog has been read.
func (s *Store) sweep() error {
	if s.catalog.alone {
		s.logger.Warn("the catalog before the newest is missing, perhaps a newer one was removed: nothing is swept")
		return nil
	}
	named := make(map[string]bool)
	for _, e := range s.catalog.Entries() {
		named[e.ID.String()] = true
		if e.Previous != nil {
			named[e.Previous.ID.String()] = true
		}
	}
	fsys, dir := s.options.FS, filepath.Join(s.options.Dir, collectionsDir)
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !named[e.Name()] {
			s.logger.Info("remove what an unfinished change left over", slog.String("directory", e.Name()))
			if err := fsx.RemoveAll(fsys, filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	if err := s.sweepUnfinishedCatalogs(); err != nil {
		return err
	}
	return fsx.RemoveAll(fsys, filepath.Join(s.options.Dir, trashDir))
}

// sweepUnfinishedCatalogs removes catalogs that were never put in their place.
func (s *Store) sweepUnfinishedCatalogs() error {
	entries, err := s.options.FS.ReadDir(s.options.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		finished, unfinished := strings.CutSuffix(e.Name(), fsx.TempSuffix)
		if unfinished && catalogName.MatchString(finished) {
			if err := s.options.FS.Remove(filepath.Join(s.options.Dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// recoverAll opens all collections in the background, several at once.
func (s *Store) recoverAll(run context.Context) {
	entries := s.catalog.Entries()
	names := slices.Sorted(maps.Keys(entries))
	for _, name := range names {
		s.open[name] = &entry{recovering: true, refused: &Error{Kind: Unavailable, Text: fmt.Sprintf("Collection `%s` is being recovered", name)}}
	}
	s.recovery.Go(func() {
		var group sync.WaitGroup
		slots := make(chan struct{}, s.options.Recoveries)
		for _, name := range names {
			slots <- struct{}{}
			group.Go(func() {
				defer func() { <-slots }()
				s.recoverOne(run, name, entries[name].ID)
			})
		}
		group.Wait()
		s.ready.Store(run.Err() == nil)
		s.logger.Info("all collections are recovered", slog.Int("collections", len(names)))
	})
}

func (s *Store) recoverOne(ctx context.Context, name string, id uuid.UUID) {
	logger := s.logger.With(slog.String("collection", name))
	began := time.Now()
	c, err := s.openCollection(ctx, name, id)
	if s.shared.space.makeRoom(err) { // a repair takes a little room
		c, err = s.openCollection(ctx, name, id)
	}
	if err == nil && c.config().Version.IsZero() {
		err = errors.Join(errNoLog, c.close(ctx))
	}
	s.options.Observer.Recovered(name, time.Since(began), err)
	if err != nil {
		logger.Error("the collection cannot be opened and is refused", slog.Any("error", err))
		s.set(name, &entry{refused: &Error{Kind: Unavailable, Text: fmt.Sprintf("Collection `%s` cannot be opened: %s", name, remedy(err)), Err: err}})
		return
	}
	s.set(name, &entry{collection: c})
}

// errNoLog says that a log is empty that cannot be.
var errNoLog = errors.New("its log does not begin with its creation: the log is missing")

// remedy says what to do about a collection that cannot be opened.
func remedy(err error) string {
	switch {
	case fsx.IsFull(err):
		return "there is no room on the disk. Nothing is lost: make room and restart"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "too many files are open. Nothing is lost: raise the limit and restart"
	}
	return "restore it from a snapshot, or repair it and restart"
}

// openCollection opens a collection and waits until its log is replayed.
func (s *Store) openCollection(ctx context.Context, name string, id uuid.UUID) (*Collection, error) {
	logger := s.logger.With(slog.String("collection", name))
	c, err := openCollection(ctx, s.shared, id, name, s.dir(id), logger)
	if err != nil {
		return nil, err
	}
	if err := c.recovered(ctx); err != nil {
		return nil, errors.Join(err, c.close(ctx))
	}
	return c, nil
}
