package rest_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/transport/rest"
)

func (f *fakeSnapshots) Verify(_, name, level string) (rest.Begun[rest.SnapshotReceipt], error) {
	if name != "c-1.snapshot" {
		return rest.Begun[rest.SnapshotReceipt]{}, tidemark.Errorf(tidemark.NotFound, "Snapshot %s not found", name)
	}
	f.levels = append(f.levels, level)
	return rest.Begun[rest.SnapshotReceipt]{ID: "job-4", Wait: func(context.Context) (rest.SnapshotReceipt, error) {
		return f.receipts[0], nil
	}}, nil
}

func TestVerifyRoute(t *testing.T) {
	at := time.Date(2026, 11, 24, 11, 0, 0, 5, time.FixedZone("", 3600))
	fake := &fakeSnapshots{receipts: []rest.SnapshotReceipt{
		{Level: "state", At: at, Took: 1500 * time.Millisecond, Position: 7}, {Level: "bytes", At: at, Error: "why"},
	}}
	server := newServer(t, func(o *rest.Options) { withKeys(o); o.Snapshots = fake })
	const path = "/collections/c/snapshots/c-1.snapshot/verify"
	const receipt = `{"level":"state","at":"2026-11-24T10:00:00Z","seconds":1.5,"position":7}`
	a := call(t, server, "POST", path, "", "api-key", "secret")
	require.Equal(t, 200, a.status)
	require.Contains(t, string(a.body), `{"result":`+receipt+`,`)
	require.Equal(t, "job-4", a.header.Get("Tidemark-Job-Id"))
	require.Equal(t, 202, call(t, server, "POST", path+"?level=bytes&wait=false", "", "api-key", "secret").status)
	require.Equal(t, []string{"state", "bytes"}, fake.levels)
	require.Equal(t, 403, call(t, server, "POST", path, "", "api-key", "reader").status)
	require.Equal(t, 404, call(t, server, "POST", "/collections/c/snapshots/..%2Fx/verify", "", "api-key", "secret").status)
	require.Equal(t, 400, call(t, server, "POST", path+"?wait=x", "", "api-key", "secret").status)
	a = call(t, server, "GET", "/collections/c/snapshots", "", "api-key", "reader")
	require.Contains(t, string(a.body), `"verified":[`+receipt+`,{"level":"bytes","at":"2026-11-24T10:00:00Z","seconds":0,"error":"why"}]`)
}
