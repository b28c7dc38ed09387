package local

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The library's fields that findBuffers looks for are not part of its
// interface: if this fails after an update, look at them again. The log stays
// right without them, but slower and larger in memory.
func TestLibraryKeepsItsBuffersWhereWeTrimThem(t *testing.T) {
	l, err := openLibrary(t.TempDir())
	require.NoError(t, err)
	require.NotNil(t, l.entries)
	require.NotNil(t, l.batch)
	require.True(t, l.positions.IsValid())
	frame := bytes.Repeat([]byte{7}, 10000)
	for i := range uint64(5) {
		require.NoError(t, l.write(frame))
		require.Equal(t, i+1, l.index)
		require.Empty(t, *l.entries)
		require.Zero(t, l.positions.Len())
		require.LessOrEqual(t, cap(*l.entries), 2*len(frame))
	}
	require.NoError(t, l.write(make([]byte, keepBytes+1)))
	require.Nil(t, *l.entries, "a large buffer is not kept")
	require.Nil(t, *l.batch)
	require.NoError(t, l.close())
}

// What is written is the same whether the buffers are trimmed or not.
func TestTrimDoesNotChangeTheFile(t *testing.T) {
	var files [2][]byte
	for i := range files {
		dir := t.TempDir()
		l, err := openLibrary(dir)
		require.NoError(t, err)
		if i == 1 {
			l.entries = nil // as if the fields were not found
		}
		for n := range 20 {
			require.NoError(t, l.write(bytes.Repeat([]byte{byte(n)}, n*100)))
		}
		last, err := l.log.LastIndex()
		require.NoError(t, err)
		require.EqualValues(t, 20, last)
		require.NoError(t, l.close())

		again, err := openLibrary(dir)
		require.NoError(t, err)
		require.EqualValues(t, 20, again.index)
		require.NoError(t, again.close())
		files[i] = readLibraryFile(t, dir)
	}
	require.Equal(t, files[0], files[1])
}

func readLibraryFile(t *testing.T, dir string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, libraryName))
	require.NoError(t, err)
	return b
}
