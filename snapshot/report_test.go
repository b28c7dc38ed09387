package snapshot

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/snapshot/archive"
	"github.com/tidemark-db/tidemark/snapshot/blob/blobtest"
)

func TestReports(t *testing.T) {
	h := newHouse(t)
	info := h.create(t)
	path, temp := filepath.Join(h.dir, "c", info.Name), t.TempDir()
	want := Report{Size: info.Size, Manifest: verified(t, h.read(t, info.Name))}
	got, err := Inspect(path)
	require.NoError(t, err)
	require.Equal(t, want, got)
	want.SHA256 = info.SHA256
	got, err = VerifyFile(context.Background(), path, temp)
	require.NoError(t, err)
	require.Equal(t, want, got)

	require.NoError(t, os.WriteFile(path+ChecksumSuffix, []byte(blobtest.Sum(nil)), 0o640))
	_, err = VerifyFile(context.Background(), path, temp)
	require.ErrorContains(t, err, "its sha256 is "+info.SHA256)
	require.True(t, IsDamage(err))

	content, err := os.ReadFile(path)
	require.NoError(t, err)
	cut := h.upload(t, "cut.snapshot", content[:len(content)-1])
	for _, f := range []func() (Report, error){
		func() (Report, error) { return Inspect(cut) },
		func() (Report, error) { return VerifyFile(context.Background(), cut, temp) },
	} {
		_, err := f()
		var corrupt *archive.CorruptError
		require.ErrorAs(t, err, &corrupt)
		require.EqualValues(t, len(content)-1, corrupt.Offset)
		require.True(t, IsDamage(err))
	}
	_, err = Inspect(filepath.Join(h.dir, "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.False(t, IsDamage(err))
	left, err := os.ReadDir(temp)
	require.NoError(t, err)
	require.Empty(t, left)
}
