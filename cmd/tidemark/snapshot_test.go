package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/snapshot"
)

// The archive is one that package snapshot fixes for ever.
func snapshotFile(t *testing.T) (path string, content []byte) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", "snapshot", "testdata", "state.snapshot"))
	require.NoError(t, err)
	path = filepath.Join(t.TempDir(), "c.snapshot")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return path, content
}

func runSnapshot(t *testing.T, args ...string) (string, error) {
	t.Helper()
	c := (&app{}).newSnapshotCommand()
	var out bytes.Buffer
	c.SetOut(&out)
	c.SetErr(&out)
	c.SilenceErrors, c.SilenceUsage = true, true
	c.SetArgs(args)
	c.SetContext(t.Context())
	err := c.Execute()
	return out.String(), err
}

func TestSnapshotTable(t *testing.T) {
	path, _ := snapshotFile(t)
	out, err := runSnapshot(t, "inspect", path)
	require.NoError(t, err)
	require.Regexp(t, `(?m)^collection +"c"$`, out)
	require.Regexp(t, `(?m)^points +5, digest [0-9a-f]{32}$`, out)
	require.Regexp(t, `(?m)^deletes +\d+ +deletes$`, out)
	require.NotContains(t, out, "verified")
	out, err = runSnapshot(t, "verify", "--temp-dir", t.TempDir(), path)
	require.NoError(t, err)
	require.Regexp(t, `(?m)^verified +every byte and every point$`, out)
}

func TestSnapshotJSON(t *testing.T) {
	path, content := snapshotFile(t)
	out, err := runSnapshot(t, "verify", "-o", "json", path)
	require.NoError(t, err)
	var r snapshot.Report
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.EqualValues(t, len(content), r.Size)
	require.Len(t, r.SHA256, 64)
	require.EqualValues(t, 5, r.Manifest.Count)
}

func TestSnapshotExitCodes(t *testing.T) {
	path, content := snapshotFile(t)
	content[len(content)/2] ^= 1
	damaged := filepath.Join(t.TempDir(), "damaged.snapshot")
	require.NoError(t, os.WriteFile(damaged, content, 0o600))
	for _, tt := range []struct {
		args []string
		code int
	}{
		{[]string{"verify", path}, exitOK},
		{[]string{"inspect", damaged}, exitOK}, // it looks at the beginning only
		{[]string{"verify", damaged}, exitDamage},
		{[]string{"verify", filepath.Join(t.TempDir(), "none")}, exitFailure},
		{[]string{"verify", "--temp-dir", filepath.Join(t.TempDir(), "none"), path}, exitFailure},
	} {
		_, err := runSnapshot(t, tt.args...)
		require.Equal(t, tt.code, exitCode(err), "%v: %v", tt.args, err)
	}
}

// TestSnapshotOfAStorage: the other kind of archives, fixed for ever as well.
func TestSnapshotOfAStorage(t *testing.T) {
	path := filepath.Join("..", "..", "snapshot", "testdata", "storage.snapshot")
	out, err := runSnapshot(t, "verify", "--temp-dir", t.TempDir(), path)
	require.NoError(t, err)
	require.Regexp(t, `(?m)^storage +\d+ collections, \d+ aliases$`, out)
	require.Regexp(t, `(?m)^verified +every byte and every point$`, out)
	require.Regexp(t, `(?m)^COLLECTION +POSITION +POINTS +BYTES$`, out)
	require.Regexp(t, `(?m)^ALIAS +COLLECTION$`, out)

	// It is never taken for one of a collection.
	out, err = runSnapshot(t, "restore", "c", "--dry-run", "--url", "http://127.0.0.1:1", "./"+path)
	require.ErrorContains(t, err, "is a snapshot of the whole storage", out)
	out, err = runSnapshot(t, "restore", "--all", "--dry-run", "--url", "http://127.0.0.1:1", "./"+path)
	require.NoError(t, err)
	require.Regexp(t, `(?m)^would +upload, nothing was done$`, out)
	require.Regexp(t, `(?m)^COLLECTION +POSITION +POINTS +RESTORED AS +REPLACES$`, out)
}
