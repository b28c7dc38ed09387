package rest

import (
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/transport"
)

// The version of the reference whose API is served. Clients compare it with
// their own.
const (
	APITitle   = "qdrant - vector search engine"
	APIVersion = "1.18.3"
)

// DefaultMaxRequestBytes bounds the body of a request unless Options do.
const DefaultMaxRequestBytes = 32 << 20

// Options say what a Server serves and how.
type Options struct {
	Store *tidemark.Store
	// Version and Commit are those of the program. Commit has 40 hex digits.
	Version, Commit string
	// Defaults are the settings of a collection of which nothing is said; nil
	// is transport.DefaultSettings.
	Defaults *transport.Settings
	Keys     transport.Keys
	// MaxRequestBytes bounds a body; 0 is DefaultMaxRequestBytes.
	MaxRequestBytes int64
	// MaxReadBytes bounds the memory that requests other than writes take
	// together, in bytes: their bodies while they are decoded, and the answers
	// of reads until they are delivered. 0 is DefaultReadBytes. Bodies of writes
	// count against the budget of the store.
	MaxReadBytes int64
	// DisableCORS refuses calls from pages of other origins.
	DisableCORS bool
	// Ready says whether requests should be sent here; nil asks the store.
	Ready func() bool
	// Metrics answers GET /metrics; nil answers that there are none.
	Metrics http.Handler
	// Snapshots makes and restores snapshots; nil answers that it cannot be
	// done.
	Snapshots Snapshots
	// Observer is told about each request; it may be nil.
	Observer Observer
	// Logger gets one line for each request at debug, and what went wrong; nil
	// is slog.Default.
	Logger *slog.Logger
}

// Observer is told about requests, for metrics. Its methods are called from
// many goroutines at once.
type Observer interface {
	// Answered is called after each answer. route is the path of the route with
	// the names of its parameters, "" if there is no such route; collection is
	// the collection in the path, or "".
	Answered(method, route, collection string, status int, took time.Duration)
	// MemoryHeld tells what requests other than writes hold of MaxReadBytes,
	// whenever that changes, in order: it must not block.
	MemoryHeld(held, limit int64)
	// MemoryRefused tells that one of them was refused for want of memory.
	MemoryRefused()
}

// Server is an http.Handler that serves one store.
type Server struct {
	store    *tidemark.Store
	options  Options
	defaults transport.Settings
	auth     *transport.Authenticator
	logger   *slog.Logger
	ready    func() bool
	handler  http.Handler
	routes   routeIndex

	documents *documents
	buffers   *buffers
	packers   *packers
	memory    *memory
	pace      *pace
	requests  *requestCounts
	indexed   *indexedCounts

	serverHeader string
	id           uuid.UUID // of this run, for telemetry
	started      time.Time
}

// New returns a Server.
func New(o Options) (*Server, error) {
	packers, err := newPackers()
	if err != nil {
		return nil, err
	}
	s := &Server{
		store: o.Store, options: o, auth: transport.NewAuthenticator(o.Keys), logger: o.Logger, ready: o.Ready,
		documents: newDocuments(), buffers: newBuffers(), packers: packers, pace: newPace(),
		requests: newRequestCounts(), indexed: newIndexedCounts(),
		serverHeader: "tidemark/" + o.Version, id: uuid.New(), started: time.Now(),
	}
	if s.options.MaxRequestBytes == 0 {
		s.options.MaxRequestBytes = DefaultMaxRequestBytes
	}
	if s.options.MaxReadBytes == 0 {
		s.options.MaxReadBytes = DefaultReadBytes
	}
	s.memory = newMemory(s.options.MaxReadBytes, readPatience, o.Observer)
	if len(s.options.Commit) != 40 {
		s.options.Commit = strings.Repeat("0", 40)
	}
	if s.logger == nil {
		s.logger = slog.Default()
	}
	if s.ready == nil {
		s.ready = o.Store.Ready
	}
	s.defaults = transport.DefaultSettings()
	if o.Defaults != nil {
		s.defaults = *o.Defaults
	}
	s.handler = normalise(s.engine())
	return s, nil
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.pace.serve(s.handler, w, r) }

// Drain is for a server that stops: requests are still answered, but a client
// that neither sends nor takes anything for patience is cut off, also one that
// is waited for now. Patience only ever becomes less.
func (s *Server) Drain(patience time.Duration) { s.pace.shorten(patience) }

// engine returns the router with all routes.
func (s *Server) engine() *gin.Engine {
	gin.SetMode(gin.ReleaseMode) // the other modes print to standard output
	e := gin.New()
	e.UseRawPath, e.UnescapePathValues = true, true
	e.RedirectTrailingSlash, e.RedirectFixedPath, e.HandleMethodNotAllowed = false, false, false
	e.Use(s.observe)
	if !s.options.DisableCORS {
		e.Use(s.cors)
	}
	e.Use(s.authenticate)
	e.NoRoute(func(c *gin.Context) {
		c.Status(http.StatusNotFound)
		c.Writer.WriteHeaderNow()
	})
	s.routes = routeIndex{}
	for _, r := range apiRoutes() {
		s.routes.add(r)
		e.Handle(r.method, r.pattern(), s.handlerOf(r))
	}
	return e
}

// handlerOf returns what answers a route.
func (s *Server) handlerOf(r *route) gin.HandlerFunc {
	if r.handle == nil || r.snapshots && s.options.Snapshots == nil {
		return func(c *gin.Context) { s.notImplemented(c, r.missing+" is not part of this version") }
	}
	return func(c *gin.Context) {
		if err := checkPath(c); err != nil {
			s.fail(c, err)
			return
		}
		r.handle(s, c)
	}
}

// checkPath returns what is wrong with the parameters in the path, whatever they
// name. A snapshot of a name that none can have is one that is not there.
func checkPath(c *gin.Context) error {
	for _, p := range c.Params {
		if p.Key == "snapshot_name" {
			continue
		}
		if err := transport.CheckPathValue(p.Key, p.Value); err != nil {
			return err
		}
	}
	return nil
}
