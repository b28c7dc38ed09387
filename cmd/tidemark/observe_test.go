package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/config"
)

// openTestEngine opens a real engine over dir and waits until it is ready.
func openTestEngine(t *testing.T, dir string) engine {
	t.Helper()
	c := config.Default()
	c.Storage.StoragePath, c.Storage.SnapshotsPath = filepath.Join(dir, "storage"), filepath.Join(dir, "snapshots")
	c.Service.MetricsPrefix = "blue_"
	e, err := openEngine(t.Context(), c, budgets{writes: 256 << 20, reads: 128 << 20}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.Eventually(t, e.Ready, time.Minute, time.Millisecond)
	return e
}

// ask sends a request that must succeed, and returns the answer.
func ask(t *testing.T, e engine, method, path, body string) string {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	require.Equal(t, 200, w.Code, w.Body)
	return w.Body.String()
}

// TestMetricsOfEverything: each observer is told by what it observes, and what
// was known of snapshots survives a restart.
func TestMetricsOfEverything(t *testing.T) {
	dir := t.TempDir()
	e := openTestEngine(t, dir)
	ask(t, e, "PUT", "/collections/books", `{"vectors":{"size":2,"distance":"Dot"}}`)
	ask(t, e, "PUT", "/collections/books/points?wait=true", `{"points":[{"id":1,"vector":[1,2]}]}`)
	var created struct{ Result struct{ Name string } }
	require.NoError(t, json.Unmarshal([]byte(ask(t, e, "POST", "/collections/books/snapshots", "")), &created))
	for _, sample := range []string{
		`blue_collection_points{id="books"} 1`,
		`blue_rest_responses_total{collection="books",endpoint="/collections/{collection_name}/points",method="PUT",status="200"} 1`,
		`blue_tidemark_log_group_records_count{collection="books"} 2`,
		`blue_tidemark_snapshot_successes_total{collection="books"} 1`,
		`blue_tidemark_budget_limit_bytes 2.68435456e+08`,
		`blue_tidemark_read_memory_limit_bytes 1.34217728e+08`,
	} {
		requireSample(t, e, sample)
	}

	location := "file://" + filepath.Join(dir, "snapshots", "books", created.Result.Name)
	ask(t, e, "PUT", "/collections/books/snapshots/recover", `{"location":"`+location+`"}`)
	requireSample(t, e, `blue_tidemark_restore_successes_total 1`)
	requireSample(t, e, `blue_tidemark_fence_duration_seconds_count 1`)
	requireSample(t, e, `blue_tidemark_log_group_records_count{collection="books"} 0`) // the log of the new incarnation
	require.NoError(t, e.Close(context.WithoutCancel(t.Context())))

	e = openTestEngine(t, dir)
	requireSample(t, e, `blue_tidemark_recovery_duration_seconds_count 1`)
	requireSample(t, e, `blue_tidemark_snapshot_attempts_total{collection="books"} 0`)
	requireSample(t, e, `blue_tidemark_snapshot_last_success_timestamp_seconds{collection="books"} 1.`)
	requireSample(t, e, `blue_tidemark_snapshot_last_attempt_timestamp_seconds{collection="books"} 1.`)
	requireSample(t, e, `blue_tidemark_snapshot_last_status{collection="books"} 1`)
	requireSample(t, e, `blue_tidemark_restore_last_status 1`)
	require.Eventually(t, func() bool {
		return strings.Contains(metricsOf(t, e), "\n"+`blue_tidemark_snapshots_stored{collection="books"} 1`)
	}, time.Minute, time.Millisecond)
	ask(t, e, "DELETE", "/collections/books", "")
	require.False(t, strings.Contains(metricsOf(t, e), "books"), "series of a dropped collection")
	require.NoError(t, e.Close(context.WithoutCancel(t.Context())))
}

// requireSample requires a line of the page that begins with sample.
func requireSample(t *testing.T, e engine, sample string) {
	t.Helper()
	require.True(t, strings.Contains(metricsOf(t, e), "\n"+sample), sample)
}

func metricsOf(t *testing.T, e engine) string {
	t.Helper()
	return ask(t, e, "GET", "/metrics?per_collection=true", "")
}
