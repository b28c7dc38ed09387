package snapshots

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/test/testserver"
)

// wholeStorage makes a server with two collections and an alias, and an archive of
// all that outside of the snapshots directory. Then it changes everything.
func wholeStorage(t *testing.T) (s *server, path string) {
	t.Helper()
	s = start(t, t.TempDir())
	for _, name := range []string{"a", "b"} {
		s.must(t, "PUT /collections/"+name, dense(2))
		s.fill(t, name, 5, 2)
	}
	s.alias(t, "live", "a")
	info := result[description](t, s, "POST /snapshots", `{"description":"everything"}`)
	content := s.get(t, "GET /snapshots/"+info.Name, "").body
	path = filepath.Join(t.TempDir(), "whole:storage")
	require.NoError(t, os.WriteFile(path, content, 0o640))
	require.NoFileExists(t, s.file("a", info.Name))
	s.fill(t, "a", 9, 2)
	s.must(t, "PUT /collections/c", dense(3))
	s.alias(t, "live", "c")
	s.must(t, "DELETE /collections/b", "")
	return s, path
}

func (s *server) alias(t *testing.T, name, collection string) {
	t.Helper()
	s.must(t, "POST /collections/aliases", `{"actions":[{"create_alias":{"collection_name":"`+collection+`","alias_name":"`+name+`"}}]}`)
}

// requireRestored checks that everything is as it was when the snapshot was taken,
// and that what was not in it is there.
func (s *server) requireRestored(t *testing.T) {
	t.Helper()
	for _, name := range []string{"a", "b", "live"} {
		require.Equal(t, 5, s.state(t, name).Count, name)
	}
	require.Equal(t, http.StatusOK, s.get(t, "GET /collections/c", "").status)
}

// TestStorageRestoredByAPI: by name, in part under other names, and in one step.
func TestStorageRestoredByAPI(t *testing.T) {
	s, _ := wholeStorage(t)
	name := result[[]description](t, s, "GET /snapshots", "")[0].Name
	before := s.state(t, "a").Count
	s.must(t, "PUT /snapshots/recover", `{"location":"`+name+`","collections":["a"],"rename":{"a":"copy","live":"copied"}}`)
	require.Equal(t, 5, s.state(t, "copied").Count)
	require.Equal(t, before, s.state(t, "a").Count)
	refused := s.get(t, "PUT /snapshots/recover", `{"location":"`+name+`","collections":["a"],"rename":{"a":"d"}}`)
	require.Equal(t, http.StatusConflict, refused.status)
	require.Contains(t, refused.errorText(t), "the alias `live` stands for `c` and would stand for `d`")
	require.Equal(t, http.StatusNotFound, s.get(t, "GET /collections/d", "").status)

	s.must(t, "POST /snapshots/"+name+"/verify", "")
	s.must(t, "PUT /snapshots/recover?dry_run=true", `{"location":"`+name+`"}`)
	require.Equal(t, before, s.state(t, "a").Count)
	s.must(t, "PUT /snapshots/recover", `{"location":"`+name+`"}`)
	s.requireRestored(t)
	s.must(t, "POST /collections/a/snapshots/undo", "")
	require.Equal(t, before, s.state(t, "a").Count)
}

// TestStorageAtStart restores everything before anything is served.
func TestStorageAtStart(t *testing.T) {
	s, path := wholeStorage(t)
	require.NoError(t, s.startWith(t, "--storage-snapshot", path, "--force-snapshot"))
	s.requireRestored(t)

	empty := start(t, t.TempDir())
	require.NoError(t, empty.startWith(t, "--storage-snapshot", path), "nothing is there")
	require.Equal(t, 5, empty.state(t, "live").Count)
}

// TestRefusedStorageAtStart: the server says what is wrong, ends with a code of its
// own, and nothing has changed.
func TestRefusedStorageAtStart(t *testing.T) {
	s, path := wholeStorage(t)
	of := s.create(t, "a")
	before := s.state(t, "a")
	s.Stop()
	dir := t.TempDir()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(dir+"/cut", content[:len(content)-512], 0o640))
	content[len(content)/2] ^= 1
	require.NoError(t, os.WriteFile(dir+"/bad", content, 0o640))
	for name, tc := range map[string]struct {
		args []string
		code int
		text string
	}{
		"it exists":      {[]string{"--storage-snapshot", path}, 6, "Collection a already exists. Use --force-snapshot to overwrite it."},
		"with another":   {[]string{"--storage-snapshot", path, "--snapshot", path + ":x"}, 2, "cannot be given together"},
		"no such file":   {[]string{"--storage-snapshot", dir + "/none"}, 1, "no such file or directory"},
		"a directory":    {[]string{"--storage-snapshot", dir}, 1, "it is not a regular file"},
		"one bit":        {[]string{"--storage-snapshot", dir + "/bad", "-f"}, 1, "damaged"},
		"cut off":        {[]string{"--storage-snapshot", dir + "/cut", "-f"}, 1, "nothing was restored"},
		"one collection": {[]string{"--storage-snapshot", s.file("a", of.Name), "-f"}, 1, "this is a snapshot of one collection"},
		"the other kind": {[]string{"--snapshot", path + ":x"}, 1, "this is a snapshot of the whole storage"},
	} {
		t.Run(name, func(t *testing.T) {
			refused := testserver.New(t, os.Getenv("TIDEMARK_BINARY"), s.dir)
			refused.Args = tc.args
			err := refused.Start(t.Context())
			require.ErrorContains(t, err, tc.text)
			require.Equal(t, tc.code, refused.ExitCode(), err)
			require.NotContains(t, err.Error(), "goroutine ")
		})
	}
	require.NoError(t, s.startWith(t))
	require.Equal(t, before, s.state(t, "a"))
	require.Equal(t, http.StatusNotFound, s.get(t, "GET /collections/b", "").status)
	require.Equal(t, 0, s.state(t, "live").Count, "it stands for c")
}
