package metrics

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/snapshot"
)

const onQuery = onPoints + "/query"

func TestSeriesEndWithTheirCollection(t *testing.T) {
	m, source := busy(t)
	log := m.OpenLog("1")
	for _, query := range []string{"", "?per_collection=true"} {
		require.NotEmpty(t, scrapePage(t, m, source, query).lines(`"books"`))
	}
	before := scrapePage(t, m, source, "").lines("rest_responses_total")
	m.Snapshots().Ended(snapshot.OpCreate, "books", snapshot.Result{Reason: "not_found", At: testNow})

	source.drop("books")
	log.Close()
	for _, query := range []string{"", "?per_collection=true"} {
		require.Empty(t, scrapePage(t, m, source, query).lines(`"books"`))
	}
	require.Equal(t, before, scrapePage(t, m, source, "").lines("rest_responses_total"), "sums of all do not fall")

	source.add(Collection{Name: "books", ID: "2", Serving: true})
	m.OpenLog("2").Resized(1, 4096)
	p := scrapePage(t, m, source, "?per_collection=true")
	p.has(`snapshot_created_total{id="books"} 0`)
	p.has(`tidemark_log_size_bytes{collection="books"} 4096`)
	p.has(`tidemark_log_poisoned{collection="books"} 0`)
	require.Empty(t, p.lines("rest_responses_total", `"books"`))
}

// TestLogsOfTwoIncarnations stages a restore: the new log is open while the old
// one still serves.
func TestLogsOfTwoIncarnations(t *testing.T) {
	m := newTestMetrics(t)
	source := &fakeSource{collections: []Collection{{Name: "c", ID: "old", Serving: true}}}
	old, next := m.OpenLog("old"), m.OpenLog("new")
	old.Resized(1, 100)
	next.Resized(1, 200)
	scrapePage(t, m, source, "").has(`tidemark_log_size_bytes{collection="c"} 100`)

	source.drop("c")
	source.add(Collection{Name: "c", ID: "new", Serving: true})
	scrapePage(t, m, source, "").has(`tidemark_log_size_bytes{collection="c"} 200`)
	old.Close()
	scrapePage(t, m, source, "").has(`tidemark_log_size_bytes{collection="c"} 200`)
}

// TestReopenedLogOutlivesItsPredecessor closes the first observer of an
// incarnation after the second was made.
func TestReopenedLogOutlivesItsPredecessor(t *testing.T) {
	m := newTestMetrics(t)
	source := &fakeSource{collections: []Collection{{Name: "c", ID: "1"}}}
	first := m.OpenLog("1")
	m.OpenLog("1")
	first.Close()
	first.Close()
	scrapePage(t, m, source, "").has(`tidemark_log_poisoned{collection="c"} 0`)
}

func TestUnknownNamesMakeNoSeries(t *testing.T) {
	m := newTestMetrics(t)
	source := &fakeSource{collections: []Collection{{Name: "c", Serving: true}}, aliases: map[string]string{"a": "c"}}
	m.Handler(source)
	for i := range 1000 {
		name := fmt.Sprintf("guess-%d", i)
		m.REST().Answered("POST", onQuery, name, 404, time.Millisecond)
		m.Snapshots().Began(snapshot.OpRestore, name)
		m.Snapshots().Ended(snapshot.OpRestore, name, snapshot.Result{Reason: "not_found", At: testNow})
	}
	m.REST().Answered("POST", onQuery, "c", 200, time.Millisecond)
	m.REST().Answered("POST", onQuery, "a", 200, time.Millisecond)
	require.Len(t, m.rest.byCollection, 2)
	require.Empty(t, m.snapshots.collections)

	p := scrapePage(t, m, source, "?per_collection=true")
	p.has(`rest_responses_total{collection="c",endpoint="/collections/{collection_name}/points/query",method="POST",status="200"} 2`)
	p.has(`rest_responses_total{collection="",endpoint="/collections/{collection_name}/points/query",method="POST",status="404"} 1000`)
	p.has(`tidemark_restore_failures_total{reason="not_found"} 1000`)
}

// TestDroppedNameThatBecameAnAlias does not give the series of the old
// collection to the one that its name stands for now.
func TestDroppedNameThatBecameAnAlias(t *testing.T) {
	m := newTestMetrics(t)
	source := &fakeSource{collections: []Collection{{Name: "old"}, {Name: "new"}}}
	m.Handler(source)
	m.REST().Answered("POST", onQuery, "old", 200, time.Millisecond)
	m.Snapshots().Began(snapshot.OpCreate, "old")
	m.Snapshots().Ended(snapshot.OpCreate, "old", snapshot.Result{At: testNow})
	source.drop("old")
	source.aliases = map[string]string{"old": "new"}
	require.Empty(t, scrapePage(t, m, source, "?per_collection=true").lines(`"old"`))
	require.NotContains(t, m.snapshots.collections, "old")
}

func TestRefusedCollection(t *testing.T) {
	m := newTestMetrics(t)
	p := scrapePage(t, m, &fakeSource{collections: []Collection{{Name: "bad"}}}, "")
	p.has(`tidemark_collection_serving{collection="bad"} 0`)
	p.has(`collections_total 1`)
	p.has(`collection_dead_replicas 1`)
	p.has(`collection_active_replicas_max 0`)
	require.Empty(t, p.lines("collection_points"), "its points are not known")
	require.Empty(t, p.lines("position"), "nor is its log")
}

func TestNewestSnapshotCounts(t *testing.T) {
	m := newTestMetrics(t)
	source := &fakeSource{collections: []Collection{{Name: "c"}, {Name: "none"}}}
	s := m.Snapshots()
	s.Stocked("c", snapshot.Stock{Snapshots: 2, Bytes: 30, Newest: testNow.Add(-time.Hour), NewestSize: 10, NewestPosition: 3})
	s.Stocked("c", snapshot.Stock{Snapshots: 1, Bytes: 20, Newest: testNow.Add(-2 * time.Hour), NewestSize: 20}) // the newest was deleted
	p := scrapePage(t, m, source, "")
	p.has(`tidemark_snapshot_last_success_timestamp_seconds{collection="c"} 1.7999964e+09`)
	p.has(`tidemark_snapshot_last_size_bytes{collection="c"} 10`)
	p.has(`tidemark_snapshot_last_position{collection="c"} 3`)
	p.has(`tidemark_snapshots_stored{collection="c"} 1`)
	p.has(`tidemark_snapshots_stored_bytes{collection="c"} 20`)
	require.Empty(t, p.lines("tidemark_snapshots_stored", `"none"`), "it was not counted")
	require.Empty(t, p.lines("last_status"), "nobody tried")
	p.has(`tidemark_snapshot_attempts_total{collection="c"} 0`)
	require.Empty(t, p.lines("last_success", "none"), "1970 would be an age")
}

// TestEarlierJobsAreRecalled: a restart hides no failure.
func TestEarlierJobsAreRecalled(t *testing.T) {
	m := newTestMetrics(t)
	source := &fakeSource{collections: []Collection{{Name: "c"}, {Name: "d"}}}
	job := func(hours int, kind snapshot.JobKind, collection string, state snapshot.JobState) {
		at := testNow.Add(time.Duration(hours-100) * time.Hour)
		m.Snapshots().Recall(snapshot.JobStatus{Kind: kind, Collection: collection, State: state, Started: at, Ended: at.Add(time.Second), Size: 5, Position: uint64(hours)})
	}
	job(4, snapshot.JobCreate, "c", snapshot.JobFailed) // the newest first
	job(3, snapshot.JobCreate, "c", snapshot.JobDone)
	job(2, snapshot.JobCreate, "c", snapshot.JobDone)
	job(1, snapshot.JobVerify, "c", snapshot.JobDone)
	job(5, snapshot.JobCreate, "d", snapshot.JobCancelled)
	job(6, snapshot.JobUpload, "d", snapshot.JobInterrupted)
	job(7, "unheard of", "d", snapshot.JobFailed)
	p := scrapePage(t, m, source, "")
	p.has(`tidemark_snapshot_attempts_total{collection="c"} 0`)
	p.has(`tidemark_snapshot_last_attempt_timestamp_seconds{collection="c"} 1.7996544e+09`)
	p.has(`tidemark_snapshot_last_success_timestamp_seconds{collection="c"} 1.799650801e+09`)
	p.has(`tidemark_snapshot_last_position{collection="c"} 3`)
	p.has(`tidemark_snapshot_last_status{collection="c"} 0`)
	p.has(`tidemark_snapshot_verify_last_status{collection="c"} 1`)
	p.has(`tidemark_restore_last_status 0`)
	p.has(`tidemark_snapshot_last_attempt_timestamp_seconds{collection="d"} 1.799658e+09`)
	require.Empty(t, p.lines("tidemark_snapshot_last_status", `"d"`), "it was cancelled")

	m.Snapshots().Began(snapshot.OpCreate, "c")
	m.Snapshots().Ended(snapshot.OpCreate, "c", snapshot.Result{At: testNow})
	p = scrapePage(t, m, source, "")
	p.has(`tidemark_snapshot_last_status{collection="c"} 1`)
	p.has(`tidemark_snapshot_last_attempt_timestamp_seconds{collection="c"} 1.8e+09`)
}

// TestOnlySuccessesAreCreated, as their name says; failures stand apart.
func TestOnlySuccessesAreCreated(t *testing.T) {
	m := newTestMetrics(t)
	source := &fakeSource{collections: []Collection{{Name: "c"}}}
	s := m.Snapshots()
	for _, r := range []snapshot.Result{{Size: 10}, {Size: 10, Reused: 10}, {Reason: "damaged"}, {Reason: "cancelled"}} {
		s.Began(snapshot.OpCreate, "c")
		scrapePage(t, m, source, "").has(`snapshot_creation_running{id="c"} 1`)
		r.At = testNow
		s.Ended(snapshot.OpCreate, "c", r)
	}
	s.Began(snapshot.OpCreate, "c")
	s.Ended(snapshot.OpCreate, "c", snapshot.Result{At: testNow.Add(time.Second)})
	s.Began(snapshot.OpCreate, "c")
	s.Ended(snapshot.OpCreate, "c", snapshot.Result{Reason: "cancelled", At: testNow.Add(time.Minute)})
	s.Began(snapshot.OpCreate, "c")
	p := scrapePage(t, m, source, "")
	p.has(`tidemark_snapshot_last_status{collection="c"} 1`) // it was only cancelled
	p.has(`snapshot_created_total{id="c"} 3`)
	p.has(`tidemark_snapshot_attempts_total{collection="c"} 7`)
	p.has(`tidemark_snapshot_failures_total{collection="c",reason="damaged"} 1`)
	p.has(`tidemark_snapshot_failures_total{collection="c",reason="cancelled"} 2`)
	p.has(`tidemark_snapshot_written_bytes_total{collection="c"} 10`)
	p.has(`tidemark_snapshot_reused_bytes_total{collection="c"} 10`)
}

// TestLagIsNeverNegative, though applied and durable are read one after the
// other.
func TestLagIsNeverNegative(t *testing.T) {
	m := newTestMetrics(t)
	source := &fakeSource{collections: []Collection{{Name: "c", Serving: true, Positions: &Positions{Durable: 5, Applied: 6}}}}
	p := scrapePage(t, m, source, "")
	p.has(`tidemark_apply_lag_positions{collection="c"} 0`)
	p.has(`collection_update_queue_length{id="c"} 0`)
}

// TestNoAnswerIsLost counts from goroutines that share nothing else.
func TestNoAnswerIsLost(t *testing.T) {
	m := newTestMetrics(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 1000 {
				m.REST().Answered("POST", onQuery, "c", 200, time.Millisecond)
			}
		})
	}
	all.Wait()
	scrapePage(t, m, &fakeSource{}, "").has(`rest_responses_total{endpoint="` + onQuery + `",method="POST",status="200"} 4000`)
}

// TestPartOfAPageIsBetterThanNone has a source that breaks its contract: the
// series of the second collection are refused, everything else is there.
func TestPartOfAPageIsBetterThanNone(t *testing.T) {
	var logged bytes.Buffer
	m, err := New(Options{Logger: slog.New(slog.NewTextHandler(&logged, nil))})
	require.NoError(t, err)
	c := Collection{Name: "c", Serving: true, Points: 5, Pins: &Pins{}}
	p := scrapePage(t, m, &fakeSource{collections: []Collection{c, c}}, "")
	p.has(`collection_points{id="c"} 5`)
	p.has(`tidemark_oldest_pinned_view_age_seconds{collection="c"} 0`)
	require.Contains(t, p.families, "go_goroutines")
	require.Contains(t, logged.String(), "level=ERROR")
}

// TestScrapesWhileEverythingHappens is for the race detector.
func TestScrapesWhileEverythingHappens(t *testing.T) {
	const rounds = 30
	m := newTestMetrics(t)
	source := &fakeSource{ready: true}
	handler := m.Handler(source)
	var all sync.WaitGroup
	for worker := range 3 {
		all.Go(func() {
			for i := range rounds {
				name, id := fmt.Sprintf("c%d", worker), fmt.Sprintf("%d-%d", worker, i)
				log := m.OpenLog(id)
				log.Resized(1, 10)
				source.add(Collection{Name: name, ID: id, Serving: true})
				log.Committed(time.Millisecond, 1, 1)
				m.REST().Answered("POST", onQuery, name, 200, time.Millisecond)
				m.Snapshots().Began(snapshot.OpCreate, name)
				m.Snapshots().Passed(snapshot.OpCreate, name, snapshot.PhaseFreeze, time.Millisecond)
				m.Engine().Checkpointed(name, time.Millisecond, 1, errors.New("no"))
				m.Snapshots().Ended(snapshot.OpCreate, name, snapshot.Result{At: testNow})
				source.drop(name)
				log.Close()
			}
		})
	}
	for range 2 {
		all.Go(func() {
			for range rounds / 3 {
				serveOnce(t, handler, "/metrics?per_collection=true")
				serveOnce(t, handler, "/metrics?anonymize=true")
			}
		})
	}
	all.Wait()
	p := scrapePage(t, m, source, "")
	p.has(fmt.Sprintf(`rest_responses_total{endpoint="%s",method="POST",status="200"} %d`, onQuery, 3*rounds))
	require.Empty(t, m.logs)
	require.Empty(t, m.snapshots.collections)
}
