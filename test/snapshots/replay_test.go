package snapshots

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// The names that the recording has for the snapshot that it takes first.
const (
	recordedName = "q-3521881711835050-2026-11-24-10-53-37.snapshot"
	recordedSum  = "be0b3ffbe700924264e441d54c524c3398a663768830caf771c0aebaba1118a2"
)

// exchange is a request to the reference and what it answered.
type exchange struct {
	Do      string            `json:"do"`
	Body    json.RawMessage   `json:"body"`
	Raw     *string           `json:"raw"`
	Headers map[string]string `json:"headers"`
	Status  int               `json:"status"`
	Type    string            `json:"type"`
	Answer  any               `json:"answer"`
}

func (e *exchange) body() string {
	if e.Raw != nil {
		return *e.Raw
	}
	return string(e.Body)
}

// difference is how our answer to an exchange is meant to differ.
type difference struct {
	do     string // so that the table cannot slip
	reason string
	// then looks at what ours answers instead of 501.
	then func(t *testing.T, s *server, r response)
}

const (
	noArchive = "What is no archive is a fault of the request: 400 with what is wrong, where the reference answers 500."

	full   = "The archive, and so its size and sum, are ours, and its name is of now."
	shard  = "The one shard of a collection is all of it: its snapshots are those of the collection, of which there may be more, with their names."
	unique = "Two snapshots of one second have two names: the second does not replace the first, and stays when the first is deleted."

	recoverR = "PUT /collections/r/snapshots/recover"
	uploadUp = "POST /collections/up/snapshots/upload"
	shards0  = "/collections/q/shards/0/snapshots"
)

// differences are all that there are, by the line of the recording.
var differences = map[int]difference{
	19: {do: recoverR, reason: noArchive, then: isRefused},
	29: {do: uploadUp, reason: noArchive, then: isRefused},
	35: {do: "POST /snapshots", reason: full, then: isFull},
	36: {do: "GET /snapshots", reason: full, then: isFullList},
	38: {do: "DELETE /snapshots/full-snapshot-2026-11-24-10-53-38.snapshot", reason: full, then: isGone},
	41: {do: "GET " + shards0, reason: shard, then: hasSome},
	43: {do: "PUT " + shards0 + "/recover", reason: shard, then: isNotFound},
	44: {do: "PUT " + shards0 + "/recover", reason: "No path of the host is shown.", then: isNotFound},
	45: {do: "POST " + shards0 + "/upload", reason: noArchive, then: isRefused},
	46: {do: "DELETE " + shards0 + "/q-shard-0-2026-11-24-10-53-38.snapshot", reason: shard, then: isNotFound},
	47: {do: "GET /collections/q/snapshots/", reason: unique, then: isOther},
}

// isRefused expects the answer to junk.
func isRefused(t *testing.T, _ *server, r response) {
	require.Equal(t, http.StatusBadRequest, r.status)
	require.Regexp(t, "^Wrong input: the snapshot archive is (damaged|cut off)|no snapshot archive", r.errorText(t))
}

var fullName = regexp.MustCompile(`^full-snapshot-\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d\.snapshot$`)

// isFull expects a new snapshot of the whole storage.
func isFull(t *testing.T, _ *server, r response) {
	d := decode[description](t, r)
	require.Regexp(t, fullName, d.Name)
	require.Len(t, d.Checksum, 64)
	require.Positive(t, d.Size)
}

// isFullList expects that one and no other.
func isFullList(t *testing.T, _ *server, r response) {
	list := decode[[]description](t, r)
	require.Len(t, list, 1)
	require.Regexp(t, fullName, list[0].Name)
}

// isGone expects that nothing has the recorded name, and deletes what has ours.
func isGone(t *testing.T, s *server, r response) {
	require.Equal(t, http.StatusNotFound, r.status)
	list := result[[]description](t, s, "GET /snapshots", "")
	require.True(t, result[bool](t, s, "DELETE /snapshots/"+list[0].Name, ""))
}

// isNotFound expects that no snapshot has a name that only the reference gives.
func isNotFound(t *testing.T, _ *server, r response) {
	require.Equal(t, http.StatusNotFound, r.status)
	require.Regexp(t, "^Not found: Snapshot (none|q-shard-0-[0-9-]+.snapshot) not found$", r.errorText(t))
}

// hasSome expects a list of snapshots.
func hasSome(t *testing.T, s *server, r response) {
	require.Equal(t, http.StatusOK, r.status)
	require.NotEmpty(t, result[[]description](t, s, "GET "+shards0, ""))
}

// isOther expects the list of the snapshot that was taken without waiting, and of
// the shard's.
func isOther(t *testing.T, s *server, _ response) {
	require.Eventually(t, func() bool { return len(s.list(t, "q")) == 2 }, patience, tick)
}

// TestReplay sends what was sent to the reference and compares the answers.
func TestReplay(t *testing.T) {
	s := start(t, t.TempDir())
	s.must(t, "PUT /collections/q", `{"vectors":{"size":2,"distance":"Cosine"},"sparse_vectors":{"s":{}}}`)
	s.fillQ(t)
	recording, err := os.ReadFile(filepath.Join("testdata", "snapshots.jsonl"))
	require.NoError(t, err)
	root, err := filepath.EvalSymlinks(s.dir)
	require.NoError(t, err)
	ours := strings.NewReplacer("<root>", root, "<host>", strings.TrimPrefix(s.URL(), "http://"))
	used := 0
	for i, line := range strings.Split(strings.TrimSpace(string(recording)), "\n")[1:] {
		var e exchange
		require.NoError(t, json.Unmarshal([]byte(ours.Replace(line)), &e))
		if i == 0 { // from here on the names of our snapshot stand for the recorded ones
			made := replayCreate(t, s, &e)
			ours = strings.NewReplacer("<root>", root, "<host>", strings.TrimPrefix(s.URL(), "http://"),
				recordedName, made.Name, recordedSum, made.Checksum, strings.ToUpper(recordedSum), strings.ToUpper(made.Checksum))
			continue
		}
		number := i + 2 // the first line is about the recording
		d, differs := differences[number]
		t.Run(fmt.Sprintf("line %d", number), func(t *testing.T) {
			if !differs {
				compare(t, &e, send(t, s, &e))
				return
			}
			used++
			require.Equal(t, d.do, ours.Replace(e.Do), "the table of differences is out of date")
			d.check(t, s, &e)
		})
	}
	require.Equal(t, len(differences), used)
}

// fillQ stores what the recording's collection q holds.
func (s *server) fillQ(t *testing.T) {
	var points []string
	for i := 1; i <= 9; i++ {
		points = append(points, fmt.Sprintf(`{"id":%d,"vector":{"":[%d,%d],"s":{"indices":[%d,5],"values":[1.0,0.5]}},"payload":{"g":%d,"n":%d}}`,
			i, i, 10-i, i%3, i%3, i))
	}
	s.must(t, "PUT /collections/q/points?wait=true", `{"points":[`+strings.Join(points, ",")+`]}`)
}

func send(t *testing.T, s *server, e *exchange) response {
	t.Helper()
	var header []string
	for k, v := range e.Headers {
		header = append(header, k, v)
	}
	return s.get(t, e.Do, e.body(), header...)
}

// replayCreate compares the description of a new snapshot by its form.
func replayCreate(t *testing.T, s *server, e *exchange) description {
	t.Helper()
	r := send(t, s, e)
	compare(t, e, r)
	made := s.list(t, "q")[0]
	require.Regexp(t, `^q-\d+-\d{4}(-\d\d){5}-\d+\.snapshot$`, made.Name)
	require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$`, made.Created)
	require.Regexp(t, `^[0-9a-f]{64}$`, made.Checksum)
	require.Positive(t, made.Size)
	require.Contains(t, string(r.body), made.Name)
	require.Contains(t, string(r.body), made.Checksum)
	return made
}

func (d difference) check(t *testing.T, s *server, e *exchange) {
	t.Helper()
	r := send(t, s, e)
	if d.then != nil {
		d.then(t, s, r)
		return
	}
	require.Equal(t, http.StatusNotImplemented, r.status, "%s", r.body)
	require.Contains(t, r.errorText(t), "not part of this version")
}

// compare fails unless r says what was recorded.
func compare(t *testing.T, e *exchange, r response) {
	t.Helper()
	require.Equal(t, e.Status, r.status, "%s %s\n%s", e.Do, e.body(), r.body)
	require.Equal(t, e.Type, r.header.Get("Content-Type"))
	if e.Type != "application/json" {
		require.Equal(t, e.Answer, string(r.body))
		return
	}
	var got any
	require.NoError(t, json.NewDecoder(bytes.NewReader(r.body)).Decode(&got))
	if diff := cmp.Diff(normalise(e.Answer), normalise(got)); diff != "" {
		t.Errorf("%s %s\nanswer differs (-reference +ours):\n%s", e.Do, e.body(), diff)
	}
}

var (
	// measured are values that differ by nature. They are compared by type.
	measured = map[string]bool{"size": true, "creation_time": true, "name": true, "checksum": true}
	// added are fields of a description that the reference does not have; its
	// clients ignore what they do not know.
	added = map[string]bool{"collection": true, "position": true, "points": true, "event_time": true, "format": true, "version": true}
	// ownWords ends what is compared of an error text.
	ownWords = regexp.MustCompile(`( at line|\[\{).*`)
)

func normalise(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		_, described := v["creation_time"]
		for k, e := range v {
			switch {
			case k == "time", described && added[k]:
			case measured[k]:
				out[k] = fmt.Sprintf("%T", e)
			default:
				out[k] = normalise(e)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = normalise(e)
		}
		return out
	case string:
		return ownWords.ReplaceAllString(v, "")
	}
	return v
}
