package blob

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestFolderName(t *testing.T) {
	for folder, want := range map[string]string{
		"my-collection_1.x~": "my-collection_1.x~",
		"ü b":                "%C3%BC%20b",
		".":                  "%2E",
		"..":                 "%2E.",
		".staging":           "%2Estaging",
		"a/../b":             "a%2F..%2Fb",
		"100%":               "100%25",
		"\x00":               "%00",

		strings.Repeat("a", 180): strings.Repeat("a", 180),
		strings.Repeat("a", 181): strings.Repeat("a", 100) + "%-" + "9bb56e9bae3c4bb0a87b1edd7e8bdc17",
	} {
		got := FolderName(folder)
		if len(folder) > 180 {
			require.Equal(t, want[:102], got[:102])
			require.Len(t, got, 134)
			continue
		}
		require.Equal(t, want, got, folder)
	}
}

// TestFolderNamesDiffer also takes names that look like the results of others.
func TestFolderNamesDiffer(t *testing.T) {
	name := rapid.OneOf(
		rapid.StringN(1, 255, -1),
		rapid.StringMatching(`a{175,185}[ab]?`),
		rapid.Map(rapid.StringMatching(`[ab.%-]{1,200}`), FolderName),
	)
	rapid.Check(t, func(t *rapid.T) {
		a, b := name.Draw(t, "a"), name.Draw(t, "b")
		require.Equal(t, a == b, FolderName(a) == FolderName(b))
		require.LessOrEqual(t, len(FolderName(a)), maxFolderBytes)
		require.NotContains(t, FolderName(a), "/")
		require.False(t, strings.HasPrefix(FolderName(a), "."))
	})
}

func TestValidName(t *testing.T) {
	for name, want := range map[string]bool{
		"a.snapshot":                           true,
		"a..snapshot":                          true,
		"ü b%2F.snapshot":                      true,
		".snapshot":                            false,
		".a.snapshot":                          false,
		"../x.snapshot":                        false,
		"a/b.snapshot":                         false,
		"a\x00.snapshot":                       false,
		"\xff.snapshot":                        false,
		"a.snapshot.checksum":                  false,
		"":                                     false,
		"..":                                   false,
		strings.Repeat("a", 300) + ".snapshot": false,
	} {
		require.Equal(t, want, ValidName(name), "%q", name)
		require.Equal(t, want, Key{Name: name}.Validate() == nil)
	}
}
