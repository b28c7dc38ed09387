// Package lifetest takes a store with its snapshots through a whole life, and
// ends it everywhere: the power fails after each operation of the file system,
// or one of them fails, or all from there on. Whatever the answer was, what had
// been acknowledged is found at the next start, and nothing that was not.
package lifetest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/snapshot"
	"github.com/tidemark-db/tidemark/snapshot/blob"
	"github.com/tidemark-db/tidemark/wal"
)

// life is a house and what its clients were told.
type life struct {
	*house
	// taken are the snapshots that were acknowledged, in order.
	taken []taken
}

// taken is a snapshot as its taker knows it.
type taken struct {
	collection, name, sha256 string // no collection: of the whole storage
	fate                     fate
}

func (s taken) path() string {
	return filepath.Join(snapshotsDir, blob.FolderName(s.collection), s.name)
}

// fate says whether a snapshot is to be found.
type fate int

const (
	kept    fate = iota
	leaving      // it was to be deleted and may be there, as a whole
	deleted
)

// step is one thing that is acknowledged before the next begins.
type step struct {
	name string // empty if it belongs to the one before it
	do   func(*life, context.Context) error
	kind kind
}

// kind says what follows when a step has failed.
type kind int

const (
	again      kind = iota // it can be done again
	final                  // nothing is promised but the next start
	background             // nobody asked for it: the rest goes on as if nothing had been
)

// wholeLife changes files in every way that there is.
func wholeLife() []step {
	return []step{
		{"create a collection", create("c"), again},
		{"write", put("c", 1, 2, 3), final},
		{"replace and delete", replace("c", 1, 2), final},
		{"snapshot what is in memory", snap("c"), again},
		{"write until a checkpoint is due", fill("c", 10), final},
		{"", checkpoint, again},
		{"patch and replace what is in a segment", change("c", 10, 3), final},
		{"snapshot a segment, deletes and what is in memory", snap("c"), again},
		{"snapshot the same again", snap("c"), again},
		{"write until a checkpoint and a merge are due", fill("c", 10), final},
		{"", checkpoint, again},
		{"", merge, background},
		{"create another", create("d"), again},
		{"write to the other", put("d", 1), final},
		{"give it a second name", alias("also d", "d"), again},
		{"snapshot the whole storage", snapAll, again},
		{"start again", (*life).restart, final},
		{"write after the start", put("c", 5), final},
		{"restore", restore("c", 1), again},
		{"write to what was restored", change("c", 10, 7), final},
		{"undo", undo("c"), again},
		{"write to what was brought back", put("c", 9), final},
		{"undo the undo", undo("c"), again},
		{"restore over what was restored", restore("c", 0), again},
		{"delete a snapshot", deleteSnapshot(0), again},
		{"drop", drop("c"), again},
		{"restore what was dropped", restore("c", 2), again},
		{"restore under a new name", restore("e", 1), again},
		{"write to that", put("e", 8), final},
		{"restore the whole storage", restoreAll(3), again},
		{"write to what was restored with it", put("d", 4), final},
	}
}

// Answers of unknown outcome: what was asked for may be found at the next start.
var unknownOutcomes = []error{wal.ErrOutcomeUnknown, fsx.ErrNotDurable, blob.ErrOutcomeUnknown}

func outcomeUnknown(err error) bool {
	for _, unknown := range unknownOutcomes {
		if errors.Is(err, unknown) {
			return true
		}
	}
	return false
}

func snap(collection string) func(*life, context.Context) error {
	return func(l *life, ctx context.Context) error {
		info, err := l.manager.Create(ctx, collection, snapshot.CreateOptions{})
		if err == nil {
			l.taken = append(l.taken, taken{collection: collection, name: info.Name, sha256: info.SHA256})
		}
		return err
	}
}

// snapAll takes a snapshot of all collections and aliases.
func snapAll(l *life, ctx context.Context) error {
	info, err := l.manager.CreateFull(ctx, snapshot.CreateOptions{})
	if err == nil {
		l.taken = append(l.taken, taken{name: info.Name, sha256: info.SHA256})
	}
	return err
}

// restoreAll restores a snapshot of all collections and aliases.
func restoreAll(n int) func(*life, context.Context) error {
	return func(l *life, ctx context.Context) error {
		return l.manager.RestoreFull(ctx, snapshot.Source{File: filepath.Join(l.dir, l.taken[n].path())}, snapshot.FullOptions{})
	}
}

func restore(collection string, n int) func(*life, context.Context) error {
	return func(l *life, ctx context.Context) error { return l.restore(ctx, collection, l.taken[n].path()) }
}

func deleteSnapshot(n int) func(*life, context.Context) error {
	return func(l *life, ctx context.Context) error {
		s := &l.taken[n]
		s.fate = leaving
		err := l.manager.Delete(ctx, s.collection, s.name)
		if err == nil || tidemark.KindOf(err) == tidemark.NotFound { // of an earlier attempt
			s.fate = deleted
			return nil
		}
		return err
	}
}

// restart closes the house and opens it again.
func (l *life) restart(ctx context.Context) error {
	if err := l.close(ctx); err != nil {
		return err
	}
	if err := l.open(ctx); err != nil {
		return err
	}
	_, err := l.collections()
	return err
}

// shown waits until readers see the segment of a checkpoint, which is a moment
// after it has become durable.
func shown(name string) func(*life, context.Context) error {
	return func(l *life, ctx context.Context) error {
		c, err := l.store.Collection(name)
		if err != nil {
			return err
		}
		return until(ctx, func() error {
			stats, err := c.Stats(ctx)
			if err == nil && stats.Flushed < stats.Position {
				err = fmt.Errorf("segments hold what came up to position %d of %d", stats.Flushed, stats.Position)
			}
			return err
		})
	}
}

func checkpoint(l *life, ctx context.Context) error { return await(ctx, l.events.checkpointed) }
func merge(l *life, ctx context.Context) error      { return await(ctx, l.events.merged) }
