package metrics

import (
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// REST observes requests; it fits the observer of transport/rest. Like Qdrant
// it exposes the routes of data only, and durations of answers with status 200
// only.
type REST struct {
	source atomic.Pointer[Source] // nil until Handler is called
	reads  reads

	mu sync.RWMutex
	// all counts every request, by those of collections that exist once more.
	all, byCollection map[restKey]*responses
}

type restKey struct {
	collection, method, endpoint string
	status                       int
}

const (
	onCollection = "/collections/{collection_name}"
	onPoints     = onCollection + "/points"
)

// restEndpoints are the routes that are exposed.
var restEndpoints = map[string]bool{
	onCollection + "/index":                 true,
	onCollection + "/vectors/{vector_name}": true,
	onPoints:                                true,
	onPoints + "/batch":                     true,
	onPoints + "/count":                     true,
	onPoints + "/delete":                    true,
	onPoints + "/discover":                  true,
	onPoints + "/discover/batch":            true,
	onPoints + "/payload":                   true,
	onPoints + "/payload/clear":             true,
	onPoints + "/payload/delete":            true,
	onPoints + "/query":                     true,
	onPoints + "/query/batch":               true,
	onPoints + "/query/groups":              true,
	onPoints + "/recommend":                 true,
	onPoints + "/recommend/batch":           true,
	onPoints + "/recommend/groups":          true,
	onPoints + "/scroll":                    true,
	onPoints + "/search":                    true,
	onPoints + "/search/batch":              true,
	onPoints + "/search/groups":             true,
	onPoints + "/search/matrix/offsets":     true,
	onPoints + "/search/matrix/pairs":       true,
	onPoints + "/vectors":                   true,
	onPoints + "/vectors/delete":            true,
}

func newREST() *REST {
	return &REST{all: make(map[restKey]*responses), byCollection: make(map[restKey]*responses)}
}

// Answered notes an answer. Names of collections come from clients: those that
// do not exist are counted without their name, so that nobody can fill the
// memory with series.
func (r *REST) Answered(method, route, collection string, status int, took time.Duration) {
	if !restEndpoints[route] {
		return
	}
	key := restKey{method: method, endpoint: route, status: status}
	r.responses(r.all, key).add(took)
	if source := r.source.Load(); source != nil {
		key.collection, _ = (*source).Resolve(collection)
	}
	r.responses(r.byCollection, key).add(took)
}

// responses returns the series of a key.
func (r *REST) responses(in map[restKey]*responses, key restKey) *responses {
	r.mu.RLock()
	found := in[key]
	r.mu.RUnlock()
	if found != nil {
		return found
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if in[key] == nil {
		in[key] = new(responses)
	}
	return in[key]
}

// responses are the answers of one series.
type responses struct {
	mu       sync.Mutex
	count    uint64
	sum      time.Duration
	min, max time.Duration
	buckets  [len(restBuckets)]uint64 // not cumulated
}

// restBuckets are the upper bounds that Qdrant has, in seconds.
var restBuckets = [...]float64{.001, .005, .01, .02, .05, .1, .5, 1, 5, 10, 50}

func (s *responses) add(took time.Duration) {
	i, _ := slices.BinarySearch(restBuckets[:], took.Seconds())
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count == 0 || took < s.min {
		s.min = took
	}
	s.max = max(s.max, took)
	s.count++
	s.sum += took
	if i < len(s.buckets) {
		s.buckets[i]++
	}
}

// restDescs describe the series with or without the collection.
type restDescs struct{ total, avg, min, max, duration *prometheus.Desc }

func newRESTDescs(labels ...string) restDescs {
	labels = append(labels, "method", "endpoint", "status")
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("rest_responses_"+name, help, labels, nil)
	}
	return restDescs{
		total:    desc("total", "total number of responses"),
		avg:      desc("avg_duration_seconds", "average response duration"),
		min:      desc("min_duration_seconds", "minimum response duration"),
		max:      desc("max_duration_seconds", "maximum response duration"),
		duration: desc("duration_seconds", "response duration histogram"),
	}
}

var (
	restDescsOfAll        = newRESTDescs()
	restDescsByCollection = newRESTDescs("collection")
)

// collect exposes all answers, each once.
func (r *REST) collect(ch chan<- prometheus.Metric, v *scrape) {
	if !v.perCollection {
		r.mu.RLock()
		defer r.mu.RUnlock()
		for key, s := range r.all {
			restDescsOfAll.collect(ch, key, s)
		}
		return
	}
	r.prune(v)
	r.mu.RLock()
	defer r.mu.RUnlock()
	for key, s := range r.byCollection {
		label := ""
		if key.collection != "" {
			label = v.label(key.collection)
		}
		restDescsByCollection.collect(ch, key, s, label)
	}
}

func (d *restDescs) collect(ch chan<- prometheus.Metric, key restKey, s *responses, labels ...string) {
	labels = append(labels, key.method, key.endpoint, strconv.Itoa(key.status))
	s.mu.Lock()
	defer s.mu.Unlock()
	counter(ch, d.total, float64(s.count), labels...)
	if key.status != 200 || s.count == 0 {
		return
	}
	gauge(ch, d.avg, s.sum.Seconds()/float64(s.count), labels...)
	gauge(ch, d.min, s.min.Seconds(), labels...)
	gauge(ch, d.max, s.max.Seconds(), labels...)
	cumulated, n := make(map[float64]uint64, len(s.buckets)), uint64(0)
	for i, bound := range restBuckets {
		n += s.buckets[i]
		cumulated[bound] = n
	}
	ch <- prometheus.MustNewConstHistogram(d.duration, s.count, s.sum.Seconds(), cumulated, labels...)
}

// prune forgets the series of collections that are gone. The source is asked
// without the lock, so that no request waits for it.
func (r *REST) prune(v *scrape) {
	names := make(map[string]bool)
	r.mu.RLock()
	for key := range r.byCollection {
		names[key.collection] = key.collection != ""
	}
	r.mu.RUnlock()
	for name, gone := range names {
		names[name] = gone && !v.exists(name)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for key := range r.byCollection {
		if names[key.collection] {
			delete(r.byCollection, key)
		}
	}
}
