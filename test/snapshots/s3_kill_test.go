package snapshots

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/snapshot/blob/s3/s3test"
)

// slowly are settings with which a snapshot of 16 MB takes long enough to be in
// the middle of it, and which forget nothing of what a kill left.
func slowly(env []string) []string {
	return append(env, "TIDEMARK__S3__BANDWIDTH_MB_PER_SEC=4", "TIDEMARK__S3__ORPHAN_UPLOAD_HOURS=0", "TIDEMARK__HEAD_MB=4")
}

// fillPayloads upserts points whose payloads make a snapshot of about that many
// MB.
func (s *server) fillPayloads(t *testing.T, collection string, mb int) {
	t.Helper()
	for id := range mb {
		text := hard(id, 1_000_000)
		s.must(t, "PUT /collections/"+collection+"/points?wait=true", `{"points":[{"id":`+jsonNumber(id)+`,"vector":[1,2],"payload":{"text":"`+text+`"}}]}`)
	}
}

func jsonNumber(n int) string {
	b, _ := json.Marshal(n) // never fails
	return string(b)
}

// hard is text that does not compress well.
func hard(seed, bytes int) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	state, b := uint64(seed)*2654435761+1, make([]byte, bytes)
	for i := range b {
		state = state*6364136223846793005 + 1442695040888963407
		b[i] = digits[state>>58]
	}
	return string(b)
}

// during runs a request that is killed in the middle: once reached says that it
// is there.
func (s *server) during(t *testing.T, request, body string, reached func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var asking sync.WaitGroup
	asking.Go(func() {
		if r, err := s.do(ctx, request, body); err == nil {
			t.Errorf("it was answered before it was killed: %d %s", r.status, r.body)
		}
	})
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !reached() && ctx.Err() == nil {
		<-tick.C
	}
	s.Kill()
	asking.Wait()
	require.NoError(t, ctx.Err(), "it did not begin")
}

// TestKillDuringWorkWithABucket kills the server while it sends a snapshot to its
// bucket, and while it restores one from another server's. At the next start the
// upload is aborted, there is no part of a snapshot or a collection, and what was
// there is there.
func TestKillDuringWorkWithABucket(t *testing.T) {
	s3test.ClearEnv(t)
	gateway := s3test.StartTLS(t)
	bucket := gateway.NewBucket(t)
	s := start(t, t.TempDir(), slowly(inBucket(t, gateway, bucket))...)
	s.must(t, "PUT /collections/c", dense(2))
	s.fillPayloads(t, "c", 20)
	before := s.state(t, "c")

	s.during(t, "POST /collections/c/snapshots", "", func() bool { return len(gateway.Uploads(t, bucket)) > 0 })
	require.Len(t, gateway.Uploads(t, bucket), 1, "it was not killed in the middle")
	require.NoError(t, s.Start(t.Context()))
	require.Empty(t, gateway.Uploads(t, bucket))
	require.Empty(t, gateway.Keys(t, bucket))
	require.Empty(t, s.list(t, "c"))
	require.Equal(t, before, s.state(t, "c"))

	made := s.create(t, "c")
	s.must(t, "PUT /collections/c/points?wait=true", `{"points":[{"id":1,"vector":[3,4]}]}`)
	changed := s.state(t, "c")
	location := `{"location":"s3://` + bucket + `/backups/one/c/` + made.Name + `","checksum":"` + made.Checksum + `"}`
	for _, collection := range []string{"c", "new"} {
		s.during(t, recoverRequest(collection), location, func() bool { return s.received(t) > 1_000_000 })
		require.NoError(t, s.Start(t.Context()))
		require.Equal(t, changed, s.state(t, "c"))
		require.Equal(t, []string{"c"}, s.collections(t))
		require.Len(t, s.left(t), 1, "a part of a restore is left over")
		jobs := result[[]bucketJob](t, s, "GET /snapshots/jobs", "")
		require.Equal(t, "interrupted", jobs[0].State)
	}
	require.Equal(t, []description{made}, s.list(t, "c"))
	require.Empty(t, gateway.Uploads(t, bucket))

	// Who has S3 configured and keeps his snapshots on the disk restores from there.
	other := start(t, t.TempDir(), slices.DeleteFunc(inBucket(t, gateway, bucket), func(e string) bool {
		return strings.Contains(e, "SNAPSHOTS_STORAGE") || strings.Contains(e, "BUCKET")
	})...)
	other.must(t, recoverRequest("c"), location)
	require.Equal(t, before.Digest, other.state(t, "c").Digest)
	missing := other.get(t, recoverRequest("c"), `{"location":"s3://`+bucket+`/x.snapshot"}`)
	require.Equal(t, http.StatusNotFound, missing.status)
	require.Equal(t, "Not found: Snapshot s3://"+bucket+"/x.snapshot not found", missing.errorText(t))

	cancelInTheMiddle(t, s, location)
}

// bucketJob is a job in a list.
type bucketJob struct {
	ID    string `json:"id"`
	State string `json:"state"`
	Done  int64  `json:"bytes_done"`
}

// received is how many bytes of an archive the newest job has got.
func (s *server) received(t *testing.T) int64 {
	jobs := result[[]bucketJob](t, s, "GET /snapshots/jobs", "")
	if len(jobs) == 0 || jobs[0].State != "running" {
		return 0
	}
	return jobs[0].Done
}

// collections are the names of all collections.
func (s *server) collections(t *testing.T) (names []string) {
	t.Helper()
	type listing struct {
		Collections []struct{ Name string }
	}
	for _, c := range result[listing](t, s, "GET /collections", "").Collections {
		names = append(names, c.Name)
	}
	return names
}

// cancelInTheMiddle: a restore that is cancelled while it reads leaves nothing.
func cancelInTheMiddle(t *testing.T, s *server, location string) {
	require.Equal(t, http.StatusAccepted, s.get(t, recoverRequest("new")+"?wait=false", location).status)
	require.Eventually(t, func() bool { return s.received(t) > 0 }, time.Minute, 5*time.Millisecond)
	id := result[[]bucketJob](t, s, "GET /snapshots/jobs", "")[0].ID
	require.Equal(t, "cancelled", result[bucketJob](t, s, "DELETE /snapshots/jobs/"+id, "").State)
	require.Equal(t, []string{"c"}, s.collections(t))
	require.Len(t, s.left(t), 1)
}
