package monitoring

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/test/testserver"
)

// dashboard is what counts of Grafana's file.
type dashboard struct {
	Templating struct {
		List []struct{ Name, Type, Query, AllValue string }
	}
	Panels []struct {
		ID      int
		Title   string
		Type    string
		Targets []struct{ Expr string }
	}
}

func loadDashboard(t *testing.T) dashboard {
	t.Helper()
	var d dashboard
	require.NoError(t, json.Unmarshal([]byte(read(t, deployed("grafana/tidemark.json"))), &d))
	return d
}

// TestEveryQueryHasData asks for what each panel shows, with all servers and
// collections chosen, and for the values of each variable. What is optional must
// be understood.
func TestEveryQueryHasData(t *testing.T) {
	s := startServer(t)
	s.live(t)
	p := startPrometheus(t, strings.TrimPrefix(s.URL(), "http://"))
	d := loadDashboard(t)
	variables := map[string]string{"__rate_interval": "1m"}
	for _, v := range d.Templating.List {
		if v.Type == "query" {
			variables[v.Name] = v.AllValue
		}
	}
	expand := func(text string) string {
		return os.Expand(text, func(name string) string {
			require.Contains(t, variables, name, text)
			return variables[name]
		})
	}
	for _, v := range d.Templating.List {
		if v.Type == "query" {
			p.requireValues(t, expand(v.Query))
		}
	}
	queries := 0
	for _, panel := range d.Panels {
		for _, target := range panel.Targets {
			queries++
			expr := expand(target.Expr)
			p.await(t, fmt.Sprintf("data of the panel %q: %s", panel.Title, expr), func() (bool, error) {
				n, err := p.count(t.Context(), expr)
				return n > 0 || isOptional(expr), err
			})
		}
	}
	require.Greater(t, queries, 40)
}

// isOptional reports whether a query has no data on this server: it keeps its
// snapshots in files.
func isOptional(expr string) bool { return strings.Contains(expr, "tidemark_object_store_") }

// requireValues requires that label_values(series, label) has a value.
func (p *prometheus) requireValues(t *testing.T, query string) {
	t.Helper()
	m := regexp.MustCompile(`^label_values\((.+), (\w+)\)$`).FindStringSubmatch(query)
	require.NotNil(t, m, query)
	var values []string
	require.NoError(t, p.get(t.Context(), "/api/v1/label/"+m[2]+"/values", url.Values{"match[]": {m[1]}}, &values))
	require.NotEmpty(t, values, query)
}

// TestPanelsAreTold from each other by their ids.
func TestPanelsAreTold(t *testing.T) {
	seen := map[int]string{}
	for _, p := range loadDashboard(t).Panels {
		require.NotContains(t, seen, p.ID, p.Title)
		seen[p.ID] = p.Title
	}
}

// TestAlarm: a server that is well raises none, and a stored snapshot that rots
// does.
func TestAlarm(t *testing.T) {
	s := startServer(t)
	name := s.live(t)
	p := startPrometheus(t, strings.TrimPrefix(s.URL(), "http://"))
	p.await(t, "all rules", func() (bool, error) {
		all, err := p.rules(t.Context())
		evaluated := 0
		for _, r := range all {
			if r.Health == "ok" {
				evaluated++
			}
			require.Empty(t, r.LastError, r.Name)
			if r.group != "tidemark-disk" { // nobody knows how full this machine is
				require.NotEqual(t, "firing", r.State, r.Name)
			}
		}
		return evaluated == len(alerts(t)), err
	})

	path := filepath.Join(s.dir, "snapshots", "c", name)
	content := []byte(read(t, path))
	content[len(content)/2] ^= 1
	require.NoError(t, os.WriteFile(path, content, 0o640))
	status, body := s.do(t, "POST", "/collections/c/snapshots/"+name+"/verify", "")
	require.Equal(t, http.StatusBadRequest, status, body)
	for _, alert := range []string{"TidemarkSnapshotDamaged", "TidemarkSnapshotVerifyFailed"} {
		p.await(t, alert, func() (bool, error) {
			n, err := p.count(t.Context(), fmt.Sprintf(`ALERTS{alertname=%q,alertstate="firing",collection="c"}`, alert))
			return n > 0, err
		})
	}
}

// server is a running binary and its directory.
type server struct {
	*testserver.Server
	dir string
}

func startServer(t *testing.T) *server {
	t.Helper()
	dir := t.TempDir()
	s := &server{testserver.New(t, testserver.Build(t), dir), dir}
	require.NoError(t, s.Start(t.Context()))
	return s
}

// live lets the server do a little of all that it can, and returns the name of
// a snapshot.
func (s *server) live(t *testing.T) (snapshot string) {
	t.Helper()
	s.must(t, "PUT", "/collections/c", `{"vectors":{"size":2,"distance":"Dot"}}`)
	s.must(t, "PUT", "/collections/c/points?wait=true", `{"points":[{"id":1,"vector":[1,2]}]}`)
	s.must(t, "POST", "/collections/c/points/query", `{"query":[1,2]}`)
	var answer struct{ Result struct{ Name string } }
	require.NoError(t, json.Unmarshal([]byte(s.must(t, "POST", "/collections/c/snapshots", "")), &answer))
	snapshot = answer.Result.Name
	s.must(t, "POST", "/collections/c/snapshots/"+snapshot+"/verify", "")
	location := (&url.URL{Scheme: "file", Path: filepath.Join(s.dir, "snapshots", "c", snapshot)}).String()
	s.must(t, "PUT", "/collections/c/snapshots/recover", fmt.Sprintf(`{"location":%q}`, location))
	s.must(t, "POST", "/collections/c/snapshots/undo", "")
	return snapshot
}

// must makes a request that succeeds and returns the answer.
func (s *server) must(t *testing.T, method, path, body string) string {
	t.Helper()
	status, answer := s.do(t, method, path, body)
	require.Equal(t, http.StatusOK, status, "%s %s\n%s", method, path, answer)
	return answer
}

func (s *server) do(t *testing.T, method, path, body string) (status int, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), method, s.URL()+path, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(b)
}
