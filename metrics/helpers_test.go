package metrics

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fakeSource is a store of which a test says everything.
type fakeSource struct {
	mu          sync.Mutex
	collections []Collection
	aliases     map[string]string
	ready       bool
}

func (f *fakeSource) Ready() bool { return f.ready }

func (f *fakeSource) Budget() (used, limit int64) { return 3 << 20, 256 << 20 }

func (f *fakeSource) RefusedForMemory() int64 { return 2 }

func (f *fakeSource) Disk() Disk {
	return Disk{Known: true, Free: 100 << 20, Reserved: true, GivenUp: 4, Watermarks: []Watermark{
		{Work: "merge", Bytes: 192 << 20, Refused: 7}, {Work: "delete", Bytes: 64 << 20, Open: true},
	}}
}

func (f *fakeSource) Collections(context.Context) []Collection {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.collections)
}

func (f *fakeSource) Resolve(name string) (string, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if real, ok := f.aliases[name]; ok {
		return real, true
	}
	ok := slices.ContainsFunc(f.collections, func(c Collection) bool { return c.Name == name })
	if !ok {
		return "", false
	}
	return name, true
}

func (f *fakeSource) add(c Collection) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.collections = append(f.collections, c)
}

func (f *fakeSource) drop(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.collections = slices.DeleteFunc(f.collections, func(c Collection) bool { return c.Name == name })
}

// testNow is the time of every scrape.
var testNow = time.Unix(1_800_000_000, 0)

func newTestMetrics(t testing.TB) *Metrics {
	t.Helper()
	m, err := New(Options{
		APIVersion: "1.18.3", Version: "0.1.0", Commit: strings.Repeat("a", 40),
		Now: func() time.Time { return testNow },
	})
	require.NoError(t, err)
	return m
}

// serveOnce scrapes and requires an answer that can be read.
func serveOnce(t testing.TB, h http.Handler, url string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", url, nil))
	assert.Equal(t, 200, w.Code, w.Body)
	_, err := parse(w.Body)
	assert.NoError(t, err)
}

// page is what a scrape answered.
type page struct {
	t        testing.TB
	text     string
	families map[string]*dto.MetricFamily
}

// scrapePage scrapes and reads the answer; query is appended to the path.
func scrapePage(t testing.TB, m *Metrics, source Source, query string) page {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler(source).ServeHTTP(w, httptest.NewRequest("GET", "/metrics"+query, nil))
	require.Equal(t, 200, w.Code, w.Body)
	return parsePage(t, w.Body.String())
}

func parse(r io.Reader) (map[string]*dto.MetricFamily, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	return parser.TextToMetricFamilies(r)
}

func parsePage(t testing.TB, text string) page {
	t.Helper()
	families, err := parse(strings.NewReader(text))
	require.NoError(t, err)
	return page{t: t, text: text, families: families}
}

// lines returns the samples that contain all of the parts.
func (p page) lines(parts ...string) []string {
	var out []string
	for line := range strings.Lines(p.text) {
		has := func(part string) bool { return strings.Contains(line, part) }
		if !strings.HasPrefix(line, "#") && !slices.ContainsFunc(parts, func(part string) bool { return !has(part) }) {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out
}

// has requires that a sample is on the page.
func (p page) has(sample string) {
	p.t.Helper()
	if !slices.Contains(strings.Split(p.text, "\n"), sample) {
		name, _, _ := strings.Cut(sample, "{")
		name, _, _ = strings.Cut(name, " ")
		require.Fail(p.t, "no such sample", "%s\nof that name:\n%s", sample, strings.Join(p.lines(name), "\n"))
	}
}

// labelNames returns the names of the labels of a family, in order.
func labelNames(f *dto.MetricFamily) []string {
	var names []string
	for _, l := range f.GetMetric()[0].GetLabel() {
		names = append(names, l.GetName())
	}
	slices.Sort(names)
	return names
}
