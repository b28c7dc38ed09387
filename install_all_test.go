package tidemark

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/segments"
)

// receiveCopy makes an arrival of a copy that is to become the collection.
func receiveCopy(t testing.TB, s *Store, name string, c copied) Arrival {
	in, err := s.Receive(testContext(t), name, 0)
	require.NoError(t, err)
	require.NoError(t, unpackCopy(s.options.FS, in.Dir(), c))
	require.NoError(t, segments.CommitManifest(s.options.FS, in.Dir(), c.manifest))
	return Arrival{in, c.manifest}
}

// createWith makes a collection that holds the points.
func createWith(t testing.TB, s *Store, name string, ids ...uint64) {
	require.NoError(t, s.Create(testContext(t), name, CreateSpec{}))
	for _, id := range ids {
		mustWrite(t, mustCollection(t, s, name), upsert(PointInput{ID: num(id)}))
	}
}

// contents are the ids of all collections, and what aliases stand for.
func contents(t testing.TB, s *Store) map[string]any {
	out := make(map[string]any)
	for _, name := range s.Names() {
		out[name] = idsOf(t, mustCollection(t, s, name))
	}
	for _, a := range s.Aliases() {
		out[a.Name] = a.Collection
	}
	return out
}

func TestInstallAllReplacesAndCreates(t *testing.T) {
	s := openTestStoreWith(t, memoryOptions(t))
	createWith(t, s, "a", 1)
	snap, err := takeCopy(t, testContext(t), s, "a")
	require.NoError(t, err)
	createWith(t, s, "b", 2)
	old := map[string]*Collection{"a": mustCollection(t, s, "a"), "b": mustCollection(t, s, "b")}
	last := mustWrite(t, old["a"], upsert(PointInput{ID: num(3)}))[0].Position
	require.NoError(t, s.UpdateAliases(testContext(t), []AliasChange{{AliasCreate, "x", "a"}}))

	all := []Arrival{receiveCopy(t, s, "a", snap), receiveCopy(t, s, "b", snap), receiveCopy(t, s, "new", snap)}
	require.NoError(t, s.InstallAll(testContext(t), all, []AliasChange{{AliasDelete, "x", ""}, {AliasCreate, "y", "new"}}))
	one := []uint64{1}
	require.Equal(t, map[string]any{"a": one, "b": one, "new": one, "y": "new"}, contents(t, s))
	require.Greater(t, mustWrite(t, old["a"], upsert(PointInput{ID: num(4)}))[0].Position, last)
	for _, a := range all {
		require.NoError(t, a.Incoming.Discard(), "which removes nothing that was installed")
	}
	_, err = s.Undo(testContext(t), "b", uuid.Nil)
	require.NoError(t, err)
	require.Equal(t, map[string]any{"a": []uint64{1, 4}, "b": []uint64{2}, "new": one, "y": "new"}, contents(t, s))
	requireNothingUnnamed(t, s)
}

// TestInstallAllIsAllOrNothing: one part that cannot be carried out keeps all
// others from it, and every collection goes on.
func TestInstallAllIsAllOrNothing(t *testing.T) {
	for _, tc := range []struct {
		name      string
		meanwhile func(*testing.T, *Store)
		aliases   []AliasChange
		kind      Kind
	}{
		{"one was dropped", func(t *testing.T, s *Store) {
			_, err := s.Drop(testContext(t), "b")
			require.NoError(t, err)
		}, nil, BadRequest},
		{"one was created", func(t *testing.T, s *Store) { createWith(t, s, "new", 9) }, nil, BadRequest},
		{"a name became an alias", func(t *testing.T, s *Store) {
			require.NoError(t, s.UpdateAliases(testContext(t), []AliasChange{{AliasCreate, "new", "a"}}))
		}, nil, BadInput},
		{"an alias of nothing", func(*testing.T, *Store) {}, []AliasChange{{AliasCreate, "y", "none"}}, NotFound},
		{"one is not what its manifest says", func(*testing.T, *Store) {}, nil, Internal},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := openTestStoreWith(t, memoryOptions(t))
			createWith(t, s, "a", 1)
			snap, err := takeCopy(t, testContext(t), s, "a")
			require.NoError(t, err)
			createWith(t, s, "b", 2)
			mustWrite(t, mustCollection(t, s, "a"), upsert(PointInput{ID: num(3)}))
			all := []Arrival{receiveCopy(t, s, "a", snap), receiveCopy(t, s, "b", snap), receiveCopy(t, s, "new", snap)}
			if tc.kind == Internal {
				wrong := *snap.manifest
				wrong.Count++
				all[0].Manifest = &wrong // "new" has begun by then
			}
			tc.meanwhile(t, s)
			before := contents(t, s)
			err = s.InstallAll(testContext(t), all, tc.aliases)
			require.Error(t, err)
			require.Equal(t, tc.kind, KindOf(err), "%v", err)
			for _, a := range all {
				require.NoError(t, a.Incoming.Discard())
			}
			require.Equal(t, before, contents(t, s))
			requireNothingUnnamed(t, s)
			require.Len(t, s.shared.budget.usage, len(s.Names()), "what was begun is closed")
			for _, name := range s.Names() {
				mustWrite(t, mustCollection(t, s, name), upsert(PointInput{ID: num(50)}))
			}
		})
	}
}

func TestInstallAllTakesEachNameOnce(t *testing.T) {
	s := openTestStoreWith(t, memoryOptions(t))
	createWith(t, s, "a", 1)
	snap, err := takeCopy(t, testContext(t), s, "a")
	require.NoError(t, err)
	all := []Arrival{receiveCopy(t, s, "a", snap), receiveCopy(t, s, "a", snap)}
	require.ErrorIs(t, s.InstallAll(testContext(t), all, nil), errChanged)
	for _, a := range all {
		require.NoError(t, a.Incoming.Discard())
	}
	requireNothingUnnamed(t, s)
}

// TestCrashDuringInstallAll: whatever a power failure leaves, all of the
// collections and aliases are exchanged or none is.
func TestCrashDuringInstallAll(t *testing.T) {
	dir := memoryDir(t)
	rec, err := fsx.NewRecorder(fsx.OS, dir)
	require.NoError(t, err)
	s, err := openOnFiles(t, dir, rec)
	require.NoError(t, err)
	createWith(t, s, "a", 1)
	snap, err := takeCopy(t, testContext(t), s, "a")
	require.NoError(t, err)
	createWith(t, s, "b", 2)
	mustWrite(t, mustCollection(t, s, "a"), upsert(PointInput{ID: num(3)}))
	before, from := contents(t, s), rec.Len()
	all := []Arrival{receiveCopy(t, s, "b", snap), receiveCopy(t, s, "a", snap), receiveCopy(t, s, "new", snap)}
	require.NoError(t, s.InstallAll(testContext(t), all, []AliasChange{{AliasCreate, "y", "new"}}))
	after, done := contents(t, s), rec.Len()
	require.NotEqual(t, before, after)
	require.NoError(t, s.Close(context.Background()))
	for crash := range fsx.CrashStates(rec) {
		if crash.After < from {
			continue
		}
		clone := memoryDir(t)
		require.NoError(t, crash.LayOut(clone))
		s, err := openOnFiles(t, clone, fsx.OS)
		require.NoError(t, err)
		got := contents(t, s)
		require.Contains(t, []map[string]any{before, after}, got)
		if crash.After >= done {
			require.Equal(t, after, got)
		}
		requireNothingUnnamed(t, s)
		require.NoError(t, s.Close(testContext(t)))
	}
}
