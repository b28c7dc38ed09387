package rest

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/transport"
)

// normalise brings the path of a request into its normal form before it is
// routed: without doubled slashes and without one at the end. Clients are never
// redirected; some of them would not follow.
func normalise(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path = normalPath(r.URL.Path)
		if r.URL.RawPath != "" {
			// The router decodes path parts as it would a query, where a plus is
			// a blank.
			r.URL.RawPath = strings.ReplaceAll(normalPath(r.URL.RawPath), "+", "%2B")
		}
		next.ServeHTTP(w, r)
	})
}

func normalPath(p string) string {
	if !strings.Contains(p, "//") && (len(p) <= 1 || p[len(p)-1] != '/') {
		return p
	}
	var b strings.Builder
	for part := range strings.SplitSeq(p, "/") {
		if part != "" {
			b.WriteString("/" + part)
		}
	}
	if b.Len() == 0 {
		return "/"
	}
	return b.String()
}

// What is kept with a request: its time of arrival, and the error that it was
// answered with.
const (
	startKey = "tidemark.start"
	errorKey = "tidemark.error"
)

// startOf returns when a request came in.
func startOf(c *gin.Context) time.Time { return c.GetTime(startKey) }

// observe counts and logs each request, and turns a panic into an answer that
// gives nothing away.
func (s *Server) observe(c *gin.Context) {
	start := time.Now()
	c.Set(startKey, start)
	c.Header("Server", s.serverHeader)
	defer func() {
		if p := recover(); p != nil {
			s.panicked(c, p)
		}
		took := time.Since(start)
		s.count(c, took)
		s.logRequest(c, took)
	}()
	c.Next()
}

// logRequest writes the line of a request.
func (s *Server) logRequest(c *gin.Context, took time.Duration) {
	ctx := c.Request.Context()
	if !s.logger.Enabled(ctx, slog.LevelDebug) {
		return
	}
	line := []any{
		"method", c.Request.Method, "path", c.Request.URL.Path, "status", c.Writer.Status(), "bytes", c.Writer.Size(),
		"took", took, "client", c.Request.RemoteAddr, "agent", c.Request.UserAgent(),
	}
	if err, ok := c.Get(errorKey); ok {
		line = append(line, "error", err)
	}
	s.logger.DebugContext(ctx, "request", line...)
}

// panicked answers a request whose handler panicked.
func (s *Server) panicked(c *gin.Context, p any) {
	if p == http.ErrAbortHandler { //nolint:errorlint // a sentinel that is compared by contract
		panic(p)
	}
	s.logger.ErrorContext(c.Request.Context(), "panic while answering a request", "method", c.Request.Method,
		"path", c.Request.URL.Path, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	c.Abort()
	if !c.Writer.Written() {
		s.fail(c, tidemark.Errorf(tidemark.Internal, "an unexpected error; the log of the server has the details"))
	}
}

// cors lets pages of any origin call the server.
func (s *Server) cors(c *gin.Context) {
	if c.GetHeader("Origin") == "" {
		return
	}
	h := c.Writer.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "*")
	if c.Request.Method != http.MethodOptions || c.GetHeader("Access-Control-Request-Method") == "" {
		return
	}
	h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS")
	if wanted := c.GetHeader("Access-Control-Request-Headers"); wanted != "" {
		h.Set("Access-Control-Allow-Headers", wanted)
		h.Add("Vary", "Access-Control-Request-Headers")
	}
	h.Set("Access-Control-Max-Age", "3600")
	c.AbortWithStatus(http.StatusOK)
	c.Writer.WriteHeaderNow()
}

// openPaths need no key: load balancers and clients look at them first.
var openPaths = map[string]bool{"/": true, "/healthz": true, "/livez": true, "/readyz": true}

// authenticate lets only those pass who hold a key, if there are any.
func (s *Server) authenticate(c *gin.Context) {
	if s.auth.Open() || openPaths[c.Request.URL.Path] {
		return
	}
	key := c.GetHeader("api-key")
	if bearer, ok := transport.BearerKey(c.GetHeader("Authorization")); ok && key == "" {
		key = bearer
	}
	access := s.auth.Access(key)
	switch {
	case key == "":
		s.unauthorised(c, transport.KeyMissing)
	case access == transport.NoAccess:
		s.unauthorised(c, transport.KeyInvalid)
	case access < s.needs(c):
		s.fail(c, tidemark.Errorf(tidemark.Forbidden, "%s", transport.NeedsManage))
		c.Abort()
	}
}

// needs returns the access that a request needs; an unknown route needs none
// beyond a key, for it only answers that it is not there.
func (s *Server) needs(c *gin.Context) transport.Access {
	if r := s.routes.find(c.Request.Method, c.FullPath()); r != nil {
		return r.access
	}
	return transport.Read
}

// unauthorised refuses a request, in plain text as the reference does.
func (s *Server) unauthorised(c *gin.Context, text string) {
	s.send(c, http.StatusUnauthorized, typeText, []byte(text))
	c.Abort()
}
