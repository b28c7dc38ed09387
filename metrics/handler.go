package metrics

import (
	"context"
	"hash/maphash"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// scrapeTimeout bounds the look at collections; ?timeout shortens it.
const scrapeTimeout = 5 * time.Second

// Handler answers scrapes of a server that serves source. With
// ?per_collection=true answers are counted by collection, with ?anonymize=true
// names of collections are replaced by numbers.
//
// It is to be called once: from then on the observer of requests knows which
// collections exist.
func (m *Metrics) Handler(source Source) http.Handler {
	m.rest.source.Store(&source)
	h := &handler{m: m, source: source, seed: seed{maphash.MakeSeed()}}
	return http.HandlerFunc(h.serve)
}

type handler struct {
	m      *Metrics
	source Source
	// seed makes anonymous names that nobody can compute from guesses.
	seed seed
}

func (h *handler) serve(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), timeout(r))
	defer cancel()
	promhttp.HandlerFor(h.gatherer(h.look(ctx, r)), promhttp.HandlerOpts{
		ErrorLog:      slog.NewLogLogger(h.m.options.Logger.Handler(), slog.LevelError),
		ErrorHandling: promhttp.ContinueOnError, // part of the page is better than none
	}).ServeHTTP(w, r)
}

// gatherer joins one look at the collections with what belongs to none.
func (h *handler) gatherer(s *scrape) prometheus.Gatherer {
	ofCollections := prometheus.NewRegistry()
	h.m.prefixed(ofCollections).MustRegister(s) // a new registry, to which s describes nothing
	return prometheus.Gatherers{h.m.registry, ofCollections}
}

// timeout returns how long a scrape may look at collections.
func timeout(r *http.Request) time.Duration {
	if s, err := strconv.ParseUint(r.FormValue("timeout"), 10, 16); err == nil && s > 0 {
		return min(time.Duration(s)*time.Second, scrapeTimeout)
	}
	return scrapeTimeout
}

// look takes down the state of the collections.
func (h *handler) look(ctx context.Context, r *http.Request) *scrape {
	s := &scrape{
		m: h.m, source: h.source, now: h.m.options.Now(),
		perCollection: isTrue(r, "per_collection"), label: func(name string) string { return name },
	}
	if isTrue(r, "anonymize") {
		s.label = h.seed.anonymous
	}
	s.collections = h.source.Collections(ctx)
	s.listed = make(map[string]bool, len(s.collections))
	for _, c := range s.collections {
		s.listed[c.Name] = true
	}
	return s
}

func isTrue(r *http.Request, parameter string) bool {
	b, err := strconv.ParseBool(r.FormValue(parameter))
	return err == nil && b
}

// scrape is what one answer of the handler consists of. It is collected once.
type scrape struct {
	m             *Metrics
	source        Source
	now           time.Time
	perCollection bool
	label         func(name string) string
	collections   []Collection
	listed        map[string]bool // by name
}

// exists reports whether there is a collection of that name.
func (s *scrape) exists(name string) bool {
	if s.listed[name] {
		return true
	}
	real, ok := s.source.Resolve(name)
	return ok && real == name // else it is an alias now
}

// Describe implements prometheus.Collector. It says nothing, because which
// series there are depends on the collections; the registry checks each when
// it is collected.
func (s *scrape) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (s *scrape) Collect(ch chan<- prometheus.Metric) {
	s.m.rest.collect(ch, s)
	s.m.snapshots.collectBy(ch, s)
	s.collectReference(ch)
	s.collectStore(ch)
	for i := range s.collections {
		c := &s.collections[i]
		s.collectState(ch, c)
		if log := s.m.log(c.ID); log != nil {
			labels := prometheus.Labels{"collection": s.label(c.Name)}
			prometheus.WrapCollectorWith(labels, log).Collect(ch)
		}
	}
}

// seed is made anew for each handler.
type seed struct{ maphash.Seed }

func (s seed) anonymous(name string) string {
	return strconv.FormatUint(maphash.String(s.Seed, name), 10)
}
