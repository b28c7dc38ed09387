package lifetest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/google/go-cmp/cmp"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/snapshot"
)

// aftermath is what must be found at the start after a life that ended early.
type aftermath struct {
	// states are those that may be found: what was acknowledged, and what was
	// under way or answered as unknown.
	states []seen
	taken  []taken
	// ids of points whose write was refused or answered as unknown. Such a point
	// may be there or not, whatever else is.
	doubtful []uint64
}

// goesOnID is a point that no life writes.
const goesOnID = 1 << 40

// check starts below dir on a healthy disk. What is found is one of what may be,
// stays that, and nothing else is left over.
func (a *aftermath) check(ctx context.Context, dir string) (found seen, err error) {
	l := &life{house: newHouse(dir, options{fsys: fsx.OS, generation: smallGeneration})}
	if err := l.open(ctx); err != nil {
		return seen{}, fmt.Errorf("start: %w", err)
	}
	defer func() { err = firstError(err, l.close(ctx)) }()
	if err := l.removeDoubtful(ctx, a.doubtful); err != nil {
		return seen{}, err
	}
	if found, err = l.look(ctx); err != nil {
		return found, err
	}
	if !slices.ContainsFunc(a.states, found.equal) {
		return found, fmt.Errorf("what is found differs from what was acknowledged (-) by:\n%s", a.states[0].diff(found))
	}
	if err := firstError(l.settle(ctx), l.snapshotsAreThere(a.taken), l.swapsBackAndForth(ctx, found)); err != nil {
		return found, err
	}
	if err := l.goesOn(ctx, found); err != nil {
		return found, err
	}
	if err := l.restart(ctx); err != nil {
		return found, fmt.Errorf("start again: %w", err)
	}
	again, err := l.look(ctx)
	if err == nil && !again.equal(found) {
		err = fmt.Errorf("what was found (-) changed by a restart:\n%s", found.diff(again))
	}
	return found, firstError(err, l.settle(ctx))
}

// settle waits until nothing is left over: checkpoints and merges that fell due
// at the start are on their way still.
func (h *house) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience/4)
	defer cancel()
	return until(ctx, h.nothingLeft)
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// equal compares what clients see. Where the log stands is no part of it: what
// checks leave behind moves that.
func (s seen) equal(other seen) bool { return s.diff(other) == "" }

func (s seen) diff(other seen) string {
	return cmp.Diff(s.shown(), other.shown())
}

// shown is s as text.
func (s seen) shown() map[string]string {
	out := map[string]string{"aliases": fmt.Sprint(s.aliases)}
	for name, c := range s.collections {
		out["collection "+name] = fmt.Sprintf("digest %v, %d points, can be undone: %t\n%s", c.digest, c.count, c.undoable, c.points)
	}
	return out
}

// removeDoubtful removes points that may be there, so that the rest can be
// compared: the digest of a state without them is that of one that never had
// them.
func (l *life) removeDoubtful(ctx context.Context, ids []uint64) error {
	if len(ids) == 0 {
		return nil
	}
	for _, name := range l.store.Names() {
		if err := remove(name, ids...)(l, ctx); err != nil {
			return fmt.Errorf("remove doubtful points from %s: %w", name, err)
		}
	}
	return nil
}

// goesOn writes to every collection and takes it back, and does with one what
// can be done with all.
func (l *life) goesOn(ctx context.Context, found seen) error {
	for name, before := range found.collections {
		if err := l.writesGoOn(ctx, name, before); err != nil {
			return fmt.Errorf("go on with collection %s: %w", name, err)
		}
	}
	const name = "new"
	if err := firstError(create(name)(l, ctx), put(name, goesOnID)(l, ctx), fill(name, goesOnID)(l, ctx), checkpoint(l, ctx), snap(name)(l, ctx)); err != nil {
		return fmt.Errorf("go on with a new collection: %w", err)
	}
	s := l.taken[len(l.taken)-1]
	if err := firstError(l.restore(ctx, name, s.path()), l.manager.Delete(ctx, name, s.name), drop(name)(l, ctx)); err != nil {
		return fmt.Errorf("go on with a new collection: %w", err)
	}
	return nil
}

// swapsBackAndForth brings back every previous state, which must be what the
// catalog says of it and leave nothing over once it is open, and takes it back.
func (l *life) swapsBackAndForth(ctx context.Context, found seen) error {
	for name, before := range found.collections {
		if !before.undoable {
			continue
		}
		kept := l.manager.Previous(name)
		if err := undo(name)(l, ctx); err != nil {
			return fmt.Errorf("bring back the previous state of %s: %w", name, err)
		}
		now, err := l.lookAtCollection(ctx, name)
		if err == nil && now.count != kept.Count {
			err = fmt.Errorf("the previous state of %s has %d points, the catalog says %d", name, now.count, kept.Count)
		}
		if err := firstError(err, l.settle(ctx), undo(name)(l, ctx)); err != nil {
			return err
		}
		if now, err = l.lookAtCollection(ctx, name); err != nil || now.digest != before.digest {
			return fmt.Errorf("%s is not what it was after two undos (%w)", name, err)
		}
	}
	return nil
}

func (l *life) lookAtCollection(ctx context.Context, name string) (content, error) {
	c, err := l.store.Collection(name)
	if err != nil {
		return content{}, err
	}
	return lookAt(ctx, c)
}

func (l *life) writesGoOn(ctx context.Context, name string, before content) error {
	c, err := l.store.Collection(name)
	if err != nil {
		return err
	}
	results, err := c.Write(ctx, []tidemark.Operation{upsert("text", goesOnID)}, tidemark.WriteOptions{Wait: true})
	if err != nil {
		return err
	}
	if at := results[0].Position; at <= before.through {
		return fmt.Errorf("the next position is %d, the state stood at %d", at, before.through)
	}
	now, err := lookAt(ctx, c)
	if err == nil && now.count != before.count+1 {
		err = fmt.Errorf("%d points became %d by one more", before.count, now.count)
	}
	return firstError(err, remove(name, goesOnID)(l, ctx))
}

// snapshotsAreThere looks for what was acknowledged. What else is there must be
// whole.
func (l *life) snapshotsAreThere(expected []taken) error {
	paths, err := filepath.Glob(filepath.Join(l.dir, snapshotsDir, "*", "*.snapshot"))
	if err != nil {
		return err
	}
	ofStorage, err := filepath.Glob(filepath.Join(l.dir, snapshotsDir, "*.snapshot"))
	if err != nil {
		return err
	}
	paths = append(paths, ofStorage...)
	sums := make(map[string]string)
	for _, path := range paths {
		if sums[path], err = proven(path); err != nil {
			return err
		}
	}
	for _, s := range expected {
		path := filepath.Join(l.dir, s.path())
		sum, there := sums[path]
		switch {
		case s.fate == deleted && there:
			return fmt.Errorf("%s was deleted and is there", path)
		case s.fate == kept && !there:
			return fmt.Errorf("%s was taken and is not there", path)
		case there && sum != s.sha256:
			return fmt.Errorf("%s has sha256 %s, when it was taken it had %s", path, sum, s.sha256)
		}
	}
	return nil
}

// verified are the hashes of archives that were proven once: equal bytes need no
// second look.
var verified sync.Map

// proven verifies an archive and returns its hash.
func proven(path string) (string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	raw := sha256.Sum256(content)
	sum := hex.EncodeToString(raw[:])
	noted, err := os.ReadFile(path + snapshot.ChecksumSuffix)
	if err != nil || string(noted) != sum {
		return "", fmt.Errorf("%s has sha256 %s, beside it stands %q (%w)", path, sum, noted, err)
	}
	if _, ok := verified.Load(sum); ok {
		return sum, nil
	}
	if _, err := snapshot.VerifyFile(context.Background(), path, os.TempDir()); err != nil {
		return "", fmt.Errorf("verify %s: %w", path, err)
	}
	verified.Store(sum, true)
	return sum, nil
}

// nothingLeft looks for what nobody names. A snapshot's checksum without the
// snapshot is none of it: it is replaced when the name is used.
func (h *house) nothingLeft() error {
	named, err := namedFiles(h.dir)
	if err != nil {
		return err
	}
	served, err := h.served()
	if err != nil {
		return err
	}
	storage, staging := filepath.Join(h.dir, storageDir), filepath.Join(h.dir, snapshotsDir, stagingDir)
	collections, segments := filepath.Join(storage, "collections"), string(filepath.Separator)+"segments"
	return filepath.WalkDir(h.dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // removed while we look
			return nil
		}
		if err != nil {
			return err
		}
		dir, name := filepath.Dir(path), d.Name()
		ours := (dir == collections || strings.HasSuffix(dir, segments)) && !strings.Contains(named, name)
		passing := strings.HasSuffix(name, fsx.TempSuffix) || strings.HasPrefix(name, "trash-") || dir == filepath.Join(storage, "trash")
		if ours || passing || staged(staging, path) {
			return fmt.Errorf("%s is left over", path)
		}
		if dir == collections && !served[name] {
			return fs.SkipDir // an undo would open and tidy it
		}
		return nil
	})
}

// served returns the ids of the collections that are.
func (h *house) served() (map[string]bool, error) {
	collections, err := h.collections()
	if err != nil {
		return nil, err
	}
	ids := make(map[string]bool)
	for _, c := range collections {
		ids[c.ID().String()] = true
	}
	return ids, nil
}

// staged reports whether a path is one below staging that should not be there
// while nothing is done: all but the lock and one empty directory.
func staged(staging, path string) bool {
	rel, err := filepath.Rel(staging, path)
	return err == nil && !strings.HasPrefix(rel, "..") && rel != "." && rel != "LOCK" && rel != "1"
}

// namedFiles returns the documents that name files, as text: the newest catalog
// and the newest manifests.
func namedFiles(dir string) (string, error) {
	catalog, err := newest(filepath.Join(dir, storageDir, "catalog-*.json"))
	if err != nil {
		return "", err
	}
	dirs, err := filepath.Glob(filepath.Join(dir, storageDir, "collections", "*"))
	if err != nil {
		return "", err
	}
	for _, d := range dirs {
		manifest, err := newest(filepath.Join(d, "manifest-*.json"))
		if err != nil {
			return "", err
		}
		catalog += manifest
	}
	return catalog, nil
}

// newest returns the content of the file with the highest number, which has one
// digit or as many as the others.
func newest(pattern string) (string, error) {
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		return "", err
	}
	slices.SortFunc(names, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	content, err := os.ReadFile(names[len(names)-1])
	return string(content), err
}
