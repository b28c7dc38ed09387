package rest_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/transport/rest"
)

func (f *fakeSnapshots) undone() rest.SnapshotUndone {
	return rest.SnapshotUndone{
		SetAside: tidemark.SetAside{
			Collection: "c", After: 7, Through: 12, Writes: 4,
			IDs: []segments.PointID{segments.NumberID(3), segments.UUIDID(uuid.MustParse("0e3b5a0c-98a1-4a53-8d0b-5d1f3f2f7a11"))},
		},
		State: f.previous,
	}
}

func (f *fakeSnapshots) Undo(_ context.Context, collection string, o rest.UndoOptions) (rest.Begun[rest.SnapshotUndone], error) {
	if collection != "c" {
		return rest.Begun[rest.SnapshotUndone]{}, tidemark.Errorf(tidemark.NotFound, "Collection `%s` has no previous state", collection)
	}
	f.undos = append(f.undos, o.Previous)
	return rest.Begun[rest.SnapshotUndone]{ID: "job-5", Wait: func(context.Context) (rest.SnapshotUndone, error) {
		f.waited++
		return f.undone(), nil
	}}, nil
}

func (f *fakeSnapshots) PreviewUndo(_ context.Context, collection string) (rest.SnapshotUndone, error) {
	if collection != "c" {
		return rest.SnapshotUndone{}, tidemark.Errorf(tidemark.NotFound, "Collection `%s` has no previous state", collection)
	}
	return f.undone(), nil
}

var (
	previousID    = uuid.MustParse("33aa006a-ea18-4739-8f8c-8c24f7992041")
	previousState = &tidemark.Previous{
		ID: previousID, Until: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC), Bytes: 4096, Position: 6, Count: 2,
	}
)

const previousShown = `{"id":"33aa006a-ea18-4739-8f8c-8c24f7992041","position":6,"points":2,"bytes":4096,"until":"2026-11-24T12:00:00Z"}`

func TestUndoRoute(t *testing.T) {
	fake := &fakeSnapshots{previous: previousState}
	server := newServer(t, func(o *rest.Options) { withKeys(o); o.Snapshots = fake })
	ask := func(path string) answer { return call(t, server, "POST", path, "", "api-key", "secret") }
	const path = "/collections/c/snapshots/undo"
	const undone = `{"result":{"collection":"c","set_aside":{"writes":4,"after_position":7,"through_position":12,` +
		`"ids":[3,"0e3b5a0c-98a1-4a53-8d0b-5d1f3f2f7a11"]},"previous":` + previousShown + `},`

	a := ask(path)
	require.Equal(t, 200, a.status)
	require.Contains(t, string(a.body), undone)
	require.Equal(t, "job-5", a.header.Get("Tidemark-Job-Id"))
	require.Equal(t, 1, fake.waited)
	a = ask(path + "?wait=false&previous=" + previousID.String())
	require.Equal(t, 202, a.status)
	require.Equal(t, 1, fake.waited)
	require.Equal(t, []uuid.UUID{uuid.Nil, previousID}, fake.undos)

	a = ask(path + "?dry_run=true")
	require.Equal(t, 200, a.status)
	require.Contains(t, string(a.body), undone)
	require.Len(t, fake.undos, 2, "a dry run changes nothing")
	require.Empty(t, a.header.Get("Tidemark-Job-Id"))

	for _, wrong := range []string{"?wait=x", "?dry_run=x", "?previous=x"} {
		require.Equal(t, 400, ask(path+wrong).status, wrong)
	}
	require.Equal(t, 404, ask("/collections/other/snapshots/undo").status)
	require.Equal(t, 404, ask("/collections/other/snapshots/undo?dry_run=true").status)
	require.Equal(t, 403, call(t, server, "POST", path, "", "api-key", "reader").status)
	require.Len(t, fake.undos, 2)

	fake.previous = nil
	a = ask(path)
	require.NotContains(t, string(a.body), "previous")
}

// TestRestoresTellHowToUndoThem: beside the result that clients expect.
func TestRestoresTellHowToUndoThem(t *testing.T) {
	fake := &fakeSnapshots{}
	server := newServer(t, func(o *rest.Options) { o.Snapshots = fake })
	spec := loadSpec(t)
	const recovery = "/collections/c/snapshots/recover"
	a := call(t, server, "PUT", recovery, `{"location":"file:///x"}`)
	require.NotContains(t, string(a.body), "undo")

	fake.previous = previousState
	const shown = `{"result":true,"undo":` + previousShown + `,"status":"ok","time":`
	a = call(t, server, "PUT", recovery, `{"location":"file:///x"}`)
	require.True(t, strings.HasPrefix(string(a.body), shown), "%s", a.body)
	spec.validate(t, &exchange{Do: "PUT " + recovery}, a)
	a = call(t, server, "POST", "/collections/c/snapshots/upload", form(ofSnapshot, "x"), "Content-Type", "multipart/form-data; boundary=B")
	require.True(t, strings.HasPrefix(string(a.body), shown), "%s", a.body)

	fake.previous = &tidemark.Previous{ID: previousID, Until: previousState.Until, Bytes: 1}
	a = call(t, server, "PUT", recovery, `{"location":"file:///x"}`)
	require.NotContains(t, string(a.body), "points", "of one that could not be opened nothing is known")
}
