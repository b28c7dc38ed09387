// Package monitoring proves the alerts and the dashboard below deploy/ by
// Prometheus itself: its checker and its unit tests for the rules, and a real
// Prometheus that scrapes a real server.
package monitoring

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/test/testserver"
)

func TestMain(m *testing.M) { os.Exit(testserver.Main(m)) }

// deployed is the path of a file that operators use.
func deployed(name string) string { return filepath.Join("..", "..", "deploy", name) }

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}

// tool returns the path of a program of Prometheus.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	require.NoError(t, err, "%s is needed; on Debian: apt-get install prometheus", name)
	return path
}

// prometheus is a process that scrapes a server every second.
type prometheus struct{ url string }

// startPrometheus starts it with the deployed configuration, but for the address
// and the intervals. It ends with the test.
func startPrometheus(t *testing.T, target string) *prometheus {
	t.Helper()
	dir := t.TempDir()
	config := read(t, deployed("prometheus/prometheus.yml"))
	for deployed, here := range map[string]string{
		"tidemark:6333": target, "scrape_interval: 15s": "scrape_interval: 1s",
		"scrape_timeout: 10s": "scrape_timeout: 1s", "evaluation_interval: 15s": "evaluation_interval: 1s",
	} {
		require.Equal(t, 1, strings.Count(config, deployed), deployed)
		config = strings.Replace(config, deployed, here, 1)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(config), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "rules.yml"), []byte(read(t, deployed("prometheus/rules.yml"))), 0o644))

	address := fmt.Sprintf("127.0.0.1:%d", testserver.FreePort(t))
	cmd := exec.Command(tool(t, "prometheus"), "--config.file="+filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address, "--log.level=warn")
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended already
		_ = cmd.Wait()         // killed
		if t.Failed() {
			t.Logf("output of Prometheus:\n%s", &output)
		}
	})
	p := &prometheus{"http://" + address}
	p.await(t, "the first scrape", func() (bool, error) {
		n, err := p.count(t.Context(), "tidemark_ready")
		return n == 1, err
	})
	return p
}

// await asks until something is so, for two minutes at most.
func (p *prometheus) await(t *testing.T, what string, ask func() (bool, error)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		ok, err := ask()
		if ok && err == nil {
			return
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			require.Fail(t, "waited in vain", "for %s; the last error was: %v", what, err)
		}
	}
}

// get asks the API and decodes the data of the answer.
func (p *prometheus) get(ctx context.Context, path string, query url.Values, data any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+path+"?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return fmt.Errorf("status %d: %w", resp.StatusCode, err)
	}
	if answer.Status != "success" {
		return fmt.Errorf("%s: %s", answer.Status, answer.Error)
	}
	return json.Unmarshal(answer.Data, data)
}

// count evaluates an expression and returns how many series it has.
func (p *prometheus) count(ctx context.Context, expr string) (int, error) {
	var data struct{ Result []json.RawMessage }
	err := p.get(ctx, "/api/v1/query", url.Values{"query": {expr}}, &data)
	return len(data.Result), err
}

// rule is an alert as Prometheus sees it.
type rule struct {
	Name, State, Health, LastError string
	group                          string
}

func (p *prometheus) rules(ctx context.Context) ([]rule, error) {
	var data struct {
		Groups []struct {
			Name  string
			Rules []rule
		}
	}
	err := p.get(ctx, "/api/v1/rules", nil, &data)
	var all []rule
	for _, g := range data.Groups {
		for _, r := range g.Rules {
			r.group = g.Name
			all = append(all, r)
		}
	}
	return all, err
}
