package lifetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/segments"
)

// TestRotAfterTheFirstTouch changes each byte of a segment after all of it was
// verified and read. What is then written anew, by a patch or into an archive,
// never carries the change: it is right, or refused.
func TestRotAfterTheFirstTouch(t *testing.T) {
	t.Parallel()
	right, size := patched(t)
	work := newWorkers(t)
	for at := range sample(upTo(size), 0, 31) {
		dir := memoryDir(t)
		if !work.do(func(ctx context.Context) error {
			return errors.Join(rotAt(ctx, dir, int64(at-1), right), os.RemoveAll(dir))
		}, "byte %d changed", at-1) {
			break
		}
	}
	work.wait()
}

// withSegment opens a house with a collection that lies in one segment, all of
// which was looked at.
func withSegment(ctx context.Context, dir string) (l *life, segment string, err error) {
	l = &life{house: newHouse(dir, options{fsys: fsx.OS, generation: largeGeneration})}
	if err := l.open(ctx); err != nil {
		return l, "", err
	}
	for _, do := range []func(*life, context.Context) error{create("c"), put("c", 1, 2, 3), fill("c", 10), checkpoint, shown("c")} {
		if err := do(l, ctx); err != nil {
			return l, "", err
		}
	}
	if _, err := l.look(ctx); err != nil {
		return l, "", err
	}
	found, err := filepath.Glob(filepath.Join(dir, storageDir, "collections", "*", "segments", "*"))
	if err != nil || len(found) != 1 {
		return l, "", fmt.Errorf("segments: %v (%w)", found, err)
	}
	return l, found[0], nil
}

// patched returns what a patch makes of the points if nothing is wrong, and the
// size of the segment that they were in.
func patched(t *testing.T) (seen, int) {
	ctx := testContext(t)
	l, segment, err := withSegment(ctx, memoryDir(t))
	require.NoError(t, err)
	defer func() { require.NoError(t, l.close(ctx)) }()
	st, err := os.Stat(segment)
	require.NoError(t, err)
	require.NoError(t, patchAll(l, ctx))
	now, err := l.look(ctx)
	require.NoError(t, err)
	return now, int(st.Size())
}

func patchAll(l *life, ctx context.Context) error { return operate("c", patch(1, 2, 3, 10))(l, ctx) }

func rotAt(ctx context.Context, dir string, at int64, right seen) (err error) {
	l, segment, err := withSegment(ctx, dir)
	defer func() { err = errors.Join(err, l.close(ctx)) }()
	if err != nil {
		return err
	}
	if err := flip(segment, at); err != nil {
		return err
	}
	if err := snap("c")(l, ctx); tidemark.KindOf(err) != tidemark.Internal || !errors.Is(err, segments.ErrDamaged) {
		return fmt.Errorf("the snapshot was not refused for damage: %w", err)
	}
	if err := patchAll(l, ctx); err != nil {
		return halted(ctx, l, err)
	}
	now, err := l.look(ctx)
	if err == nil && !now.equal(right) {
		err = fmt.Errorf("the patch carried the change:\n%s", right.diff(now))
	}
	return err
}

// halted checks that a collection stopped before a record: it says why, and
// accepts nothing that it could not apply.
func halted(ctx context.Context, l *life, err error) error {
	if tidemark.KindOf(err) != tidemark.Unavailable || !errors.Is(err, segments.ErrDamaged) {
		return fmt.Errorf("the patch was not refused for damage: %w", err)
	}
	if err := put("c", 20)(l, ctx); tidemark.KindOf(err) != tidemark.Unavailable {
		return fmt.Errorf("a write after the halt: %w", err)
	}
	c, err := l.store.Collection("c")
	if err != nil {
		return err
	}
	v, err := c.View(ctx)
	if err != nil {
		return err
	}
	defer v.Release()
	if v.Count() != 4 || v.Through() != 3 {
		return fmt.Errorf("after the halt there are %d points at position %d", v.Count(), v.Through())
	}
	return nil
}

// flip changes a bit of a byte.
func flip(path string, at int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	var b [1]byte
	if _, err = f.ReadAt(b[:], at); err == nil {
		b[0] ^= 1 << (at % 8)
		_, err = f.WriteAt(b[:], at)
	}
	return errors.Join(err, f.Close())
}
