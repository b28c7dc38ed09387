package rest_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/transport/rest"
)

func (f *fakeSnapshots) PlanCreate(_ context.Context, collection string, notes rest.SnapshotNotes) (rest.SnapshotPlan, error) {
	f.notes = append(f.notes, notes)
	if collection != "c" {
		return rest.SnapshotPlan{}, tidemark.Errorf(tidemark.NotFound, "Collection `%s` doesn't exist!", collection)
	}
	return rest.SnapshotPlan{Operation: "create", Collection: "c", Position: 9, Files: 2, Bytes: 100, Free: -1, Reuses: "c-1.snapshot", Took: -1}, nil
}

func (f *fakeSnapshots) PlanRecover(_ context.Context, _ string, from rest.SnapshotSource) (rest.SnapshotPlan, error) {
	f.from = append(f.from, from)
	return f.plan, nil
}

func TestDryRuns(t *testing.T) {
	fake := &fakeSnapshots{plan: rest.SnapshotPlan{
		Operation: "recover", Collection: "d", Position: 7, Files: 3, Bytes: 100, Needed: 120, Free: 0, Took: 1500 * time.Millisecond,
		Replaces: &rest.SnapshotReplaced{Position: 5, Points: 0, SameHistory: true},
		Source: &rest.SnapshotContent{
			Collection: "c", Position: 7, Points: 0, EventTime: time.Date(2026, 11, 24, 11, 0, 0, 5, time.FixedZone("", 3600)), Format: 1,
			Version: "1.2.3", Description: "why", Labels: map[string]string{"b": "2", "a": "1"},
		},
	}}
	server := newServer(t, func(o *rest.Options) { o.Snapshots = fake })
	const content = `"position":7,"points":0,"event_time":"2026-11-24T10:00:00.000000005Z","format":1,"version":"1.2.3","description":"why","labels":{"a":"1","b":"2"}}`
	for _, c := range []struct {
		do, body string
		status   int
		want     string
	}{
		{
			"POST /collections/c/snapshots?dry_run=true", "", 200,
			`{"result":{"operation":"create","collection":"c","position":9,"files":2,"bytes":100,"disk":{"needed":0},"reuses":"c-1.snapshot"},`,
		},
		{"POST /collections/x/snapshots?dry_run=true", "", 404, "Not found: Collection `x` doesn't exist!"},
		{"POST /collections/c/snapshots?dry_run=x", "", 400, "Deserialize error in query parameters"},
		{
			"PUT /collections/d/snapshots/recover?dry_run=true", `{"location":"file:///x"}`, 200,
			`{"result":{"operation":"recover","collection":"d","snapshot":{"collection":"c",` + content + `,"position":7,"files":3,"bytes":100,` +
				`"disk":{"needed":120,"free":0},"replaces":{"position":5,"points":0,"same_history":true},"estimate_seconds":1.5},`,
		},
		{"PUT /collections/d/snapshots/recover?dry_run=x", `{"location":"file:///x"}`, 400, "Deserialize error in query parameters"},
		{"GET /collections/c/snapshots", "", 200, `"collection":"c",` + content},
	} {
		method, path, _ := strings.Cut(c.do, " ")
		a := call(t, server, method, path, c.body)
		require.Equal(t, c.status, a.status, c.do)
		require.Contains(t, string(a.body), c.want)
		require.Empty(t, a.header.Get("Tidemark-Job-Id"))
	}
	a := call(t, server, "POST", "/collections/up/snapshots/upload?dry_run=true", form(ofSnapshot, "x"), "Content-Type", "multipart/form-data; boundary=B")
	require.Equal(t, 400, a.status)
	require.Contains(t, string(a.body), "an upload has no dry run")
	require.Zero(t, fake.waited)
	require.Empty(t, fake.uploads, "a dry run began something")
}

func TestSnapshotNotes(t *testing.T) {
	fake := &fakeSnapshots{}
	server := newServer(t, func(o *rest.Options) { o.Snapshots = fake })
	for _, c := range []struct {
		query, body string
		want        rest.SnapshotNotes
	}{
		{"", "", rest.SnapshotNotes{}},
		{"", "  ", rest.SnapshotNotes{}},
		{"", "{}", rest.SnapshotNotes{}},
		{"", "null", rest.SnapshotNotes{}},
		{"", `{"description":"d","labels":{"a":"1"},"unknown":1}`, rest.SnapshotNotes{Description: "d", Labels: map[string]string{"a": "1"}}},
		{"?description=x%20y&label=a=2&label=b=c=d&label=e=", `{"labels":{"a":"1"}}`, rest.SnapshotNotes{Description: "x y", Labels: map[string]string{"a": "2", "b": "c=d", "e": ""}}},
	} {
		fake.notes = nil
		require.Equal(t, 200, call(t, server, "POST", "/collections/c/snapshots"+c.query, c.body).status)
		require.Equal(t, []rest.SnapshotNotes{c.want}, fake.notes)
	}
	for query, body := range map[string]string{"?label=x": "", "": `{"labels":1}`, "?wait=true": `{"labels":{"a":1}}`, "?wait=false": "{"} {
		require.Equal(t, 400, call(t, server, "POST", "/collections/c/snapshots"+query, body).status, body)
	}
}
