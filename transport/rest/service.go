package rest

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/transport"
)

// versionInfo answers GET /. It has no envelope.
type versionInfo struct {
	Title   string `json:"title"`
	Version string `json:"version"`
	Commit  string `json:"commit"`
}

func (s *Server) root(c *gin.Context) {
	body, err := json.Marshal(versionInfo{APITitle, APIVersion, s.options.Commit})
	if err != nil {
		s.fail(c, err)
		return
	}
	s.send(c, http.StatusOK, typeJSON, body)
}

func (s *Server) healthz(c *gin.Context) {
	s.send(c, http.StatusOK, typeText, []byte("healthz check passed"))
}

func (s *Server) readyz(c *gin.Context) {
	if s.ready() {
		s.send(c, http.StatusOK, typeText, []byte("all shards are ready"))
		return
	}
	s.send(c, http.StatusServiceUnavailable, typeText, []byte("some shards are not ready"))
}

func (s *Server) metrics(c *gin.Context) {
	if s.options.Metrics == nil {
		s.notImplemented(c, "this server was started without metrics")
		return
	}
	s.options.Metrics.ServeHTTP(c.Writer, c.Request)
}

// listIssues answers that there are none: nothing looks for them.
func (s *Server) listIssues(c *gin.Context) {
	s.ok(c, func(dst []byte) []byte { return append(dst, `{"issues":[]}`...) })
}

func (s *Server) clearIssues(c *gin.Context) { s.okTrue(c) }

// okTrue answers with true.
func (s *Server) okTrue(c *gin.Context) {
	s.ok(c, func(dst []byte) []byte { return append(dst, "true"...) })
}

// telemetryData is what GET /telemetry tells, at the levels of detail 0 and up
// the same.
type telemetryData struct {
	ID  string `json:"id"`
	App struct {
		Name    string    `json:"name"`
		Version string    `json:"version"`
		Startup time.Time `json:"startup"`
	} `json:"app"`
	Collections struct {
		Number int `json:"number_of_collections"`
	} `json:"collections"`
	Cluster struct {
		Enabled           bool `json:"enabled"`
		ReshardingEnabled bool `json:"resharding_enabled"`
	} `json:"cluster"`
	Requests struct {
		REST responses `json:"rest"`
		GRPC responses `json:"grpc"`
	} `json:"requests"`
}

// responses are counts by route and status.
type responses struct {
	Responses map[string]map[string]responseCount `json:"responses"`
}

type responseCount struct {
	Count     uint64            `json:"count"`
	AvgMicros transport.Float64 `json:"avg_duration_micros"`
}

func (s *Server) telemetry(c *gin.Context) {
	if level, ok := query(c).Lookup("details_level"); ok {
		if _, err := strconv.ParseUint(level, 10, 64); err != nil {
			s.fail(c, tidemark.Errorf(tidemark.BadRequest, "details_level must be an unsigned integer"))
			return
		}
	}
	var t telemetryData
	t.ID = s.id.String()
	t.App.Name, t.App.Version, t.App.Startup = "qdrant", APIVersion, s.started.UTC().Truncate(time.Millisecond)
	t.Collections.Number = len(s.store.Names())
	t.Requests.REST = s.responses()
	t.Requests.GRPC.Responses = map[string]map[string]responseCount{}
	s.okJSON(c, t)
}

func (s *Server) responses() responses {
	out := responses{map[string]map[string]responseCount{}}
	for key, n := range s.requests.snapshot() {
		route := key.route
		if route == "" {
			route = "unknown"
		}
		name := fmt.Sprintf("%s %s", key.method, route)
		if out.Responses[name] == nil {
			out.Responses[name] = map[string]responseCount{}
		}
		out.Responses[name][strconv.Itoa(key.status)] = responseCount{
			n.count, transport.Float64(float64(n.total.Microseconds()) / float64(n.count)),
		}
	}
	return out
}
