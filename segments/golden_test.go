package segments

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
)

var update = flag.Bool("update", false, "write the golden files of the present formats")

// requireGolden compares b with a file of testdata, which it returns.
func requireGolden(t *testing.T, name string, b []byte) []byte {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o750))
		require.NoError(t, os.WriteFile(path, b, 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, want, b)
	return want
}

// The golden segment has every kind of section. Its payloads are compressed: if
// a new version of the compressor writes other bytes, the old file is kept under
// another name and must still be read; only then a new one may be written.
func TestGoldenSegment(t *testing.T) {
	path, b, want := smallSegment(t)
	requireGolden(t, "segment-v1.seg", b)
	name := filepath.Base(path)
	kept := filepath.Join(t.TempDir(), name)
	golden, err := os.ReadFile(filepath.Join("testdata", "segment-v1.seg"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(kept, golden, 0o600))
	require.NoError(t, readAll(kept, want))
	_, err = Verify(context.Background(), fsx.OS, kept)
	require.NoError(t, err)
	s := openTestSegment(t, kept)
	kinds := map[sectionKind]bool{}
	for _, sec := range s.contents.sections {
		kinds[sec.kind] = true
	}
	require.Len(t, kinds, 9, "every kind of section")
}

func TestGoldenDeletes(t *testing.T) {
	d, err := DecodeDeletes("golden", requireGolden(t, "deletes-v1", someDeletes().Encode()))
	require.NoError(t, err)
	requireDeletes(t, someDeletes(), d)
}

func TestGoldenManifest(t *testing.T) {
	b, err := someManifest().Encode()
	require.NoError(t, err)
	m, err := DecodeManifest("golden", requireGolden(t, "manifest-v1.json", b))
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(someManifest(), m))
}
