package snapshots

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestShardSnapshots: what is taken of the only shard, stored or sent at once, is
// the collection.
func TestShardSnapshots(t *testing.T) {
	s := start(t, t.TempDir())
	s.must(t, "PUT /collections/c", dense(2))
	s.fill(t, "c", 5, 2)
	const shard = "/collections/c/shards/0"
	made := result[description](t, s, "POST "+shard+"/snapshots", "")
	require.Equal(t, s.list(t, "c"), result[[]description](t, s, "GET "+shard+"/snapshots", ""))
	stored := s.must(t, "GET "+shard+"/snapshots/"+made.Name, "")
	sent := s.get(t, "GET "+shard+"/snapshot", "")
	require.Equal(t, http.StatusOK, sent.status)
	require.True(t, bytes.Equal(stored, sent.body))
	require.Equal(t, made.Checksum, sum(sent.body))
	left, err := os.ReadDir(filepath.Join(s.dir, "snapshots", ".staging", "1"))
	require.NoError(t, err)
	require.Empty(t, left)

	before := s.state(t, "c")
	s.fill(t, "c", 7, 2)
	s.must(t, "PUT "+shard+"/snapshots/recover", `{"location":"`+made.Name+`"}`)
	require.Equal(t, before.Digest, s.state(t, "c").Digest)
	s.must(t, "DELETE "+shard+"/snapshots/"+made.Name, "")
	require.Empty(t, s.list(t, "c"))
	require.Equal(t, http.StatusNotFound, s.get(t, "POST /collections/c/shards/1/snapshots", "").status)
}
