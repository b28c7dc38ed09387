package monitoring

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRules runs Prometheus' own checks of the deployed configuration, and the
// unit tests of the alerts.
func TestRules(t *testing.T) {
	promtool := tool(t, "promtool")
	for _, args := range [][]string{
		{"check", "config", deployed("prometheus/prometheus.yml")},
		{"check", "rules", "--lint-fatal", deployed("prometheus/rules.yml")},
		{"test", "rules", deployed("prometheus/rules_test.yml")},
	} {
		out, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput()
		require.NoError(t, err, "promtool %s\n%s", strings.Join(args, " "), out)
	}
}

// alerts are the names of the deployed alerts.
func alerts(t *testing.T) []string {
	t.Helper()
	return firsts(regexp.MustCompile(`(?m)^ +- alert: (\w+)$`), read(t, deployed("prometheus/rules.yml")))
}

// firsts returns the first group of every match, each once.
func firsts(pattern *regexp.Regexp, text string) []string {
	var all []string
	for _, m := range pattern.FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// TestEveryAlertIsTestedAndExplained, and nothing else is: one that fires, one
// that does not, and a section of the guide.
func TestEveryAlertIsTestedAndExplained(t *testing.T) {
	tests := read(t, deployed("prometheus/rules_test.yml"))
	guide := read(t, filepath.Join("..", "..", "docs", "guide", "alerts.md"))
	all := alerts(t)
	require.NotEmpty(t, all)
	require.Equal(t, all, firsts(regexp.MustCompile(`alertname: (\w+)\n +exp_alerts:\n`), tests), "alerts that are seen firing")
	require.Equal(t, all, firsts(regexp.MustCompile(`alertname: (\w+)\n +exp_alerts: \[\]\n`), tests), "alerts that are seen not firing")
	require.Equal(t, all, firsts(regexp.MustCompile(`(?m)^### (Tidemark\w+)$`), guide), "alerts that the guide explains")
}
