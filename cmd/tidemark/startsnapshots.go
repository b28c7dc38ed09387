package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/snapshot"
	"github.com/tidemark-db/tidemark/transport"
)

// startFlags say what a server restores before it serves.
type startFlags struct {
	snapshots []string // PATH:NAME
	storage   string   // path
	force     bool
}

const forceFlag = "force-snapshot"

func (f *startFlags) register(set *pflag.FlagSet) {
	set.StringArrayVar(&f.snapshots, "snapshot", nil, "restore the archive `PATH:NAME` as the collection NAME before serving; may be given several times")
	set.StringVar(&f.storage, "storage-snapshot", "", "restore the snapshot of the whole storage in the file `PATH` before serving")
	set.BoolVarP(&f.force, forceFlag, "f", false, "let --snapshot and --storage-snapshot replace collections and aliases that exist")
}

// acceptedFlags lets flags be written as in the reference's documentation, which
// its own program does not accept.
func acceptedFlags(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	if name == "force_snapshot" {
		name = forceFlag
	}
	return pflag.NormalizedName(name)
}

// startRestores are the restores of a start.
type startRestores struct {
	archives []startArchive
	storage  string // path of an archive of a whole storage, empty for none
	force    bool
}

// startArchive is an archive that becomes a collection.
type startArchive struct{ path, collection string }

// restores reads the flags. Each is split at its last colon, which no name of a
// collection has: a path may have some.
func (f *startFlags) restores() (startRestores, error) {
	out := startRestores{storage: f.storage, force: f.force}
	if f.storage != "" && len(f.snapshots) > 0 {
		return out, usage(errors.New("--storage-snapshot and --snapshot cannot be given together"))
	}
	named := make(map[string]bool)
	for _, text := range f.snapshots {
		i := strings.LastIndexByte(text, ':')
		if i <= 0 || i == len(text)-1 {
			return out, usage(fmt.Errorf("--snapshot %q is not PATH:NAME", text))
		}
		archive := startArchive{text[:i], text[i+1:]}
		if err := transport.CheckNewCollection(archive.collection); err != nil {
			return out, usage(fmt.Errorf("--snapshot %q: %w", text, err))
		}
		if named[archive.collection] {
			return out, usage(fmt.Errorf("--snapshot names the collection %q twice", archive.collection))
		}
		named[archive.collection] = true
		out.archives = append(out.archives, archive)
	}
	return out, nil
}

// restoreAtStart restores what the command line asks for. If it fails, the engine
// is closed.
func restoreAtStart(ctx context.Context, e engine, r startRestores, grace time.Duration) error {
	if len(r.archives) == 0 && r.storage == "" {
		return nil
	}
	err := e.RestoreAtStart(ctx, r)
	if err == nil {
		return nil
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if cerr := e.Close(closing); cerr != nil {
		return &exitError{exitCode(err), errors.Join(err, fmt.Errorf("close the store: %w", cerr))}
	}
	return err
}

// RestoreAtStart implements engine. What would refuse a restore is looked at
// before the first of them.
func (e *storeEngine) RestoreAtStart(ctx context.Context, r startRestores) error {
	if err := e.untilRecovered(ctx); err != nil {
		return err
	}
	if r.storage != "" {
		return e.restoreStorage(ctx, r)
	}
	for _, archive := range r.archives {
		if err := e.mayRestore(archive, r.force); err != nil {
			return err
		}
	}
	for n, archive := range r.archives {
		if err := e.restoreArchive(ctx, archive); err != nil {
			return fmt.Errorf("restore %s as collection %q, after %d of %d: %w", archive.path, archive.collection, n, len(r.archives), err)
		}
	}
	return nil
}

// untilRecovered waits until every collection is open or known to be broken.
func (e *storeEngine) untilRecovered(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !e.store.Ready() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("stopped before the snapshots were restored: %w", ctx.Err())
		case <-tick.C:
		}
	}
	return nil
}

// mayRestore looks at the archive's beginning and at what it would replace.
func (e *storeEngine) mayRestore(archive startArchive, force bool) error {
	if _, err := snapshot.Inspect(archive.path); err != nil {
		return fmt.Errorf("--snapshot %s: %w", archive.path, err)
	}
	name, err := e.store.Resolve(archive.collection)
	switch {
	case tidemark.KindOf(err) == tidemark.NotFound:
		return nil
	case err != nil:
		return err
	case force:
		return nil
	}
	return &exitError{exitExists, fmt.Errorf("collection %q exists; nothing was restored. Start with --%s to replace it, or without --snapshot", name, forceFlag)}
}

// restoreArchive restores one archive. It does not go on when the server is told
// to stop.
func (e *storeEngine) restoreArchive(ctx context.Context, archive startArchive) error {
	job, err := e.snapshots.StartRestore(ctx, archive.collection, snapshot.Source{File: archive.path})
	if err != nil {
		return err
	}
	if err := waitAtStart(ctx, e.snapshots, job); err != nil {
		return err
	}
	e.logger.Info("a snapshot was restored before serving", slog.String("collection", archive.collection), slog.String("path", archive.path))
	return nil
}

// waitAtStart waits for a job, and ends it when the server is told to stop.
func waitAtStart[T any](ctx context.Context, m *snapshot.Manager, job *snapshot.Job[T]) error {
	_, err := job.Wait(ctx)
	if ctx.Err() == nil {
		return err
	}
	status, err := m.CancelJob(context.WithoutCancel(ctx), job.ID.String())
	if err != nil || status.State != snapshot.JobDone {
		return errors.Join(fmt.Errorf("stopped: %w", ctx.Err()), err)
	}
	return nil
}

// restoreStorage restores a whole storage, all of it or nothing. What would refuse
// it is looked at before, and again in the course of it.
func (e *storeEngine) restoreStorage(ctx context.Context, r startRestores) error {
	from, o := snapshot.Source{File: r.storage}, snapshot.FullOptions{Fresh: !r.force}
	plan, err := e.snapshots.PlanRestoreFull(ctx, from, o)
	if err == nil {
		var job *snapshot.Job[struct{}]
		if job, err = e.snapshots.StartRestoreFull(ctx, from, o); err == nil {
			err = waitAtStart(ctx, e.snapshots, job)
		}
	}
	switch {
	case tidemark.KindOf(err) == tidemark.AlreadyExists:
		return &exitError{exitExists, fmt.Errorf("--storage-snapshot %s: nothing was restored: %w", r.storage, err)}
	case err != nil:
		return fmt.Errorf("--storage-snapshot %s: nothing was restored: %w", r.storage, err)
	}
	e.logger.Info("a snapshot of the whole storage was restored before serving", slog.String("path", r.storage),
		slog.Int("collections", len(plan.Collections)), slog.Int("aliases", len(plan.Aliases)))
	return nil
}
