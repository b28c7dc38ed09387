package fsx_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tidemark-db/tidemark/internal/fsx"
)

// largeFile is one whose space is given back step by step.
func largeFile(t *testing.T, dir string) (string, []byte) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 40<<20/16)
	name := filepath.Join(dir, "large")
	require.NoError(t, os.WriteFile(name, content, 0o600))
	return name, content
}

func TestRemoveLargeFile(t *testing.T) {
	dir := t.TempDir()
	name, _ := largeFile(t, dir)
	require.NoError(t, fsx.OS.Remove(name))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
	require.ErrorIs(t, fsx.OS.Remove(name), os.ErrNotExist)
}

// What others use of a removed file stays as it is.
func TestRemovedFileStaysForItsUsers(t *testing.T) {
	t.Run("open", func(t *testing.T) {
		name, content := largeFile(t, t.TempDir())
		f, err := os.Open(name)
		require.NoError(t, err)
		defer f.Close()
		require.NoError(t, fsx.OS.Remove(name))
		got, err := io.ReadAll(f)
		require.NoError(t, err)
		require.True(t, bytes.Equal(content, got))
	})
	t.Run("mapped", func(t *testing.T) {
		name, content := largeFile(t, t.TempDir())
		f, err := os.Open(name)
		require.NoError(t, err)
		m, err := unix.Mmap(int(f.Fd()), 0, len(content), unix.PROT_READ, unix.MAP_SHARED)
		require.NoError(t, err)
		defer func() { require.NoError(t, unix.Munmap(m)) }()
		require.NoError(t, f.Close())
		require.NoError(t, fsx.OS.Remove(name))
		require.True(t, bytes.Equal(content, m))
	})
	t.Run("linked", func(t *testing.T) {
		name, content := largeFile(t, t.TempDir())
		require.NoError(t, os.Link(name, name+"-2"))
		require.NoError(t, fsx.OS.Remove(name))
		got, err := os.ReadFile(name + "-2")
		require.NoError(t, err)
		require.True(t, bytes.Equal(content, got))
	})
	t.Run("behind a link", func(t *testing.T) {
		name, content := largeFile(t, t.TempDir())
		require.NoError(t, os.Symlink(name, name+"-2"))
		require.NoError(t, fsx.OS.Remove(name+"-2"))
		got, err := os.ReadFile(name)
		require.NoError(t, err)
		require.True(t, bytes.Equal(content, got))
	})
}
