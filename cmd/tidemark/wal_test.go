package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/wal/local"
)

// writeLog creates a log with some generations and returns its directory.
func writeLog(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "wal")
	log, _, err := local.Open(dir, local.Options{Base: 100, SegmentBytes: 20 << 10})
	require.NoError(t, err)
	for range 10 {
		p, err := log.Enqueue(t.Context(), []byte("a record"))
		require.NoError(t, err)
		_, err = p.Wait(t.Context())
		require.NoError(t, err)
	}
	require.NoError(t, log.Close())
	return dir
}

func runWAL(t *testing.T, args ...string) (string, error) {
	t.Helper()
	c := newWALCommand()
	adopt(c)
	var out bytes.Buffer
	c.SetOut(&out)
	c.SetErr(&out)
	c.SilenceErrors, c.SilenceUsage = true, true
	c.SetArgs(args)
	err := c.Execute()
	return out.String(), err
}

func TestWALTable(t *testing.T) {
	dir := writeLog(t)
	out, err := runWAL(t, "verify", dir)
	require.NoError(t, err)
	require.Contains(t, out, "after 100, up to 110")
	require.Contains(t, out, "closed in order")
	require.Regexp(t, `(?m)^1 +closed +100 +103 +20480 +3 +3$`, out)

	out, err = runWAL(t, "inspect", dir)
	require.NoError(t, err)
	require.Regexp(t, `(?m)^1 +closed +100 +103 +20480 +- +-$`, out)
}

func TestWALJSON(t *testing.T) {
	out, err := runWAL(t, "inspect", "-o", "json", writeLog(t))
	require.NoError(t, err)
	var r local.Report
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.EqualValues(t, 110, r.Last)
	require.True(t, r.Clean)
}

func TestWALExitCodes(t *testing.T) {
	dir := writeLog(t)
	_, err := runWAL(t, "verify", filepath.Join(dir, "missing"))
	require.Equal(t, exitFailure, exitCode(err))
	_, err = runWAL(t, "verify")
	require.Equal(t, exitUsage, exitCode(err))
	_, err = runWAL(t, "verify", "-o", "xml", dir)
	require.Equal(t, exitUsage, exitCode(err))

	// A bit in the middle of a closed generation: only verify reads it.
	name := filepath.Join(dir, "0000000000000001", "00000000000000000001")
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	b[9000] ^= 4
	require.NoError(t, os.WriteFile(name, b, 0o600))
	_, err = runWAL(t, "inspect", dir)
	require.NoError(t, err)
	out, err := runWAL(t, "verify", dir)
	require.Equal(t, exitDamage, exitCode(err))
	require.Contains(t, out, "damage: "+name+" at byte 8192, after position 101: not a valid frame: wrong checksum")
}

func TestWALShowsAnUnfinishedEnd(t *testing.T) {
	dir := writeLog(t)
	require.NoError(t, os.Remove(filepath.Join(dir, "CLEAN")))
	matches, err := filepath.Glob(filepath.Join(dir, "0*", "0*"))
	require.NoError(t, err)
	name := matches[len(matches)-1]
	st, err := os.Stat(name)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(name, st.Size()-1))
	out, err := runWAL(t, "inspect", dir)
	require.NoError(t, err)
	require.Contains(t, out, "not closed in order")
	require.Contains(t, out, "unfinished end: "+name+", 4095 bytes")
	require.Contains(t, out, "never acknowledged")
}
