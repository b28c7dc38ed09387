package local

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/snapshot/blob"
)

func TestNotes(t *testing.T) {
	dir, ctx := t.TempDir(), context.Background()
	s, err := Open(Options{Dir: dir})
	require.NoError(t, err)
	defer s.Close()
	key := blob.Key{Folder: "c", Name: "a.snapshot"}
	require.ErrorIs(t, s.SetNote(ctx, key, []byte("x")), blob.ErrNotFound)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "c"), 0o750))
	path := filepath.Join(dir, "c", "a.snapshot")
	require.NoError(t, os.WriteFile(path, []byte("content"), 0o640))
	note := func() []byte {
		t.Helper()
		b, err := s.Note(ctx, key)
		require.NoError(t, err)
		return b
	}
	require.Nil(t, note())
	for _, text := range []string{"first", "", "second"} {
		require.NoError(t, s.SetNote(ctx, key, []byte(text)))
		require.Equal(t, text, string(note()))
	}
	require.Error(t, s.SetNote(ctx, key, make([]byte, blob.MaxNoteBytes+1)))
	require.Equal(t, "second", string(note()))
	list, err := s.List(ctx, "c")
	require.NoError(t, err)
	require.Len(t, list, 1, "a note is no object")

	require.NoError(t, os.WriteFile(path+noteSuffix, bytes.Repeat([]byte("x"), blob.MaxNoteBytes+1), 0o640))
	require.Nil(t, note(), "it is none of ours")
	require.NoError(t, os.Remove(path+noteSuffix))
	require.NoError(t, os.Symlink(path, path+noteSuffix))
	require.Nil(t, note(), "links are not followed")
	require.NoError(t, s.Delete(ctx, key))
	_, err = os.Lstat(path + noteSuffix)
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = s.Note(ctx, blob.Key{Folder: "c", Name: "../x"})
	require.ErrorIs(t, err, blob.ErrNotFound)
}
