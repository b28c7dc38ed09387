package metrics

import (
	"context"
	"errors"
	"flag"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/snapshot"
	"github.com/tidemark-db/tidemark/transport/rest"
	"github.com/tidemark-db/tidemark/wal/local"
)

var update = flag.Bool("update", false, "write golden files")

// The observers fit the interfaces that other packages declare.
var (
	_ rest.Observer     = (*REST)(nil)
	_ local.Observer    = (*Log)(nil)
	_ snapshot.Observer = (*Snapshots)(nil)
	_ tidemark.Observer = (*Engine)(nil)
)

// busy returns metrics of a server on which everything has happened, and its
// store.
func busy(t testing.TB) (*Metrics, *fakeSource) {
	t.Helper()
	m := newTestMetrics(t)
	m.REST().MemoryHeld(1<<20, 128<<20)
	m.REST().MemoryRefused()
	source := &fakeSource{
		ready: true, aliases: map[string]string{"alias": "books"},
		collections: []Collection{
			{
				Name: "books", ID: "1", Serving: true, Points: 7,
				Vectors:   []VectorCount{{Name: "", Count: 7}, {Name: "title", Count: 5}},
				Positions: &Positions{Durable: 12, Applied: 10, Flushed: 4},
				Heads:     2, HeadBytes: 4096, Segments: 3, SegmentBytes: 1 << 20, DeadRows: 8, Deaths: 9, DeathsBytes: 216, PreviousBytes: 4711,
				Pins: &Pins{Views: 2, Bytes: 4096, Since: testNow.Add(-90 * time.Second)},
			},
			{Name: "broken"},
		},
	}
	m.rest.source.Store(ptr[Source](source))
	observeREST(m)
	observeLog(m.OpenLog("1"))
	observeEngine(m.Engine())
	observeSnapshots(m.Snapshots())
	observeObjects(m.Objects())
	return m, source
}

func ptr[T any](v T) *T { return &v }

func observeObjects(o *Objects) {
	o.Requested("UploadPart", "", 30*time.Millisecond)
	o.Requested("UploadPart", "SlowDown", 5*time.Millisecond)
	o.Requested("HeadObject", "", 3*time.Millisecond)
	o.Moved(1000, 0)
	o.Moved(500, 20)
}

func observeREST(m *Metrics) {
	const points = "/collections/{collection_name}/points"
	for _, took := range []time.Duration{500 * time.Microsecond, time.Millisecond, 3 * time.Millisecond, time.Minute} {
		m.REST().Answered("PUT", points, "books", 200, took)
	}
	m.REST().Answered("PUT", points, "books", 400, time.Millisecond)
	m.REST().Answered("POST", points+"/query", "alias", 200, 20*time.Millisecond)
	m.REST().Answered("POST", points+"/query", "nowhere", 404, time.Millisecond)
	m.REST().Answered("GET", "/metrics", "", 200, time.Millisecond) // not exposed
	m.REST().Answered("GET", "", "", 404, time.Millisecond)         // not exposed
}

func observeLog(l *Log) {
	l.Resized(2, 8192)
	l.Committed(300*time.Microsecond, 1, 4096)
	l.Committed(2*time.Millisecond, 20, 40960)
	l.DamagedTail()
	l.Poisoned(errors.New("disk on fire"))
}

func observeEngine(e *Engine) {
	e.Checkpointed("books", 200*time.Millisecond, 1000, nil)
	e.Checkpointed("books", time.Second, 0, errors.New("no space"))
	e.Checkpointed("books", time.Second, 0, context.Canceled) // a shutdown is no failure
	e.Merged("books", 3*time.Second, 5000, nil)
	e.Merged("books", time.Second, 0, errors.New("damaged"))
	e.Recovered("books", 40*time.Millisecond, nil)
	e.Recovered("broken", time.Millisecond, errors.New("damaged"))
	e.Fenced("books", 700*time.Microsecond)
}

func observeSnapshots(s *Snapshots) {
	s.Stocked("books", snapshot.Stock{
		Snapshots: 3, Bytes: 1500, Newest: testNow.Add(-24 * time.Hour), NewestSize: 500, NewestPosition: 8,
		Damaged: 1, Verified: testNow.Add(-23 * time.Hour),
	})
	s.Stocked("", snapshot.Stock{Snapshots: 2, Bytes: 1800, Newest: testNow.Add(-time.Hour), NewestSize: 900, Damaged: 1, Verified: testNow.Add(-time.Hour)})
	s.Began(snapshot.OpCreate, "books")
	for i, p := range []snapshot.Phase{snapshot.PhaseWait, snapshot.PhaseFreeze, snapshot.PhaseReuse, snapshot.PhaseEncode, snapshot.PhaseStore} {
		s.Passed(snapshot.OpCreate, "books", p, time.Duration(i+1)*15*time.Microsecond)
	}
	s.Ended(snapshot.OpCreate, "books", snapshot.Result{Size: 600, Reused: 200, Position: 12, At: testNow.Add(-time.Hour), Took: 2 * time.Second})
	s.Began(snapshot.OpCreate, "books")
	s.Ended(snapshot.OpCreate, "books", snapshot.Result{Reason: "no_room", At: testNow, Took: time.Second})
	s.Began(snapshot.OpCreate, "books") // and goes on
	s.Began(snapshot.OpRestore, "books")
	for _, p := range []snapshot.Phase{snapshot.PhaseWait, snapshot.PhaseUnpack, snapshot.PhaseVerify, snapshot.PhaseInstall} {
		s.Passed(snapshot.OpRestore, "books", p, 250*time.Millisecond)
	}
	s.Ended(snapshot.OpRestore, "books", snapshot.Result{Size: 600, At: testNow.Add(-time.Minute), Took: 6 * time.Second})
	s.Began(snapshot.OpRestore, "missing")
	s.Ended(snapshot.OpRestore, "missing", snapshot.Result{Reason: "damaged", At: testNow, Took: time.Second})
	s.Began(snapshot.OpRestore, "coming") // and goes on
	observeOthers(s)
}

// observeOthers observes one operation of each other kind.
func observeOthers(s *Snapshots) {
	for _, one := range []struct {
		op         snapshot.Operation
		collection string
		phases     []snapshot.Phase
	}{
		{snapshot.OpVerify, "books", []snapshot.Phase{snapshot.PhaseWait, snapshot.PhaseRead, snapshot.PhaseVerify}},
		{snapshot.OpVerify, "", []snapshot.Phase{snapshot.PhaseWait, snapshot.PhaseRead, snapshot.PhaseVerify}},
		{snapshot.OpUndo, "books", []snapshot.Phase{snapshot.PhaseWait, snapshot.PhaseInstall}},
		{snapshot.OpCreateFull, "", []snapshot.Phase{snapshot.PhaseWait, snapshot.PhaseCut, snapshot.PhaseEncode, snapshot.PhaseStore}},
		{snapshot.OpRestoreFull, "", []snapshot.Phase{snapshot.PhaseWait, snapshot.PhaseUnpack, snapshot.PhaseVerify, snapshot.PhaseInstall}},
		{"unheard of", "books", []snapshot.Phase{snapshot.PhaseWait}},
	} {
		s.Began(one.op, one.collection)
		for _, p := range one.phases {
			s.Passed(one.op, one.collection, p, 3*time.Millisecond)
		}
		s.Ended(one.op, one.collection, snapshot.Result{Size: 900, At: testNow.Add(-time.Minute), Took: 4 * time.Second})
	}
}

// TestExposition fixes every name, help text, label and value.
func TestExposition(t *testing.T) {
	for name, query := range map[string]string{"exposition": "", "per_collection": "?per_collection=true"} {
		t.Run(name, func(t *testing.T) {
			m, source := busy(t)
			got := steady(scrapePage(t, m, source, query).text)
			if name == "per_collection" {
				got = only(got, "rest_")
			}
			path := filepath.Join("testdata", name+".golden")
			if *update {
				require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Empty(t, cmp.Diff(string(want), got))
		})
	}
}

// steady leaves out what differs from run to run: the values of the process and
// the runtime, whose names other tests know.
func steady(text string) string {
	return filterFamilies(text, func(name string) bool {
		return !strings.HasPrefix(name, "go_") && !strings.HasPrefix(name, "process_") && !strings.HasPrefix(name, "memory_") &&
			name != "system_max_mmaps" && name != "tidemark_build_info"
	})
}

func only(text, prefix string) string {
	return filterFamilies(text, func(name string) bool { return strings.HasPrefix(name, prefix) })
}

func filterFamilies(text string, keep func(name string) bool) string {
	var out strings.Builder
	kept := false
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "# HELP "); ok {
			name, _, _ := strings.Cut(rest, " ")
			kept = keep(name)
		}
		if kept {
			out.WriteString(line)
		}
	}
	return out.String()
}

// TestNamesAreClean lints all names but those that Qdrant chose.
func TestNamesAreClean(t *testing.T) {
	m, source := busy(t)
	exempt := readRecorded(t).families
	h := &handler{m: m, source: source}
	gatherer := h.gatherer(h.look(t.Context(), httptest.NewRequest("GET", "/metrics", nil)))
	families, err := gatherer.Gather()
	require.NoError(t, err)
	var names []string
	for _, f := range families {
		if exempt[f.GetName()] == nil {
			names = append(names, f.GetName())
		}
	}
	require.Contains(t, names, "tidemark_log_fsync_duration_seconds")
	problems, err := testutil.GatherAndLint(gatherer, names...)
	require.NoError(t, err)
	require.Empty(t, problems)
}

func readRecorded(t testing.TB) page {
	t.Helper()
	b, err := os.ReadFile("testdata/recorded.txt")
	require.NoError(t, err)
	return parsePage(t, string(b))
}

// notExposed are the families of Qdrant that Tidemark does not have. The guide
// gives the reasons.
var notExposed = []string{
	"collection_indexed_only_excluded_points", "collection_running_optimizations",
	"collection_shard_transfer_incoming", "collection_shard_transfer_outgoing",
	"collection_update_queue_deferred_points",
	"collection_hardware_metric_cpu",
	"collection_hardware_metric_payload_io_read", "collection_hardware_metric_payload_io_write",
	"collection_hardware_metric_payload_index_io_read", "collection_hardware_metric_payload_index_io_write",
	"collection_hardware_metric_vector_io_read", "collection_hardware_metric_vector_io_write",
}

// TestRecordedFamilies compares name, type, help and labels with what Qdrant
// answered.
func TestRecordedFamilies(t *testing.T) {
	m, source := busy(t)
	ours, guide := scrapePage(t, m, source, ""), readGuide(t)
	for name, want := range readRecorded(t).families {
		got := ours.families[name]
		if slices.Contains(notExposed, name) {
			require.Nil(t, got, "%s is exposed after all", name)
			require.Contains(t, guide, "`"+name+"`", "the guide does not say why")
			continue
		}
		require.NotNil(t, got, name)
		require.Equal(t, want.GetType(), got.GetType(), name)
		require.Equal(t, want.GetHelp(), got.GetHelp(), name)
		require.Equal(t, labelNames(want), labelNames(got), name)
	}
}

// TestRecordedEndpoints sends a request to each route that Qdrant exposed.
func TestRecordedEndpoints(t *testing.T) {
	m := newTestMetrics(t)
	var want []string
	for _, one := range readRecorded(t).families["rest_responses_total"].GetMetric() {
		labels := map[string]string{}
		for _, l := range one.GetLabel() {
			labels[l.GetName()] = l.GetValue()
		}
		m.REST().Answered(labels["method"], labels["endpoint"], "c", 200, time.Millisecond)
		want = append(want, labels["method"]+" "+labels["endpoint"])
	}
	var got []string
	for _, one := range scrapePage(t, m, &fakeSource{}, "").families["rest_responses_total"].GetMetric() {
		got = append(got, one.GetLabel()[1].GetValue()+" "+one.GetLabel()[0].GetValue())
	}
	slices.Sort(want)
	require.ElementsMatch(t, slices.Compact(want), got)
}

// TestRecordedBuckets compares the bounds of the histogram.
func TestRecordedBuckets(t *testing.T) {
	bounds := func(p page) (out []float64) {
		for _, b := range p.families["rest_responses_duration_seconds"].GetMetric()[0].GetHistogram().GetBucket() {
			out = append(out, b.GetUpperBound())
		}
		return out
	}
	m, source := busy(t)
	require.Equal(t, bounds(readRecorded(t)), bounds(scrapePage(t, m, source, "")))
}

func TestPrefixStandsBeforeEveryName(t *testing.T) {
	m, err := New(Options{Prefix: "blue_"})
	require.NoError(t, err)
	source := &fakeSource{collections: []Collection{{Name: "c", ID: "1", Serving: true}}}
	m.OpenLog("1")
	p := scrapePage(t, m, source, "")
	for name := range p.families {
		require.True(t, strings.HasPrefix(name, "blue_"), name)
	}
	require.Contains(t, p.families, "blue_app_info")
	require.Contains(t, p.families, "blue_tidemark_log_poisoned")

	for _, bad := range []string{"1st_", "with-dash", "ä"} {
		_, err := New(Options{Prefix: bad})
		require.ErrorContains(t, err, "prefix")
	}
}

func TestAnonymousNames(t *testing.T) {
	m, source := busy(t)
	text := scrapePage(t, m, source, "?anonymize=true&per_collection=true").text
	for _, name := range []string{"books", "broken", "coming", "alias"} {
		require.NotContains(t, text, name)
	}
	named := scrapePage(t, m, source, "?per_collection=true").text
	require.Equal(t, strings.Count(named, "\n"), strings.Count(text, "\n"), "as many samples as with names")
}

func TestProcessAndMemory(t *testing.T) {
	p := scrapePage(t, newTestMetrics(t), &fakeSource{}, "")
	for _, name := range []string{
		"memory_active_bytes", "memory_allocated_bytes", "memory_metadata_bytes", "memory_resident_bytes",
		"process_threads", "process_open_mmaps", "system_max_mmaps", "process_open_fds", "process_max_fds",
		"process_minor_page_faults_total", "process_resident_memory_bytes", "process_start_time_seconds",
		"go_goroutines",
	} {
		require.Contains(t, p.families, name)
		one := p.families[name].GetMetric()[0]
		require.Positive(t, one.GetGauge().GetValue()+one.GetCounter().GetValue(), name)
	}
	require.LessOrEqual(t, p.value("memory_allocated_bytes"), p.value("memory_active_bytes"))
	require.LessOrEqual(t, p.value("memory_active_bytes"), p.value("memory_resident_bytes"))
}

// TestMemoryThatWasGivenBack is retained, not resident.
func TestMemoryThatWasGivenBack(t *testing.T) {
	const size = 64 << 20
	p := new([size]byte)
	runtime.KeepAlive(p)
	debug.FreeOSMemory()
	page := scrapePage(t, newTestMetrics(t), &fakeSource{}, "")
	require.Greater(t, page.value("memory_retained_bytes"), size*0.9)
	require.InDelta(t, page.value("go_memstats_sys_bytes"), page.value("memory_resident_bytes")+page.value("memory_retained_bytes"), size/2)
}

func (p page) value(name string) float64 {
	return p.families[name].GetMetric()[0].GetGauge().GetValue()
}
