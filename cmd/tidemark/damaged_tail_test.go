package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDamagedTailIsCounted: the process was killed, and the last group of the log,
// which may have been acknowledged, rotted. The server starts without it; whoever
// watches the metrics learns of it.
func TestDamagedTailIsCounted(t *testing.T) {
	dir, killed := t.TempDir(), t.TempDir()
	e := openTestEngine(t, dir)
	ask(t, e, "PUT", "/collections/books", `{"vectors":{"size":2,"distance":"Dot"}}`)
	ask(t, e, "PUT", "/collections/books/points?wait=true", `{"points":[{"id":1,"vector":[1,2]}]}`)
	requireSample(t, e, `blue_tidemark_log_damaged_tail{collection="books"} 0`)
	require.NoError(t, os.CopyFS(killed, os.DirFS(dir)))
	require.NoError(t, e.Close(context.WithoutCancel(t.Context())))

	logs, err := filepath.Glob(filepath.Join(killed, "storage", "collections", "*", "wal", "0*1", "0*1"))
	require.NoError(t, err)
	require.Len(t, logs, 1)
	content, err := os.ReadFile(logs[0])
	require.NoError(t, err)
	content[len(content)-1] ^= 1
	require.NoError(t, os.WriteFile(logs[0], content, 0o600))
	e = openTestEngine(t, killed)
	requireSample(t, e, `blue_tidemark_log_damaged_tail{collection="books"} 1`)
	require.NoError(t, e.Close(context.WithoutCancel(t.Context())))
}
