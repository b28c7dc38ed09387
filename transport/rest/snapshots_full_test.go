package rest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/transport/rest"
)

// fakeFull is the part of fakeSnapshots that is about the whole storage.
type fakeFull struct {
	fullFrom []rest.FullSource
	planned  int
	content  rest.FullContent
}

const fullName = "full-snapshot-1.snapshot"

func (f *fakeSnapshots) fullDescription() rest.SnapshotDescription {
	d := f.description()
	d.Name = fullName
	return d
}

func (f *fakeSnapshots) ListFull(context.Context) ([]rest.FullSnapshot, error) {
	return []rest.FullSnapshot{{SnapshotDescription: f.fullDescription(), Storage: &f.content}, {SnapshotDescription: f.fullDescription()}}, nil
}

func (f *fakeSnapshots) CreateFull(notes rest.SnapshotNotes) (rest.Begun[rest.SnapshotDescription], error) {
	f.notes = append(f.notes, notes)
	return rest.Begun[rest.SnapshotDescription]{ID: "job-8", Wait: func(context.Context) (rest.SnapshotDescription, error) {
		f.waited++
		return f.fullDescription(), nil
	}}, nil
}

func (f *fakeSnapshots) plan8() rest.FullPlan {
	f.planned++
	return rest.FullPlan{
		Operation: "recover_full", Source: &f.content, Bytes: 10, Needed: 20, Free: 30, Took: 1e9,
		Collections: []rest.FullPlanPart{
			{FullPart: f.content.Collections[0], Bytes: 5, Name: "c", Replaces: &rest.SnapshotReplaced{Position: 3, Points: 2, SameHistory: true}},
			{FullPart: f.content.Collections[1], Bytes: 5, Name: "e"},
		},
		Aliases: f.content.Aliases,
	}
}

func (f *fakeSnapshots) PlanCreateFull(context.Context, rest.SnapshotNotes) (rest.FullPlan, error) {
	return f.plan8(), nil
}

func (f *fakeSnapshots) PlanRecoverFull(context.Context, rest.FullSource) (rest.FullPlan, error) {
	return f.plan8(), nil
}

func (f *fakeSnapshots) known(name string) error {
	if name != fullName {
		return tidemark.Errorf(tidemark.NotFound, "Snapshot %s not found", name)
	}
	return nil
}

func (f *fakeSnapshots) DeleteFull(_ context.Context, name string) error {
	f.deleted = append(f.deleted, name)
	return f.known(name)
}

func (f *fakeSnapshots) OpenFull(_ context.Context, name string) (rest.SnapshotFile, error) {
	return rest.SnapshotFile{ReadSeekCloser: file{bytes.NewReader(f.data)}, SnapshotDescription: f.fullDescription()}, f.known(name)
}

func (f *fakeSnapshots) RecoverFull(_ context.Context, from rest.FullSource) (rest.Begun[struct{}], error) {
	f.fullFrom = append(f.fullFrom, from)
	return rest.Begun[struct{}]{ID: "job-9", Wait: func(context.Context) (struct{}, error) { f.waited++; return struct{}{}, nil }}, nil
}

func (f *fakeSnapshots) UploadFull(o rest.UploadOptions) (rest.Begun[struct{}], rest.Receiver, error) {
	f.uploads = append(f.uploads, o)
	return rest.Begun[struct{}]{ID: "job-9", Wait: func(context.Context) (struct{}, error) { f.waited++; return struct{}{}, nil }}, &f.receiver, nil
}

func (f *fakeSnapshots) VerifyFull(name, level string) (rest.Begun[rest.SnapshotReceipt], error) {
	f.levels = append(f.levels, level)
	return rest.Begun[rest.SnapshotReceipt]{ID: "job-9", Wait: func(context.Context) (rest.SnapshotReceipt, error) {
		return rest.SnapshotReceipt{Level: level}, nil
	}}, f.known(name)
}

func newFakeFull() *fakeSnapshots {
	return &fakeSnapshots{data: []byte("0123456789"), fakeFull: fakeFull{content: rest.FullContent{
		Format: 1, Version: "1.2.3", Description: "all",
		Collections: []rest.FullPart{{"c", 7, 5}, {"d", 9, 4}}, Aliases: []tidemark.Alias{{Name: "live", Collection: "c"}},
	}}}
}

func TestFullSnapshotRoutes(t *testing.T) {
	fake := newFakeFull()
	server := newServer(t, func(o *rest.Options) { o.Snapshots = fake })
	spec := loadSpec(t)
	ask := func(do, body string, header ...string) answer {
		method, path, _ := strings.Cut(do, " ")
		a := call(t, server, method, path, body, header...)
		if !strings.HasPrefix(do, "GET /snapshots/") {
			spec.validate(t, &exchange{Do: do}, a)
		}
		return a
	}
	known := `{"name":"` + fullName + `","creation_time":"2026-11-24T10:00:00","size":10,"checksum":"` + strings.Repeat("ab", 32) + `"`
	a := ask("GET /snapshots", "")
	require.Contains(t, string(a.body), `"result":[`+known+`,"points":9,"format":1,"version":"1.2.3","description":"all",`+
		`"collections":[{"collection":"c","position":7,"points":5},{"collection":"d","position":9,"points":4}],`+
		`"aliases":[{"alias_name":"live","collection_name":"c"}]},`+known+`}]`)

	a = ask("POST /snapshots", `{"description":"all"}`)
	require.Contains(t, string(a.body), `"result":`+known+`}`)
	require.Equal(t, "all", fake.notes[0].Description)
	require.Equal(t, "job-8", a.header.Get("Tidemark-Job-Id"))
	a = ask("POST /snapshots?wait=false", "")
	require.Equal(t, 202, a.status)
	require.Equal(t, 1, fake.waited)
	require.Equal(t, 400, ask("POST /snapshots?wait=x", "").status)
	a = call(t, server, "POST", "/snapshots?dry_run=true", "")
	require.Contains(t, string(a.body), `"disk":{"needed":20,"free":30},"collections":[{"collection":"c","position":7,"points":5,"bytes":5,`+
		`"replaces":{"position":3,"points":2,"same_history":true}},{"collection":"d","position":9,"points":4,"bytes":5,"restored_as":"e"}],`+
		`"aliases":[{"alias_name":"live","collection_name":"c"}],"estimate_seconds":1}`)

	require.Equal(t, 200, ask("DELETE /snapshots/"+fullName, "").status)
	for _, name := range []string{"none", "..%2Fx.snapshot"} {
		a = ask("DELETE /snapshots/"+name, "")
		require.Equal(t, 404, a.status)
		require.Contains(t, string(a.body), "not found")
		a = ask("GET /snapshots/"+name, "")
		require.Equal(t, 404, a.status)
		require.Equal(t, "text/plain; charset=utf-8", a.header.Get("Content-Type"))
	}
	a = ask("GET /snapshots/"+fullName, "", "Range", "bytes=2-3")
	require.Equal(t, http.StatusPartialContent, a.status)
	require.Equal(t, "23", string(a.body))

	a = call(t, server, "POST", "/snapshots/"+fullName+"/verify?level=bytes", "")
	require.Contains(t, string(a.body), `"level":"bytes"`)
	require.Equal(t, 404, call(t, server, "POST", "/snapshots/none/verify", "").status)

	fake.jobs = []rest.SnapshotJob{{ID: "7", Operation: "create_full"}}
	a = call(t, server, "GET", "/snapshots/jobs", "")
	require.Contains(t, string(a.body), `"operation":"create_full"`, "a snapshot cannot be named jobs")
	require.Equal(t, 200, call(t, server, "GET", "/snapshots/jobs/7", "").status)
	require.Equal(t, 404, call(t, server, "DELETE", "/snapshots/jobs", "").status)
}

func TestRecoverFullRequests(t *testing.T) {
	fake := newFakeFull()
	server := newServer(t, func(o *rest.Options) { o.Snapshots = fake })
	ask := func(query, body string) answer { return call(t, server, "PUT", "/snapshots/recover"+query, body) }
	sum := strings.Repeat("AB", 32)
	a := ask("", `{"location":"x.snapshot","checksum":"`+sum+`","api_key":"k","priority":"replica","collections":["a","b"],"rename":{"a":"c"}}`)
	require.Equal(t, 200, a.status, "%s", a.body)
	require.Contains(t, string(a.body), `"result":true`)
	from := fake.fullFrom[0]
	require.Equal(t, "x.snapshot", from.Location.Path)
	require.Equal(t, []string{sum, "k"}, []string{from.Checksum, from.APIKey})
	require.Equal(t, []string{"a", "b"}, from.Collections)
	require.Equal(t, map[string]string{"a": "c"}, from.Rename)
	a = ask("?wait=false", `{"location":"file:///x","collections":[]}`)
	require.Equal(t, 202, a.status)
	require.Equal(t, "job-9", a.header.Get("Tidemark-Job-Id"))
	require.NotNil(t, fake.fullFrom[1].Collections, "none is not all")
	ask("", `{"location":"file:///x"}`)
	require.Nil(t, fake.fullFrom[2].Collections)
	a = ask("?dry_run=true", `{"location":"file:///x"}`)
	require.True(t, json.Valid(a.body))
	require.Contains(t, string(a.body), `"operation":"recover_full"`)
	require.Equal(t, 1, fake.planned)
	for body, status := range map[string]int{
		`{}`: 400, `{"location":"x"}`: 400, `{"location":"file:///x","checksum":"zz"}`: 422, `{"location":"file:///x","priority":"y"}`: 400,
		`{"location":"file:///x","collections":"c"}`: 400, `{"location":"file:///x","rename":["c"]}`: 400,
	} {
		require.Equal(t, status, ask("", body).status, body)
	}
	require.Len(t, fake.fullFrom, 3)
}

func TestUploadFull(t *testing.T) {
	fake := newFakeFull()
	server := newServer(t, func(o *rest.Options) { o.Snapshots = fake; o.MaxRequestBytes = 100 })
	content := strings.Repeat("0123456789", 100_000)
	a := call(t, server, "POST", "/snapshots/upload?keep_uploaded=true", form(ofSnapshot, content), "Content-Type", "multipart/form-data; boundary=B")
	require.Equal(t, 200, a.status, "%s", a.body)
	require.Contains(t, string(a.body), `"result":true`)
	require.Equal(t, content, fake.receiver.got.String())
	require.True(t, *fake.uploads[0].Keep)
	a = call(t, server, "POST", "/snapshots/upload", form(`name="other"`, "x"), "Content-Type", "multipart/form-data; boundary=B")
	require.Equal(t, 400, a.status)
	require.Equal(t, "Required field is missing: snapshot", string(a.body))
	require.Len(t, fake.uploads, 1)
}
