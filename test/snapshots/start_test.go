package snapshots

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/test/testserver"
)

// startWith restarts the server with arguments.
func (s *server) startWith(t *testing.T, args ...string) error {
	t.Helper()
	s.Stop()
	s.Args = args
	return s.Start(t.Context())
}

// archives makes a server with collection c, and an archive of each of two of its
// states outside of the snapshots directory, whose path has colons.
func archives(t *testing.T) (s *server, older, newer string) {
	t.Helper()
	s = start(t, t.TempDir())
	s.must(t, "PUT /collections/c", dense(2))
	away := filepath.Join(t.TempDir(), "C:", "x:y")
	require.NoError(t, os.MkdirAll(away, 0o750))
	for i, to := range []*string{&older, &newer} {
		s.fill(t, "c", 5+i, 2)
		*to = filepath.Join(away, fmt.Sprintf("%d.snapshot", i))
		content, err := os.ReadFile(s.file("c", s.create(t, "c").Name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(*to, content, 0o640))
	}
	return s, older, newer
}

// TestSnapshotsAtStart: archives become collections before anything is served,
// others stay, and what is replaced can be brought back.
func TestSnapshotsAtStart(t *testing.T) {
	s, older, newer := archives(t)
	require.NoError(t, s.startWith(t, "--snapshot", older+":a", "--snapshot="+newer+":b"))
	require.Equal(t, 5, s.state(t, "a").Count)
	require.Equal(t, 6, s.state(t, "b").Count)
	require.Equal(t, 6, s.state(t, "c").Count)
	for _, j := range s.jobs(t)[:2] {
		require.Equal(t, "recover", j.Operation)
		require.Equal(t, "done", j.State)
	}

	for i, force := range []string{"--force-snapshot", "--force_snapshot", "-f"} {
		want := 5 + i%2
		from := []string{older, newer}[i%2]
		s.must(t, "PUT /collections/c/points?wait=true", `{"points":[{"id":77,"vector":[1,2]}]}`)
		before := s.state(t, "c")
		require.NoError(t, s.startWith(t, "--snapshot", from+":c", force), force)
		now := s.state(t, "c")
		require.Equal(t, want, now.Count, force)
		require.Greater(t, now.Position, before.Position)
		require.Equal(t, before.Count, s.previous(t, "c").Points)
	}
	s.must(t, "POST /collections/c/snapshots/undo", "")
	require.NoError(t, s.startWith(t), "without the flags")
	require.Equal(t, 7, s.state(t, "c").Count, "what was written before the last of them")
}

// TestRefusedSnapshotsAtStart: the server says what is wrong and ends with a code
// of its own, never in a panic, and nothing has changed.
func TestRefusedSnapshotsAtStart(t *testing.T) {
	s, older, newer := archives(t)
	s.must(t, "POST /collections/aliases", `{"actions":[{"create_alias":{"collection_name":"c","alias_name":"also"}}]}`)
	s.must(t, "PUT /collections/other", dense(3))
	s.Stop()
	dir := t.TempDir()
	content, err := os.ReadFile(older)
	require.NoError(t, err)
	content[len(content)-1] ^= 1
	bad, cut, junk, pipe := dir+"/bad", dir+"/cut", dir+"/junk", dir+"/pipe"
	require.NoError(t, os.WriteFile(bad, content, 0o640))
	require.NoError(t, os.WriteFile(cut, content[:len(content)/2], 0o640))
	require.NoError(t, os.WriteFile(junk, []byte("junk"), 0o640))
	require.NoError(t, syscall.Mkfifo(pipe, 0o640))
	for name, tc := range map[string]struct {
		args []string
		code int
		text string
	}{
		"it exists":            {[]string{"--snapshot", older + ":c"}, 6, `collection "c" exists; nothing was restored. Start with --force-snapshot to replace it`},
		"one of them exists":   {[]string{"--snapshot", older + ":new", "--snapshot", newer + ":c"}, 6, "nothing was restored"},
		"an alias":             {[]string{"--snapshot", older + ":also"}, 6, `collection "c" exists`},
		"no name":              {[]string{"--snapshot", older + ":"}, 2, "is not PATH:NAME"},
		"no path":              {[]string{"--snapshot", ":new"}, 2, "is not PATH:NAME"},
		"no colon":             {[]string{"--snapshot", "new"}, 2, "is not PATH:NAME"},
		"no argument":          {[]string{"--snapshot"}, 2, "flag needs an argument"},
		"a bad name":           {[]string{"--snapshot", older + ":a/b"}, 2, "collection name cannot contain"},
		"named twice":          {[]string{"--snapshot", older + ":new", "--snapshot", newer + ":new"}, 2, "twice"},
		"no such file":         {[]string{"--snapshot", dir + "/none:new"}, 1, "no such file or directory"},
		"a directory":          {[]string{"--snapshot", dir + ":new"}, 1, "it is not a regular file"},
		"a pipe":               {[]string{"--snapshot", pipe + ":new"}, 1, "it is not a regular file"},
		"no archive":           {[]string{"--snapshot", older + ":new", "--snapshot", junk + ":new2"}, 1, "cut off"},
		"cut off":              {[]string{"--snapshot", cut + ":new"}, 1, "its manifest says"},
		"one bit":              {[]string{"--snapshot", bad + ":new"}, 1, "damaged"},
		"one bit, replaced":    {[]string{"--snapshot", bad + ":c", "--force-snapshot"}, 1, "damaged"},
		"other vectors, force": {[]string{"--snapshot", older + ":other", "--force-snapshot"}, 1, "not compatible with existing collection"},
	} {
		t.Run(name, func(t *testing.T) {
			refused := testserver.New(t, os.Getenv("TIDEMARK_BINARY"), s.dir)
			refused.Args = tc.args
			err := refused.Start(t.Context())
			require.ErrorContains(t, err, tc.text)
			require.Equal(t, tc.code, refused.ExitCode(), err)
			for _, unwanted := range []string{"panic", "goroutine ", "listens on"} {
				require.NotContains(t, err.Error(), unwanted)
			}
		})
	}
	require.NoError(t, s.startWith(t))
	require.Equal(t, 6, s.state(t, "c").Count)
	for _, name := range []string{"new", "new2"} {
		require.Equal(t, http.StatusNotFound, s.get(t, "GET /collections/"+name, "").status)
	}
	entries, err := os.ReadDir(s.dir + "/storage/collections")
	require.NoError(t, err)
	require.Len(t, entries, 2, "nothing is left of what was refused")
	require.True(t, strings.HasSuffix(older, "x:y/0.snapshot"))
}
