package metrics

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Options say what is exposed.
type Options struct {
	// APIVersion is the version of the API that is spoken, Version and Commit
	// are those of the program.
	APIVersion, Version, Commit string
	// Prefix stands before every name; it may be empty.
	Prefix string
	// Logger gets what went wrong in a scrape; nil discards it.
	Logger *slog.Logger
	// Now is the clock for ages; nil is time.Now.
	Now func() time.Time
}

var validPrefix = regexp.MustCompile(`^([a-zA-Z_][a-zA-Z0-9_]*)?$`)

func (o Options) withDefaults() (Options, error) {
	if !validPrefix.MatchString(o.Prefix) {
		return o, fmt.Errorf("the prefix %q must consist of letters, digits and underscores and not begin with a digit", o.Prefix)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o, nil
}

// Metrics is everything that one server exposes. Nothing in it is global, and
// all its methods may be called concurrently.
type Metrics struct {
	options   Options
	registry  *prometheus.Registry // of what does not belong to a collection
	rest      *REST
	engine    *Engine
	snapshots *Snapshots
	objects   *Objects

	mu   sync.Mutex
	logs map[string]*Log // by incarnation of the collection
}

// New makes the metrics of a server. The observers can be handed out before
// the store exists; Handler needs it.
func New(o Options) (*Metrics, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("make metrics: %w", err)
	}
	m := &Metrics{
		options: o, registry: prometheus.NewRegistry(),
		rest: newREST(), engine: newEngine(), snapshots: newSnapshots(o.Now), objects: newObjects(),
		logs: make(map[string]*Log),
	}
	into := m.prefixed(m.registry)
	var errs []error
	for _, c := range []prometheus.Collector{
		m.buildInfo(), &m.rest.reads, m.engine, m.snapshots, m.objects, memoryCollector{}, newProcessCollector(), collectors.NewGoCollector(),
	} {
		errs = append(errs, into.Register(c))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("make metrics: %w", err)
	}
	return m, nil
}

func (m *Metrics) prefixed(r prometheus.Registerer) prometheus.Registerer {
	return prometheus.WrapRegistererWithPrefix(m.options.Prefix, r)
}

func (m *Metrics) buildInfo() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tidemark_build_info",
		Help: "The program that runs; always 1.",
		ConstLabels: prometheus.Labels{
			"version": m.options.Version, "commit": m.options.Commit, "go_version": runtime.Version(),
		},
	}, func() float64 { return 1 })
}

// REST returns the observer of requests.
func (m *Metrics) REST() *REST { return m.rest }

// Engine returns the observer of the store's work in the background.
func (m *Metrics) Engine() *Engine { return m.engine }

// Snapshots returns the observer of the snapshot manager.
func (m *Metrics) Snapshots() *Snapshots { return m.snapshots }

// Objects returns the observer of the object store in which snapshots are kept.
func (m *Metrics) Objects() *Objects { return m.objects }

// OpenLog returns the observer of the log of one incarnation of a collection,
// which must be closed when the log is. It is exposed while the Source says that
// this is the incarnation that the collection's name stands for.
func (m *Metrics) OpenLog(incarnation string) *Log {
	l := newLog()
	l.forget = func() { m.forget(incarnation, l) }
	m.mu.Lock()
	defer m.mu.Unlock()
	m.logs[incarnation] = l
	return l
}

// forget drops a log, unless it has been opened again meanwhile.
func (m *Metrics) forget(incarnation string, l *Log) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.logs[incarnation] == l {
		delete(m.logs, incarnation)
	}
}

// log returns the log of an incarnation, nil if it is not open.
func (m *Metrics) log(incarnation string) *Log {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.logs[incarnation]
}
