package snapshots

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	// patience bounds waiting for what must come; tick is how often it is looked
	// for.
	patience = time.Minute
	tick     = 5 * time.Millisecond
)

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// TestDownload looks at everything that a downloading client can ask for.
func TestDownload(t *testing.T) {
	s := start(t, t.TempDir())
	s.must(t, "PUT /collections/c", dense(8))
	s.fill(t, "c", 1000, 8)
	made := s.create(t, "c")
	request := "GET /collections/c/snapshots/" + made.Name
	whole := s.get(t, request, "", "Accept-Encoding", "gzip, zstd")
	onDisk, err := os.ReadFile(s.file("c", made.Name))
	require.NoError(t, err)

	t.Run("whole", func(t *testing.T) {
		require.Equal(t, http.StatusOK, whole.status)
		require.Equal(t, onDisk, whole.body)
		require.Equal(t, made.Checksum, sum(whole.body))
		require.Equal(t, made.Size, int64(len(whole.body)))
		h := whole.header
		require.Equal(t, strconv.Itoa(len(onDisk)), h.Get("Content-Length"))
		require.Equal(t, "application/octet-stream", h.Get("Content-Type"))
		require.Equal(t, "bytes", h.Get("Accept-Ranges"))
		require.Equal(t, `attachment; filename="`+made.Name+`"`, h.Get("Content-Disposition"))
		require.Empty(t, h.Get("Content-Encoding"), "compressed on the fly")
		require.Regexp(t, `^"[^"]+"$`, h.Get("ETag"))
		modified, err := time.Parse(http.TimeFormat, h.Get("Last-Modified"))
		require.NoError(t, err)
		require.Equal(t, made.Created, modified.Format("2006-01-02T15:04:05"))
	})
	t.Run("conditions and ranges", func(t *testing.T) { conditions(t, s, request, whole) })
	t.Run("resumed", func(t *testing.T) {
		half := len(onDisk) / 2
		first := s.get(t, request, "", "Range", "bytes=0-"+strconv.Itoa(half-1))
		second := s.get(t, request, "", "Range", "bytes="+strconv.Itoa(half)+"-", "If-Range", whole.header.Get("ETag"))
		require.Equal(t, http.StatusPartialContent, second.status)
		require.Equal(t, made.Checksum, sum(append(first.body, second.body...)))
	})
	t.Run("by alias", func(t *testing.T) {
		s.must(t, "POST /collections/aliases", `{"actions":[{"create_alias":{"collection_name":"c","alias_name":"a"}}]}`)
		require.Equal(t, onDisk, s.get(t, "GET /collections/a/snapshots/"+made.Name, "").body)
	})
}

func conditions(t *testing.T, s *server, request string, whole response) {
	etag, modified, size := whole.header.Get("ETag"), whole.header.Get("Last-Modified"), strconv.Itoa(len(whole.body))
	for _, c := range []struct {
		name, value string
		status      int
		contentIs   string // the header Content-Range
		content     []byte
	}{
		{"Range", "bytes=0-99", http.StatusPartialContent, "bytes 0-99/" + size, whole.body[:100]},
		{"Range", "bytes=-7", http.StatusPartialContent, "bytes " + strconv.Itoa(len(whole.body)-7) + "-" + strconv.Itoa(len(whole.body)-1) + "/" + size, whole.body[len(whole.body)-7:]},
		{"Range", "bytes=" + size + "-", http.StatusRequestedRangeNotSatisfiable, "bytes */" + size, nil},
		{"If-None-Match", etag, http.StatusNotModified, "", []byte{}},
		{"If-None-Match", `"other"`, http.StatusOK, "", whole.body},
		{"If-Modified-Since", modified, http.StatusNotModified, "", []byte{}},
		{"If-Match", `"other"`, http.StatusPreconditionFailed, "", []byte{}},
		{"If-Match", etag, http.StatusOK, "", whole.body},
	} {
		r := s.get(t, request, "", c.name, c.value)
		require.Equal(t, c.status, r.status, "%s: %s", c.name, c.value)
		require.Equal(t, c.contentIs, r.header.Get("Content-Range"), "%s: %s", c.name, c.value)
		if c.content != nil {
			require.Equal(t, string(c.content), string(r.body), "%s: %s", c.name, c.value)
		}
	}
}

// TestNamesThatLeadElsewhere asks for files that are there, by names that are no
// names of snapshots.
func TestNamesThatLeadElsewhere(t *testing.T) {
	s := start(t, t.TempDir())
	s.must(t, "PUT /collections/c", dense(2))
	s.must(t, "PUT /collections/d", dense(2))
	made, other := s.create(t, "c"), s.create(t, "d")
	require.NoError(t, os.WriteFile(s.file("", "top.snapshot"), []byte("x"), 0o600))
	require.NoError(t, os.Symlink("/etc/passwd", s.file("c", "link.snapshot")))
	for _, name := range []string{
		"..%2Fd%2F" + other.Name, "..%2fd%2f" + other.Name, "%2E%2E%2Fd%2F" + other.Name, "..%2Ftop.snapshot", "..%5Ctop.snapshot",
		"..%2F..%2Fstorage%2Fcatalog.json", "%2Fetc%2Fpasswd", "..", "%2E%2E", ".", "%2E", "link.snapshot", made.Name + "%00", made.Name + "%2F",
		".%2F" + made.Name, "x%2F..%2F" + made.Name, made.Name + ".checksum", "..%252Fd%252F" + other.Name, "../d/" + other.Name,
	} {
		for _, method := range []string{"GET", "DELETE"} {
			r := s.get(t, method+" /collections/c/snapshots/"+name, "")
			require.Equal(t, http.StatusNotFound, r.status, "%s %s: %s", method, name, r.body)
			require.NotContains(t, string(r.body), s.dir, "a path of the host")
		}
	}
	r := s.get(t, "GET /collections/..%2Fd/snapshots/"+other.Name, "")
	require.GreaterOrEqual(t, r.status, 400)
	require.Less(t, r.status, 500)
	require.FileExists(t, s.file("c", made.Name))
	require.FileExists(t, s.file("c", made.Name+".checksum"))
	require.FileExists(t, s.file("d", other.Name))
	require.FileExists(t, s.file("", "top.snapshot"))
	require.Len(t, s.list(t, "c"), 1, "a link is no snapshot")
}

// TestUniqueNames takes more snapshots than there are seconds, with and without
// writes between them.
func TestUniqueNames(t *testing.T) {
	s := start(t, t.TempDir())
	s.must(t, "PUT /collections/c", dense(2))
	names := map[string]bool{}
	for i := range 20 {
		if i%2 == 0 {
			s.must(t, "PUT /collections/c/points?wait=true", `{"points":[{"id":`+strconv.Itoa(i)+`,"vector":[1,2]}]}`)
		}
		made := s.create(t, "c")
		require.False(t, names[made.Name], "%s was taken", made.Name)
		names[made.Name] = true
	}
	require.Len(t, s.list(t, "c"), len(names))
	for _, d := range s.list(t, "c") {
		require.Equal(t, d.Checksum, sum(s.must(t, "GET /collections/c/snapshots/"+d.Name, "")))
		require.JSONEq(t, `true`, string(result[jsonText](t, s, "DELETE /collections/c/snapshots/"+d.Name, "")))
	}
	require.Empty(t, s.list(t, "c"))
	left, err := os.ReadDir(s.file("c", ""))
	require.NoError(t, err)
	require.Empty(t, left, "checksums without snapshots")
}

// TestWithoutWaiting begins a snapshot and a restore and looks for what comes.
func TestWithoutWaiting(t *testing.T) {
	s := start(t, t.TempDir())
	s.must(t, "PUT /collections/c", dense(8))
	s.fill(t, "c", 2000, 8)
	r := s.get(t, "POST /collections/c/snapshots?wait=false", "")
	require.Equal(t, http.StatusAccepted, r.status)
	require.Regexp(t, `^\{"status":"accepted","time":[0-9.e-]+\}$`, strings.TrimSpace(string(r.body)))
	require.Eventually(t, func() bool { return len(s.list(t, "c")) == 1 }, patience, tick)
	made := s.list(t, "c")[0]
	require.Equal(t, made.Checksum, sum(s.must(t, "GET /collections/c/snapshots/"+made.Name, "")), "visible before it is whole")

	r = s.get(t, recoverRequest("d")+"?wait=false", recoverBody(s.file("c", made.Name), made.Checksum))
	require.Equal(t, http.StatusAccepted, r.status)
	require.Eventually(t, func() bool {
		return s.get(t, "GET /collections/d", "").status == http.StatusOK
	}, patience, tick)
	want, got := s.state(t, "c"), s.state(t, "d")
	require.Equal(t, want.Digest, got.Digest, "visible before it is whole")
	require.Equal(t, 2000, got.Count)
}
