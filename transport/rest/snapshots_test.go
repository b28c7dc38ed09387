package rest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/transport/rest"
)

// fakeSnapshots keeps one snapshot and remembers what it was asked.
type fakeSnapshots struct {
	fakeFull
	data    []byte
	waited  int
	deleted []string
	from    []rest.SnapshotSource

	receiver receiver
	uploads  []rest.UploadOptions
	jobs     []rest.SnapshotJob
	notes    []rest.SnapshotNotes
	plan     rest.SnapshotPlan
	receipts []rest.SnapshotReceipt
	levels   []string
	previous *tidemark.Previous
	undos    []uuid.UUID
	stream   rest.SnapshotStream
}

func (f *fakeSnapshots) description() rest.SnapshotDescription {
	return rest.SnapshotDescription{
		Name: "c-1.snapshot", Size: int64(len(f.data)), Checksum: strings.Repeat("ab", 32),
		Created: time.Date(2026, 11, 24, 11, 0, 0, 5, time.FixedZone("", 3600)),
	}
}

func (f *fakeSnapshots) List(_ context.Context, collection string) ([]rest.SnapshotDescription, error) {
	if collection != "c" {
		return nil, tidemark.Errorf(tidemark.NotFound, "Collection `%s` doesn't exist!", collection)
	}
	d := f.description()
	d.Content = f.plan.Source
	d.Verified = f.receipts
	return []rest.SnapshotDescription{d}, nil
}

func (f *fakeSnapshots) Create(_ string, notes rest.SnapshotNotes) (rest.Begun[rest.SnapshotDescription], error) {
	f.notes = append(f.notes, notes)
	return rest.Begun[rest.SnapshotDescription]{ID: "job-1", Wait: func(context.Context) (rest.SnapshotDescription, error) {
		f.waited++
		return f.description(), nil
	}}, nil
}

func (f *fakeSnapshots) Delete(_ context.Context, _, name string) error {
	if name != "c-1.snapshot" {
		return tidemark.Errorf(tidemark.NotFound, "Snapshot %s not found", name)
	}
	f.deleted = append(f.deleted, name)
	return nil
}

// file is an open file in memory.
type file struct{ *bytes.Reader }

func (file) Close() error { return nil }

func (f *fakeSnapshots) Open(_ context.Context, _, name string) (rest.SnapshotFile, error) {
	if name != "c-1.snapshot" {
		return rest.SnapshotFile{}, tidemark.Errorf(tidemark.NotFound, "Snapshot %s not found", name)
	}
	var content io.ReadSeekCloser = file{bytes.NewReader(f.data)}
	return rest.SnapshotFile{ReadSeekCloser: content, SnapshotDescription: f.description()}, nil
}

func (f *fakeSnapshots) Recover(_ context.Context, _ string, from rest.SnapshotSource) (rest.Begun[rest.SnapshotRestored], error) {
	f.from = append(f.from, from)
	return rest.Begun[rest.SnapshotRestored]{ID: "job-2", Wait: func(context.Context) (rest.SnapshotRestored, error) {
		f.waited++
		return rest.SnapshotRestored{Previous: f.previous}, nil
	}}, nil
}

func TestSnapshotRoutes(t *testing.T) {
	fake := &fakeSnapshots{data: bytes.Repeat([]byte("0123456789"), 1000)}
	server := newServer(t, func(o *rest.Options) { o.Snapshots = fake })
	spec := loadSpec(t)
	ask := func(do, body string, header ...string) answer {
		method, path, _ := strings.Cut(do, " ")
		a := call(t, server, method, path, body, header...)
		if !strings.HasPrefix(do, "GET /collections/c/snapshots/") {
			spec.validate(t, &exchange{Do: do}, a)
		}
		return a
	}
	const described = `{"name":"c-1.snapshot","creation_time":"2026-11-24T10:00:00","size":10000,"checksum":"abababababababababababababababababababababababababababababababab"}`

	a := ask("GET /collections/c/snapshots", "")
	require.Contains(t, string(a.body), `"result":[`+described+`]`)
	require.Equal(t, 404, ask("GET /collections/x/snapshots", "").status)

	a = ask("POST /collections/c/snapshots", "")
	require.Contains(t, string(a.body), `"result":`+described)
	require.Equal(t, 1, fake.waited)
	require.Equal(t, "job-1", a.header.Get("Tidemark-Job-Id"))
	a = ask("POST /collections/c/snapshots?wait=false", "")
	require.Equal(t, 202, a.status)
	require.NotContains(t, string(a.body), "result")
	require.Contains(t, string(a.body), `{"status":"accepted","time":`)
	require.Equal(t, 1, fake.waited)
	require.Equal(t, 400, ask("POST /collections/c/snapshots?wait=x", "").status)

	require.Equal(t, 200, ask("DELETE /collections/c/snapshots/c-1.snapshot", "").status)
	require.Equal(t, []string{"c-1.snapshot"}, fake.deleted)
	a = ask("DELETE /collections/c/snapshots/..%2Fx", "")
	require.Equal(t, 404, a.status)
	require.Contains(t, string(a.body), "Not found: Snapshot ../x not found")

	a = ask("GET /collections/c/snapshots/c-1.snapshot", "", "Accept-Encoding", "gzip")
	require.Equal(t, 200, a.status)
	require.Equal(t, fake.data, a.body)
	require.Equal(t, "application/octet-stream", a.header.Get("Content-Type"))
	require.Equal(t, "10000", a.header.Get("Content-Length"))
	require.Empty(t, a.header.Get("Content-Encoding"), "downloads are sent as they are")
	require.NotEmpty(t, a.header.Get("Last-Modified"))
	etag := a.header.Get("ETag")
	require.Equal(t, `"`+strings.Repeat("ab", 32)+`"`, etag)
	a = ask("GET /collections/c/snapshots/c-1.snapshot", "", "Range", "bytes=5-14", "If-Range", etag)
	require.Equal(t, 206, a.status)
	require.Equal(t, "5678901234", string(a.body))
	require.Equal(t, 304, ask("GET /collections/c/snapshots/c-1.snapshot", "", "If-None-Match", etag).status)
	a = ask("GET /collections/c/snapshots/..%2F..%2Fx", "")
	require.Equal(t, 404, a.status)
	require.Equal(t, "text/plain; charset=utf-8", a.header.Get("Content-Type"))
	require.Equal(t, "Not found: Snapshot ../../x not found", string(a.body))
}

func (f *fakeSnapshots) DownloadURL(_ context.Context, collection, name string) (string, error) {
	switch {
	case name == "x.snapshot":
		return "", tidemark.Errorf(tidemark.NotFound, "Snapshot x.snapshot not found")
	case collection == "bucket":
		return "https://s3.example/b/" + name + "?signature=1", nil
	}
	return "", nil
}

// TestRedirects: who asks for it is sent to where the snapshot lies, if that can
// be.
func TestRedirects(t *testing.T) {
	fake := &fakeSnapshots{data: []byte("content")}
	server := newServer(t, func(o *rest.Options) { o.Snapshots = fake })
	a := call(t, server, "GET", "/collections/bucket/snapshots/c-1.snapshot?redirect=true", "")
	require.Equal(t, 307, a.status)
	require.Equal(t, "https://s3.example/b/c-1.snapshot?signature=1", a.header.Get("Location"))
	require.Equal(t, "no-store", a.header.Get("Cache-Control"))
	require.Empty(t, a.body)
	for path, status := range map[string]int{
		"/collections/bucket/snapshots/c-1.snapshot":                200,
		"/collections/bucket/snapshots/c-1.snapshot?redirect=false": 200,
		"/collections/c/snapshots/c-1.snapshot?redirect=true":       200,
		"/collections/bucket/snapshots/x.snapshot?redirect=true":    404,
		"/collections/bucket/snapshots/c-1.snapshot?redirect=x":     400,
	} {
		a := call(t, server, "GET", path, "")
		require.Equal(t, status, a.status, "%s: %s", path, a.body)
		require.Empty(t, a.header.Get("Location"), path)
	}
}

func TestRecoverRequests(t *testing.T) {
	fake := &fakeSnapshots{}
	server := newServer(t, func(o *rest.Options) { o.Snapshots = fake })
	const path = "/collections/r/snapshots/recover"
	checksum := strings.Repeat("AB", 32)
	a := call(t, server, "PUT", path, `{"location":"file:///x/y.snapshot","priority":"snapshot","checksum":"`+checksum+`","api_key":"k"}`)
	require.Equal(t, 200, a.status, "%s", a.body)
	require.Len(t, fake.from, 1)
	require.Equal(t, "/x/y.snapshot", fake.from[0].Location.Path)
	require.Equal(t, checksum, fake.from[0].Checksum)
	require.Equal(t, "k", fake.from[0].APIKey)
	require.Equal(t, 1, fake.waited)
	a = call(t, server, "PUT", path+"?wait=false", `{"location":"file:///x"}`)
	require.Equal(t, 202, a.status)
	require.Equal(t, "job-2", a.header.Get("Tidemark-Job-Id"))
	require.Equal(t, 1, fake.waited)

	for _, location := range []string{"https://host/x?y=z", "c-1.snapshot", "other/c-1.snapshot"} {
		require.Equal(t, 200, call(t, server, "PUT", path, `{"location":"`+location+`"}`).status)
		require.Equal(t, location, fake.from[len(fake.from)-1].Location.String())
	}
	begun := len(fake.from)
	for _, c := range []struct {
		path, body string
		status     int
		text       string
	}{
		{path, `{}`, 400, "Format error in JSON body: missing field `location`"},
		{path, `{"location":"x"}`, 400, `Format error in JSON body: relative URL without a base: "x"`},
		{path, `{"location":"//host/x.snapshot"}`, 400, `Format error in JSON body: relative URL without a base`},
		{path, `{"location":"x.snapshot/y"}`, 400, `Format error in JSON body: relative URL without a base`},
		{path, `{"location":"ftp://x/y"}`, 400, "Bad request: URL ftp://x/y with scheme ftp is not supported"},
		{path, `{"location":"file:///x","priority":"foo"}`, 400, "Format error in JSON body: unknown variant `foo`, expected one of `no_sync`, `snapshot`, `replica`"},
		{path, `{"location":"file:///x","checksum":"zz"}`, 422, "Validation error in JSON body: [checksum: Validation error: invalid_sha256_hash [{"},
		{path + "?wait=x", `{"location":"file:///x"}`, 400, "Deserialize error in query parameters: provided string was not `true` or `false`"},
		{"/collections/a%3Cb/snapshots/recover", `{"location":"file:///x"}`, 422, "Validation error in path parameters: [collection_name: "},
	} {
		a := call(t, server, "PUT", c.path, c.body)
		require.Equal(t, c.status, a.status, c.body)
		var e struct {
			Status struct{ Error string }
		}
		require.NoError(t, json.Unmarshal(a.body, &e))
		require.True(t, strings.HasPrefix(e.Status.Error, c.text), e.Status.Error)
	}
	require.Len(t, fake.from, begun, "what is refused is not begun")
}
