package rest

import (
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
)

// rawQuery are the parameters of a request as they stand in its URL. Looking
// one up costs less than parsing all of them.
type rawQuery string

// Lookup implements transport.Values. Of a parameter that is given more than
// once the first counts.
func (q rawQuery) Lookup(name string) (string, bool) {
	for part := range strings.SplitSeq(string(q), "&") {
		key, value, _ := strings.Cut(part, "=")
		if strings.ContainsAny(key, "%+") {
			key, _ = url.QueryUnescape(key)
		}
		if key != name {
			continue
		}
		if strings.ContainsAny(value, "%+") {
			if plain, err := url.QueryUnescape(value); err == nil {
				value = plain
			}
		}
		return value, true
	}
	return "", false
}

// query returns the parameters of a request.
func query(c *gin.Context) rawQuery { return rawQuery(c.Request.URL.RawQuery) }

// requestCounts counts answers by route and status, for telemetry.
type requestCounts struct {
	mu     sync.Mutex
	counts map[requestKey]requestCount
}

type requestKey struct {
	method, route string
	status        int
}

type requestCount struct {
	count            uint64
	total, min, max  time.Duration
	lastRespondedUTC time.Time
}

func newRequestCounts() *requestCounts {
	return &requestCounts{counts: map[requestKey]requestCount{}}
}

// add counts one answer.
func (r *requestCounts) add(key requestKey, took time.Duration, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.counts[key]
	if n.count == 0 || took < n.min {
		n.min = took
	}
	n.count++
	n.total += took
	n.max = max(n.max, took)
	n.lastRespondedUTC = now
	r.counts[key] = n
}

// snapshot returns a copy.
func (r *requestCounts) snapshot() map[requestKey]requestCount {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make(map[requestKey]requestCount, len(r.counts))
	for k, v := range r.counts {
		out[k] = v
	}
	return out
}

// count notes an answer in the telemetry and tells the observer.
func (s *Server) count(c *gin.Context, took time.Duration) {
	method, path, status := c.Request.Method, "", c.Writer.Status()
	if r := s.routes.find(method, c.FullPath()); r != nil {
		path = r.path
	}
	if !knownMethods[method] {
		method = "OTHER" // so that no client can fill memory with names
	}
	s.requests.add(requestKey{method, path, status}, took, time.Now())
	if o := s.options.Observer; o != nil {
		o.Answered(method, path, c.Param("collection_name"), status, took)
	}
}

var knownMethods = map[string]bool{
	"GET": true, "PUT": true, "POST": true, "PATCH": true, "DELETE": true, "HEAD": true, "OPTIONS": true,
}
