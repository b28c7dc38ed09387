package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/segments"
)

// writeTestSegment writes three points and returns the path of the file.
func writeTestSegment(t *testing.T) string {
	t.Helper()
	spec := segments.VectorSpec{Key: segments.VectorKey{Position: 1}, Kind: segments.Dense, Size: 2, Datatype: segments.Float32, Distance: segments.Dot}
	data, err := segments.EncodeDense(segments.Float32, []float32{1, 2})
	require.NoError(t, err)
	state := segments.NewState()
	t.Cleanup(state.Close)
	state.AddVectors(spec)
	for i := range uint64(3) {
		id := segments.NumberID(i)
		p := &segments.Point{ID: id, Version: 2, Vectors: []segments.Vector{{Key: spec.Key, Data: data}}}
		state.Apply(2, []segments.Change{{ID: id, New: p}})
	}
	v := state.Publish(2)
	defer v.Release()
	dir := t.TempDir()
	info, err := segments.WriteSegment(t.Context(), fsx.OS, dir, 1, segments.Schema{spec}, v.HeadRows())
	require.NoError(t, err)
	return filepath.Join(dir, info.Name)
}

func runSegment(t *testing.T, args ...string) (string, error) {
	t.Helper()
	c := newSegmentCommand()
	adopt(c)
	var out bytes.Buffer
	c.SetOut(&out)
	c.SetErr(&out)
	c.SilenceErrors, c.SilenceUsage = true, true
	c.SetArgs(args)
	err := c.ExecuteContext(t.Context())
	return out.String(), err
}

func TestSegmentReports(t *testing.T) {
	path := writeTestSegment(t)
	out, err := runSegment(t, "inspect", path)
	require.NoError(t, err)
	require.Contains(t, out, "3 rows")
	require.Regexp(t, `(?m)^1/0 +dense +float32 +2 +3$`, out)
	require.NotContains(t, out, "sha256")

	out, err = runSegment(t, "verify", "-o", "json", path)
	require.NoError(t, err)
	var r segmentReport
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.Equal(t, 3, r.Rows)
	require.Len(t, r.SHA256, 64)
}

func TestSegmentDamageHasItsExitCode(t *testing.T) {
	path := writeTestSegment(t)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	data[100] ^= 1
	require.NoError(t, os.WriteFile(path, data, 0o600))
	_, err = runSegment(t, "verify", path)
	var exit *exitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, exitDamage, exit.code)
	_, err = runSegment(t, "inspect", filepath.Join(t.TempDir(), "none"))
	require.Error(t, err)
	require.NotErrorAs(t, err, &exit)
}
