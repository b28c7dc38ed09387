package archive

import (
	"archive/tar"
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files")

// TestGolden fixes the bytes of format 1 for ever.
func TestGolden(t *testing.T) {
	name := filepath.Join("testdata", "format1.snapshot")
	s := smallSample()
	got := s.bytes(t)
	if *update {
		require.NoError(t, os.WriteFile(name, got, 0o644))
	}
	want, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, want, got)

	content, m, err := files(bytes.NewReader(want))
	require.NoError(t, err)
	require.Equal(t, &s.manifest, m)
	require.Equal(t, s.content, content)
}

// TestOtherProgramsReadIt opens an archive with a tar reader that knows nothing
// of us.
func TestOtherProgramsReadIt(t *testing.T) {
	s := smallSample()
	r := tar.NewReader(bytes.NewReader(s.bytes(t)))
	var names []string
	for {
		h, err := r.Next()
		if err == io.EOF { //nolint:errorlint // as archive/tar documents it
			break
		}
		require.NoError(t, err)
		names = append(names, h.Name)
		require.Equal(t, byte(tar.TypeReg), h.Typeflag)
		require.EqualValues(t, 0o644, h.Mode)
		content, err := io.ReadAll(r)
		require.NoError(t, err)
		if want, ok := s.content[h.Name]; ok {
			require.Equal(t, want, content)
		}
	}
	want := []string{ManifestName}
	for _, f := range s.manifest.Files {
		want = append(want, f.Name)
	}
	require.Equal(t, append(want, EndName), names)
}

// TestLargeSizes compares our headers with those of the standard library where
// the octal field ends.
func TestLargeSizes(t *testing.T) {
	for _, size := range []int64{0, 1, maxOctalSize, maxOctalSize + 1, 1 << 40} {
		h := header("segments/x", size)
		require.True(t, h.isHeader())
		var padded bytes.Buffer
		padded.Write(h[:])
		got, err := tar.NewReader(&padded).Next()
		require.NoError(t, err)
		require.Equal(t, size, got.Size)
	}
}
