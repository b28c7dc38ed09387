package snapshot

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/wal"
)

// TestPowerLossDuringRestore cuts the power at every point of a restore, into a
// collection that is there and one that is not. What is found afterwards is what
// was there or what was restored, whole; once the restore was answered it is what
// was restored.
func TestPowerLossDuringRestore(t *testing.T) {
	for _, target := range []string{"c", "new"} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			rec, err := fsx.NewRecorder(fsx.OS, dir)
			require.NoError(t, err)
			s := startServerOn(t, dir, rec)
			s.create("c")
			for i := range uint64(5) {
				_, err := upsert(s.collection("c"), i, i+1)
				require.NoError(t, err)
			}
			restored, _, _ := s.digest("c")
			src := s.snapshot("c")
			last, err := upsert(s.collection("c"), 77)
			require.NoError(t, err)
			before, _, _ := s.digest("c")
			begin := rec.Len()
			require.NoError(t, s.manager.Restore(context.Background(), target, src))
			answered := rec.Len()
			got, _, _ := s.digest(target)
			require.Equal(t, restored, got)

			for state := range fsx.CrashStates(rec) {
				if state.After < begin || state.After > answered {
					continue
				}
				clone := t.TempDir()
				require.NoError(t, state.LayOut(clone))
				found := openClone(t, clone, target, last)
				switch {
				case state.After >= answered:
					require.Equal(t, restored, found[target], "after %d operations, %s", state.After, state.Survival)
				case target == "c":
					require.Contains(t, []segments.Digest{before, restored}, found["c"], "after %d operations, %s", state.After, state.Survival)
				default:
					if digest, ok := found["new"]; ok {
						require.Equal(t, restored, digest)
					}
				}
				if target != "c" {
					require.Equal(t, before, found["c"], "the other collection is untouched")
				}
				require.NoError(t, os.RemoveAll(clone))
			}
			s.stop()
		})
	}
}

// openClone opens what a loss of power left, writes to it, and returns the
// digests that were found. Positions go on above last.
func openClone(t *testing.T, dir, target string, last wal.Position) map[string]segments.Digest {
	t.Helper()
	s := startServer(t, dir)
	defer s.stop()
	found := make(map[string]segments.Digest)
	for _, name := range s.store.Names() {
		found[name], _, _ = s.digest(name)
	}
	list, err := s.manager.List(context.Background(), "c")
	require.NoError(t, err)
	require.Len(t, list, 1)
	if _, ok := found[target]; ok && target == "c" {
		next, err := upsert(s.collection(target), 1)
		require.NoError(t, err)
		require.Greater(t, next, last)
	}
	dirs, err := os.ReadDir(filepath.Join(dir, "storage", "collections"))
	require.NoError(t, err)
	named := len(found)
	for name := range found {
		if _, ok := s.store.Previous(name); ok {
			named++
		}
	}
	require.Len(t, dirs, named, "garbage was swept")
	return found
}
