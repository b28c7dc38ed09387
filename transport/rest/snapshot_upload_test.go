package rest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/transport/rest"
)

// receiver takes an upload, and refuses more than it wants.
type receiver struct {
	want     int   // bytes; 0: all
	answer   error // of the job
	got      bytes.Buffer
	ended    int
	endedFor error
}

func (r *receiver) Write(p []byte) (int, error) {
	if r.want > 0 && r.got.Len() >= r.want {
		return 0, errors.New("no more is wanted")
	}
	return r.got.Write(p)
}

func (r *receiver) End(err error) { r.ended, r.endedFor = r.ended+1, err }

func (f *fakeSnapshots) Upload(collection string, o rest.UploadOptions) (rest.Begun[rest.SnapshotRestored], rest.Receiver, error) {
	if collection == "busy" {
		return rest.Begun[rest.SnapshotRestored]{}, nil, tidemark.Errorf(tidemark.Unavailable, "the server is stopping")
	}
	f.uploads = append(f.uploads, o)
	return rest.Begun[rest.SnapshotRestored]{ID: "job-3", Wait: func(context.Context) (rest.SnapshotRestored, error) {
		f.waited++
		return rest.SnapshotRestored{Previous: f.previous}, f.receiver.answer
	}}, &f.receiver, nil
}

func (f *fakeSnapshots) Jobs() []rest.SnapshotJob { return f.jobs }

func (f *fakeSnapshots) Job(id string) (rest.SnapshotJob, error) {
	for _, j := range f.jobs {
		if j.ID == id {
			return j, nil
		}
	}
	return rest.SnapshotJob{}, tidemark.Errorf(tidemark.NotFound, "Snapshot job %s not found", id)
}

func (f *fakeSnapshots) CancelJob(_ context.Context, id string) (rest.SnapshotJob, error) {
	j, err := f.Job(id)
	j.State = "cancelled"
	return j, err
}

func form(parts ...string) string {
	var b strings.Builder
	for i := 0; i < len(parts); i += 2 {
		b.WriteString("--B\r\nContent-Disposition: form-data; " + parts[i] + "\r\n\r\n" + parts[i+1] + "\r\n")
	}
	return b.String() + "--B--\r\n"
}

const ofSnapshot = `name="snapshot"; filename="x.snapshot"`

func TestUploads(t *testing.T) {
	fake := &fakeSnapshots{}
	server := newServer(t, func(o *rest.Options) { o.Snapshots = fake; o.MaxRequestBytes = 100 })
	upload := func(query, body string) answer {
		fake.receiver, fake.uploads, fake.waited = receiver{}, nil, 0
		return call(t, server, "POST", "/collections/up/snapshots/upload"+query, body, "Content-Type", "multipart/form-data; boundary=B")
	}
	content := strings.Repeat("0123456789", 100_000)
	checksum := strings.Repeat("aB", 32)
	a := upload("?priority=replica&checksum="+checksum, form(`name="other"`, "passed over", ofSnapshot, content, `name="last"`, "x"))
	require.Equal(t, 200, a.status, "%s", a.body)
	require.Contains(t, string(a.body), `{"result":true,"status":"ok"`)
	require.Equal(t, "job-3", a.header.Get("Tidemark-Job-Id"))
	require.Equal(t, content, fake.receiver.got.String(), "the limit of bodies does not count")
	require.Equal(t, []rest.UploadOptions{{Checksum: checksum, Name: "x.snapshot"}}, fake.uploads)
	require.Equal(t, 1, fake.waited)
	require.Equal(t, 1, fake.receiver.ended)
	require.NoError(t, fake.receiver.endedFor)

	a = upload("?wait=false&keep_uploaded=true", form(ofSnapshot, content))
	require.Equal(t, 202, a.status)
	require.Equal(t, content, fake.receiver.got.String(), "all of it is taken before the answer")
	require.Equal(t, 0, fake.waited)
	require.True(t, *fake.uploads[0].Keep)
	upload("?keep_uploaded=false", form(ofSnapshot, content))
	require.False(t, *fake.uploads[0].Keep)
}

// TestRefusedUploads: texts and types are those that clients know.
func TestRefusedUploads(t *testing.T) {
	fake := &fakeSnapshots{}
	server := newServer(t, func(o *rest.Options) { o.Snapshots = fake })
	whole := form(ofSnapshot, strings.Repeat("x", 10_000))
	const multipart, json, text = "multipart/form-data; boundary=B", "application/json", "text/plain; charset=utf-8"
	for name, c := range map[string]struct {
		path, contentType, body string
		status                  int
		answerType, text        string
		begun                   bool
	}{
		"no type":         {"up", "", whole, 400, text, "Could not find Content-Type header", false},
		"no form":         {"up", "application/json", "{}", 415, text, "ContentTypeIncompatible", false},
		"junk for a type": {"up", ";;", "{}", 415, text, "ContentTypeIncompatible", false},
		"no boundary":     {"up", "multipart/form-data", whole, 400, text, "Multipart boundary is not found", false},
		"other boundary":  {"up", "multipart/form-data; boundary=C", whole, 400, text, "Multipart stream is incomplete", false},
		"empty":           {"up", multipart, "", 400, text, "Multipart stream is incomplete", false},
		"no field":        {"up", multipart, form(`name="other"`, "x"), 400, text, "Required field is missing: snapshot", false},
		"cut in the part": {"up", multipart, whole[:5000], 400, text, "Multipart stream is incomplete", true},
		"cut at the end":  {"up", multipart, whole[:len(whole)-4], 400, text, "Multipart stream is incomplete", true},
		"cut in the next": {"up", multipart, strings.TrimSuffix(whole, "--\r\n") + "\r\nContent-Disp", 400, text, "Multipart stream is incomplete", true},
		"stopping":        {"busy", multipart, whole, 503, json, "the server is stopping", false},
		"name":            {"a%3Cb", multipart, whole, 422, json, "Validation error in path parameters: [collection_name: ", false},
		"wait":            {"up/snapshots/upload?wait=x", multipart, whole, 400, json, "Deserialize error in query parameters: provided string was not", false},
		"keep":            {"up/snapshots/upload?keep_uploaded=x", multipart, whole, 400, json, "Deserialize error in query parameters: provided string was not", false},
		"priority":        {"up/snapshots/upload?priority=x", multipart, whole, 400, json, "Deserialize error in query parameters: unknown variant `x`", false},
		"checksum":        {"up/snapshots/upload?checksum=zz", multipart, whole, 422, json, "Validation error in query parameters: [checksum: Validation error: invalid_sha256_hash", false},
	} {
		t.Run(name, func(t *testing.T) {
			fake.receiver, fake.uploads = receiver{}, nil
			path := "/collections/" + c.path
			if !strings.Contains(c.path, "/") {
				path += "/snapshots/upload"
			}
			var header []string
			if c.contentType != "" {
				header = []string{"Content-Type", c.contentType}
			}
			a := call(t, server, "POST", path, c.body, header...)
			require.Equal(t, c.status, a.status, "%s", a.body)
			require.Equal(t, c.answerType, a.header.Get("Content-Type"))
			require.Contains(t, string(a.body), c.text)
			require.Equal(t, c.begun, len(fake.uploads) == 1)
			if c.begun {
				require.Equal(t, 1, fake.receiver.ended)
				require.Equal(t, tidemark.BadRequest, tidemark.KindOf(fake.receiver.endedFor))
			}
		})
	}
}

// TestUnwantedUpload answers what the job says, also to one who does not wait.
func TestUnwantedUpload(t *testing.T) {
	fake := &fakeSnapshots{}
	server := newServer(t, func(o *rest.Options) { o.Snapshots = fake })
	for _, query := range []string{"", "?wait=false"} {
		fake.receiver = receiver{want: 1000, answer: tidemark.Errorf(tidemark.ChecksumMismatch, "expected a, actual b")}
		a := call(t, server, "POST", "/collections/up/snapshots/upload"+query, form(ofSnapshot, strings.Repeat("x", 1<<20)), "Content-Type", "multipart/form-data; boundary=B")
		require.Equal(t, 400, a.status)
		require.Contains(t, string(a.body), `"error":"Checksum mismatch: expected a, actual b"`)
		require.NoError(t, fake.receiver.endedFor)
	}
}

// unread is a body of which nothing may be read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

func TestUploadsAreAuthorisedFirst(t *testing.T) {
	fake := &fakeSnapshots{}
	server := newServer(t, func(o *rest.Options) { withKeys(o); o.Snapshots = fake })
	for key, status := range map[string]int{"": 401, "wrong": 401, "reader": 403} {
		r := httptest.NewRequest(http.MethodPost, "/collections/up/snapshots/upload", unread{t})
		r.Header.Set("Content-Type", "multipart/form-data; boundary=B")
		r.Header.Set("api-key", key)
		require.Equal(t, status, serve(server, r).status)
	}
	require.Empty(t, fake.uploads)
}

func TestSnapshotJobs(t *testing.T) {
	at := time.Date(2026, 11, 24, 11, 0, 0, 5, time.FixedZone("", 3600))
	fake := &fakeSnapshots{jobs: []rest.SnapshotJob{
		{
			ID: "b", Operation: "recover", Collection: "c", Source: "https://host/x", State: "running", Phase: "unpack", Done: 0, Total: 20,
			Rate: 5.7, Remaining: 3500 * time.Millisecond, Position: 9, Started: at,
		},
		{ID: "a", Operation: "create", Collection: "c", Snapshot: "c-1.snapshot", State: "failed", Done: -1, Remaining: -1, Error: "why", Started: at, Ended: at.Add(time.Minute)},
	}}
	server := newServer(t, func(o *rest.Options) { withKeys(o); o.Snapshots = fake })
	const (
		b       = `{"id":"b","operation":"recover","collection":"c","source":"https://host/x","state":"running","phase":"unpack","bytes_done":0,"bytes_total":20,"bytes_per_second":5,"eta_seconds":3.5,"position":9,"started_at":"2026-11-24T10:00:00Z"}`
		a       = `{"id":"a","operation":"create","collection":"c","snapshot":"c-1.snapshot","state":"failed","error":"why","started_at":"2026-11-24T10:00:00Z","ended_at":"2026-11-24T10:01:00Z"}`
		missing = `{"status":{"error":"Not found: Snapshot job x not found"}`
	)
	for _, c := range []struct {
		do, key string
		status  int
		body    string
	}{
		{"GET /snapshots/jobs", "reader", 200, `{"result":[` + b + `,` + a + `],`},
		{"GET /snapshots/jobs/a", "reader", 200, `{"result":` + a + `,`},
		{"GET /snapshots/jobs/x", "reader", 404, missing},
		{"DELETE /snapshots/jobs/a", "reader", 403, `{"status":{"error":"Forbidden: Global manage access is required"}`},
		{"DELETE /snapshots/jobs/b", "secret", 200, `{"result":` + strings.Replace(b, "running", "cancelled", 1) + `,`},
		{"DELETE /snapshots/jobs/x", "secret", 404, missing},
	} {
		method, path, _ := strings.Cut(c.do, " ")
		a := call(t, server, method, path, "", "api-key", c.key)
		require.Equal(t, c.status, a.status, c.do)
		if c.status != 403 && c.status != 404 {
			require.True(t, strings.HasPrefix(string(a.body), c.body), "%s\n%s", c.do, a.body)
		} else {
			require.Contains(t, string(a.body), strings.TrimSuffix(c.body, "}"))
		}
	}
}
