package client

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// stored is a snapshot on a server that ends the connection after some bytes of
// each answer, as limits says, the last of which is repeated; 0 ends none.
type stored struct {
	content []byte
	tag     string
	limits  []int
	ranges  []string // that were asked for
}

func (s *stored) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.ranges = append(s.ranges, r.Header.Get("Range"))
	limit := s.limits[0]
	if len(s.limits) > 1 {
		s.limits = s.limits[1:]
	}
	from, body := 0, s.content
	if given, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes="); ok && slices.Contains([]string{"", s.tag}, r.Header.Get("If-Range")) {
		from, _ = strconv.Atoi(strings.TrimSuffix(given, "-"))
		body = body[from:]
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(s.content)-1, len(s.content)))
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if from > 0 {
		w.WriteHeader(http.StatusPartialContent)
	}
	if limit == 0 || limit > len(body) {
		limit = len(body)
	}
	_, _ = w.Write(body[:limit])
	if limit < len(body) {
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// snapshotOf returns a server with a snapshot, and a Download of it.
func snapshotOf(t *testing.T, limits ...int) (*stored, Download) {
	content := bytes.Repeat([]byte("tidemark"), 10_000)
	sum := sha256.Sum256(content)
	text := hex.EncodeToString(sum[:])
	return &stored{content: content, tag: `"` + text + `"`, limits: limits}, Download{
		Snapshot: Snapshot{Name: "n.snapshot", Size: int64(len(content)), Checksum: text},
		Path:     filepath.Join(t.TempDir(), "file"), Watch: func(int64) {},
	}
}

func requireContent(t *testing.T, s *stored, d Download) {
	t.Helper()
	got, err := os.ReadFile(d.Path)
	require.NoError(t, err)
	require.True(t, bytes.Equal(s.content, got))
	requireAlone(t, d)
}

func requireAlone(t *testing.T, d Download) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(d.Path))
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

func TestDownload(t *testing.T) {
	s, d := snapshotOf(t, 0)
	var done int64
	d.Watch = func(n int64) { done = n }
	require.NoError(t, serve(t, s.ServeHTTP).Download(t.Context(), Place{Collection: "c"}, d))
	requireContent(t, s, d)
	require.Equal(t, d.Snapshot.Size, done)
}

func TestDownloadGoesOnWhereItWasCut(t *testing.T) {
	s, d := snapshotOf(t, 30_000, 20_000, 0)
	require.NoError(t, serve(t, s.ServeHTTP).Download(t.Context(), Place{Collection: "c"}, d))
	requireContent(t, s, d)
	require.Equal(t, []string{"", "bytes=30000-", "bytes=50000-"}, s.ranges)
}

// TestDownloadIsPatientWhileSomethingComes: only attempts that bring nothing count.
func TestDownloadIsPatientWhileSomethingComes(t *testing.T) {
	s, d := snapshotOf(t, 10_000)
	require.NoError(t, serve(t, s.ServeHTTP).Download(t.Context(), Place{Collection: "c"}, d))
	requireContent(t, s, d)
	require.Greater(t, len(s.ranges), attempts)
}

func TestDownloadUsesWhatAnEarlierOneLeft(t *testing.T) {
	s, d := snapshotOf(t, 0)
	require.NoError(t, os.WriteFile(partPath(d), s.content[:12345], 0o600))
	require.NoError(t, serve(t, s.ServeHTTP).Download(t.Context(), Place{Collection: "c"}, d))
	requireContent(t, s, d)
	require.Equal(t, []string{"bytes=12345-"}, s.ranges)
}

func TestDownloadThatWasCompleteAsksForNothing(t *testing.T) {
	s, d := snapshotOf(t, 0)
	require.NoError(t, os.WriteFile(partPath(d), s.content, 0o600))
	require.NoError(t, serve(t, s.ServeHTTP).Download(t.Context(), Place{Collection: "c"}, d))
	requireContent(t, s, d)
	require.Empty(t, s.ranges)
}

func TestDownloadBeginsAnewIfTheServerHasOtherBytes(t *testing.T) {
	s, d := snapshotOf(t, 0)
	require.NoError(t, os.WriteFile(partPath(d), s.content[:12345], 0o600))
	s.tag = `"another"` // so that If-Range does not match
	require.NoError(t, serve(t, s.ServeHTTP).Download(t.Context(), Place{Collection: "c"}, d))
	requireContent(t, s, d)
}

func TestDownloadDoesNotTrustWhatIsTooLong(t *testing.T) {
	s, d := snapshotOf(t, 0)
	require.NoError(t, os.WriteFile(partPath(d), append(s.content, 'x'), 0o600))
	require.NoError(t, serve(t, s.ServeHTTP).Download(t.Context(), Place{Collection: "c"}, d))
	requireContent(t, s, d)
}

func TestDownloadWithoutAChecksumIsNeverGoneOnWith(t *testing.T) {
	s, d := snapshotOf(t, 0)
	d.Snapshot.Checksum = ""
	require.NoError(t, os.WriteFile(partPath(d), []byte("other bytes"), 0o600))
	require.NoError(t, serve(t, s.ServeHTTP).Download(t.Context(), Place{Collection: "c"}, d))
	requireContent(t, s, d)
}

func TestDownloadGivesUpWhenNothingComes(t *testing.T) {
	s, d := snapshotOf(t, 10_000)
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if len(s.ranges) > 0 {
			s.ranges = append(s.ranges, "")
			panic(http.ErrAbortHandler)
		}
		s.ServeHTTP(w, r)
	})
	require.Error(t, c.Download(t.Context(), Place{Collection: "c"}, d))
	require.NoFileExists(t, d.Path)
	left, err := os.ReadFile(partPath(d))
	require.NoError(t, err)
	require.Len(t, left, 10_000) // for the next one
}

func TestDownloadOfOtherBytesIsRemoved(t *testing.T) {
	s, d := snapshotOf(t, 0)
	s.content[5] ^= 1
	var bad *DamagedError
	require.ErrorAs(t, serve(t, s.ServeHTTP).Download(t.Context(), Place{Collection: "c"}, d), &bad)
	entries, err := os.ReadDir(filepath.Dir(d.Path))
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestDownloadReplacesNothingUnasked(t *testing.T) {
	s, d := snapshotOf(t, 0)
	require.NoError(t, os.WriteFile(d.Path, []byte("mine"), 0o600))
	c := serve(t, s.ServeHTTP)
	require.ErrorIs(t, c.Download(t.Context(), Place{Collection: "c"}, d), ErrExists)
	require.Empty(t, s.ranges)

	d.Replace = true
	require.NoError(t, c.Download(t.Context(), Place{Collection: "c"}, d))
	requireContent(t, s, d)
}

// TestDownloadReplacesNothingThatAppearsMeanwhile: the name is taken by linking.
func TestDownloadReplacesNothingThatAppearsMeanwhile(t *testing.T) {
	s, d := snapshotOf(t, 0)
	d.Watch = func(int64) { require.NoError(t, os.WriteFile(d.Path, []byte("mine"), 0o600)) }
	require.ErrorIs(t, serve(t, s.ServeHTTP).Download(t.Context(), Place{Collection: "c"}, d), ErrExists)
	got, err := os.ReadFile(d.Path)
	require.NoError(t, err)
	require.Equal(t, "mine", string(got))
}

func TestTwoDownloadsDoNotMix(t *testing.T) {
	s, d := snapshotOf(t, 0)
	c := serve(t, s.ServeHTTP)
	p, err := openPart(partPath(d), d.Snapshot)
	require.NoError(t, err)
	defer p.close()
	require.ErrorContains(t, c.Download(t.Context(), Place{Collection: "c"}, d), "by another process")
}

func TestDownloadThatIsRefused(t *testing.T) {
	_, d := snapshotOf(t, 0)
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	var no *Error
	require.ErrorAs(t, c.Download(t.Context(), Place{Collection: "c"}, d), &no)
}
