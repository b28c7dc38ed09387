package tidemark

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/internal/jsondoc"
)

func TestCatalogSurvivesReopening(t *testing.T) {
	dir := t.TempDir()
	c, err := openCatalog(fsx.OS, dir)
	require.NoError(t, err)
	id := uuid.New()
	require.NoError(t, c.Create("a", id))
	require.NoError(t, c.UpdateAliases([]AliasChange{{Kind: AliasCreate, Alias: "b", Target: "a"}}))

	again, err := openCatalog(fsx.OS, dir)
	require.NoError(t, err)
	require.Equal(t, c.PeerID(), again.PeerID())
	name, e, ok := again.Resolve("b")
	require.True(t, ok)
	require.Equal(t, "a", name)
	require.Equal(t, id, e.ID)
}

func TestCatalogExpectations(t *testing.T) {
	c, err := openCatalog(fsx.OS, t.TempDir())
	require.NoError(t, err)
	id := uuid.New()
	require.NoError(t, c.Create("a", id))
	require.Equal(t, AlreadyExists, KindOf(c.Create("a", uuid.New())))
	require.NoError(t, c.UpdateAliases([]AliasChange{{Kind: AliasCreate, Alias: "x", Target: "a"}}))
	require.EqualError(t, c.Create("x", uuid.New()), "Can't create collection with name x. Alias with the same name already exists")

	dropped, err := c.Drop("a", uuid.New()) // another incarnation
	require.NoError(t, err)
	require.False(t, dropped)
	dropped, err = c.Drop("a", id)
	require.NoError(t, err)
	require.True(t, dropped)
	require.Empty(t, c.Aliases(), "a collection takes its aliases with it")
}

// TestCatalogInstallExpects: each change names what it replaces. If one is wrong,
// none is made.
func TestCatalogInstallExpects(t *testing.T) {
	c, err := openCatalog(fsx.OS, t.TempDir())
	require.NoError(t, err)
	a, b := uuid.New(), uuid.New()
	require.NoError(t, c.Create("a", a))
	good := CatalogChange{Name: "b", ID: b}
	for name, wrong := range map[string]CatalogChange{
		"another incarnation":  {Name: "a", Expected: uuid.New(), ID: uuid.New()},
		"nothing is expected":  {Name: "a", ID: uuid.New()},
		"something is missing": {Name: "c", Expected: uuid.New(), ID: uuid.New()},
	} {
		require.Error(t, c.Install([]CatalogChange{good, wrong}, nil), name)
		entries := c.Entries()
		require.Len(t, entries, 1, name)
		require.Equal(t, a, entries["a"].ID, name)
	}
	require.Error(t, c.Install([]CatalogChange{good}, []AliasChange{{Kind: AliasCreate, Alias: "x", Target: "none"}}))
	require.Len(t, c.Entries(), 1, "nor is one made without its aliases")
	require.NoError(t, c.Install([]CatalogChange{good, {Name: "a", Expected: a, ID: b}}, nil))
	require.Equal(t, b, c.Entries()["a"].ID)
}

func TestAliasChangesAreAllOrNothing(t *testing.T) {
	c, err := openCatalog(fsx.OS, t.TempDir())
	require.NoError(t, err)
	require.NoError(t, c.Create("a", uuid.New()))
	require.NoError(t, c.Create("v", uuid.New()))
	for _, tc := range []struct {
		name    string
		changes []AliasChange
		text    string
	}{
		{"unknown collection", []AliasChange{{AliasCreate, "ok", "a"}, {AliasCreate, "no", "zzz"}}, "Collection `zzz` doesn't exist!"},
		{"name of a collection", []AliasChange{{AliasCreate, "ok", "a"}, {AliasCreate, "v", "a"}}, "Collection `v` already exists!"},
		{"unknown alias", []AliasChange{{AliasCreate, "ok", "a"}, {AliasRename, "none", "x"}}, "Alias none does not exists!"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.EqualError(t, c.UpdateAliases(tc.changes), tc.text)
			require.Empty(t, c.Aliases())
		})
	}
	require.NoError(t, c.UpdateAliases([]AliasChange{{AliasCreate, "x", "a"}, {AliasRename, "x", "y"}, {AliasDelete, "none", ""}}))
	require.Equal(t, []Alias{{"y", "a"}}, c.Aliases())
}

func TestDamagedCatalogIsRefused(t *testing.T) {
	dir := t.TempDir()
	c, err := openCatalog(fsx.OS, dir)
	require.NoError(t, err)
	require.NoError(t, c.Create("a", uuid.New()))
	newest := c.path(c.generation)
	data, err := os.ReadFile(newest)
	require.NoError(t, err)
	for i := range data {
		damaged := append([]byte(nil), data...)
		damaged[i] ^= 1
		require.NoError(t, os.WriteFile(newest, damaged, 0o600))
		_, err := openCatalog(fsx.OS, dir)
		require.ErrorIs(t, err, jsondoc.ErrDamaged, "byte %d", i)
	}
	data, err = jsondoc.Encode(catalogFormat+1, c.content)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(newest, data, 0o600))
	_, err = openCatalog(fsx.OS, dir)
	var newer *jsondoc.NewerFormatError
	require.ErrorAs(t, err, &newer)
	older, err := filepath.Glob(filepath.Join(dir, "catalog-*.json"))
	require.NoError(t, err)
	require.Len(t, older, 2, "the generation before is kept for repair")
}
