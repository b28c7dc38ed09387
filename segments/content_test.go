package segments

import (
	"errors"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
)

// A copy of a segment that changed on disk after it was opened never ends as if
// it were whole, wherever the change is.
func TestContentDoesNotPassChangesOn(t *testing.T) {
	path, whole, _ := smallSegment(t)
	s, err := OpenSegment(fsx.OS, path)
	require.NoError(t, err)
	defer s.Release()
	got, err := io.ReadAll(s.Content())
	require.NoError(t, err)
	require.Equal(t, whole, got)

	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	defer f.Close()
	for off := range whole {
		if off%7 > 0 && off < len(whole)-footerSize {
			continue
		}
		_, err := f.WriteAt([]byte{whole[off] ^ 1<<(off%8)}, int64(off))
		require.NoError(t, err)
		_, err = io.ReadAll(s.Content())
		require.ErrorIs(t, err, ErrDamaged, "byte %d", off)
		_, err = f.WriteAt(whole[off:off+1], int64(off))
		require.NoError(t, err)
	}
	require.NoError(t, f.Truncate(int64(len(whole))-1))
	_, err = io.ReadAll(s.Content())
	require.ErrorIs(t, err, ErrDamaged)
	require.False(t, errors.Is(err, io.EOF))
}
