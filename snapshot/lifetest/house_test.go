package lifetest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/snapshot"
	"github.com/tidemark-db/tidemark/snapshot/blob"
	"github.com/tidemark-db/tidemark/snapshot/blob/local"
	"github.com/tidemark-db/tidemark/snapshot/blob/s3"
	"github.com/tidemark-db/tidemark/wal"
	wallocal "github.com/tidemark-db/tidemark/wal/local"
)

const (
	storageDir   = "storage"
	snapshotsDir = "snapshots"
	stagingDir   = ".staging"
)

// diskReserve lets small disks suffice, as memory often is.
const diskReserve = 256 << 10

// options of a house that are not the same in all tests.
type options struct {
	fsys fsx.FS
	// generation is the size of a file of the log. Small ones make the log go on
	// in a new file and be released; the next is prepared in the background, so
	// that the order of operations is not the same in each run.
	generation int64
	// bucket opens where snapshots are kept; nil: in files beside the store.
	bucket func(context.Context) (*s3.Store, error)
}

// house is a store with its snapshots, wired as the command does it. A house
// that could not be opened, or was closed, has neither.
type house struct {
	dir     string
	options options
	events  *events
	store   *tidemark.Store
	blobs   *local.Store
	bucket  *s3.Store // nil if snapshots are kept in blobs
	manager *snapshot.Manager
}

func newHouse(dir string, o options) *house { return &house{dir: dir, options: o} }

// open starts everything and waits until it is ready. If that fails, nothing is
// left open.
func (h *house) open(ctx context.Context) error {
	h.events = newEvents()
	err := h.openStore(ctx)
	if err == nil {
		err = h.openManager(ctx)
	}
	if err != nil {
		return errors.Join(err, h.close(ctx))
	}
	return nil
}

func (h *house) openStore(ctx context.Context) (err error) {
	fsys := h.options.fsys
	h.store, err = tidemark.Open(ctx, tidemark.Options{
		Dir: filepath.Join(h.dir, storageDir), FS: fsys, Observer: h.events,
		HeadLogBytes: headLogBytes, RetryInterval: time.Millisecond, Recoveries: 1,
		DiskReserve: diskReserve,
		OpenLog: func(o tidemark.LogOptions) (wal.Log, error) {
			l, _, err := wallocal.Open(o.Dir, wallocal.Options{
				Base: o.Base, From: o.From, AtLeast: o.AtLeast, SegmentBytes: h.options.generation, FS: fsys, Logger: o.Logger,
			})
			if err != nil {
				return nil, err // not l: a nil *Log is no nil Log
			}
			return l, nil
		},
	})
	if err != nil {
		h.store = nil
		return err
	}
	return h.ready(ctx)
}

// ready waits until every collection is recovered or refused.
func (h *house) ready(ctx context.Context) error {
	return until(ctx, func() error {
		if !h.store.Ready() {
			return errors.New("collections are being recovered")
		}
		return nil
	})
}

// until looks again and again until there is no error, or returns the last one
// when the context ends.
func until(ctx context.Context, look func() error) error {
	tick := time.NewTicker(100 * time.Microsecond)
	defer tick.Stop()
	for {
		err := look()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
}

func (h *house) openManager(ctx context.Context) (err error) {
	dir, guarded := filepath.Join(h.dir, snapshotsDir), h.store.StagingFS()
	if h.blobs, err = local.Open(local.Options{Dir: dir, FS: guarded}); err != nil {
		h.blobs = nil
		return err
	}
	staging, err := h.blobs.WorkDir()
	if err != nil {
		return err
	}
	place, buckets := blob.Store(h.blobs), snapshot.Buckets(nil)
	if h.options.bucket != nil {
		if h.bucket, err = h.options.bucket(ctx); err != nil {
			h.bucket = nil
			return err
		}
		place, buckets = h.bucket, h.bucket
	}
	now := time.Date(2026, 11, 24, 10, 53, 37, 0, time.UTC)
	h.manager, err = snapshot.NewManager(snapshot.Options{
		Engine: snapshot.OfStore(h.store), Store: place, Buckets: buckets, Version: "1.2.3", Staging: staging, Dir: dir,
		FS: h.options.fsys, StagingFS: guarded, Now: func() time.Time { return now },
	})
	return err
}

// close ends what is open. It may be called more than once.
func (h *house) close(ctx context.Context) error {
	var errs []error
	if h.manager != nil {
		h.manager.Close(ctx)
	}
	if h.bucket != nil {
		errs = append(errs, h.bucket.Close())
	}
	if h.blobs != nil {
		errs = append(errs, h.blobs.Close())
	}
	if h.store != nil {
		errs = append(errs, h.store.Close(ctx))
	}
	h.manager, h.bucket, h.blobs, h.store = nil, nil, nil, nil
	return errors.Join(errs...)
}

// collections returns all collections, or why one of them is not served.
func (h *house) collections() (map[string]*tidemark.Collection, error) {
	out := make(map[string]*tidemark.Collection)
	for _, name := range h.store.Names() {
		c, err := h.store.Collection(name)
		if err != nil {
			return nil, fmt.Errorf("collection %s: %w", name, err)
		}
		out[name] = c
	}
	return out, nil
}

// restore puts the archive at a path below the house into the place of a
// collection.
func (h *house) restore(ctx context.Context, name, path string) error {
	location := &url.URL{Scheme: "file", Path: filepath.Join(h.dir, path)}
	return h.manager.Restore(ctx, name, snapshot.Source{Location: location})
}

// events brings what a store does in the background to who waits for it.
type events struct{ checkpointed, merged chan error }

func newEvents() *events {
	return &events{checkpointed: make(chan error, 100), merged: make(chan error, 100)}
}

func (e *events) Checkpointed(_ string, _ time.Duration, _ int64, err error) {
	tell(e.checkpointed, err)
}
func (e *events) Merged(_ string, _ time.Duration, _ int64, err error) { tell(e.merged, err) }
func (e *events) Recovered(string, time.Duration, error)               {}
func (e *events) Fenced(string, time.Duration)                         {}

// tell never waits: on a disk that fails for good there is an event a
// millisecond, and only the first is of interest.
func tell(to chan<- error, err error) {
	select {
	case to <- err:
	default:
	}
}

func await(ctx context.Context, event <-chan error) error {
	select {
	case err := <-event:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
