package metrics

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func readGuide(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile("../docs/guide/metrics.md")
	require.NoError(t, err)
	return string(b)
}

// TestGuideDescribesEachName looks for a row of a table that names a metric and
// its type.
func TestGuideDescribesEachName(t *testing.T) {
	m, source := busy(t)
	guide := readGuide(t)
	for name, f := range scrapePage(t, m, source, "").families {
		if strings.HasPrefix(name, "go_") {
			continue
		}
		row := regexp.MustCompile("(?m)^\\| `" + name + "` \\|.*$").FindString(guide)
		require.NotEmpty(t, row, "no row for %s", name)
		require.Contains(t, row, "| "+strings.ToLower(f.GetType().String())+" |", name)
		for _, label := range labelNames(f) {
			require.Contains(t, row, "`"+label+"`", name)
		}
	}
}

// TestNothingElseIsNamed looks for names that are not exposed: ours wherever they
// stand in the guides, the alerts and the dashboard, and all that have a row in
// the guide.
func TestNothingElseIsNamed(t *testing.T) {
	m, source := busy(t)
	families := scrapePage(t, m, source, "").families
	var names []string
	for _, file := range []string{
		"docs/guide/metrics.md", "docs/guide/alerts.md", "deploy/prometheus/rules.yml", "deploy/prometheus/rules_test.yml", "deploy/grafana/tidemark.json",
	} {
		text, err := os.ReadFile("../" + file)
		require.NoError(t, err)
		found := regexp.MustCompile(`tidemark_[a-z_]+[a-z]`).FindAllString(string(text), -1)
		require.NotEmpty(t, found, file)
		names = append(names, found...)
	}
	rows := regexp.MustCompile("(?m)^\\| `([a-z_0-9]+)` \\| (?:gauge|counter|histogram|summary) \\|").FindAllStringSubmatch(readGuide(t), -1)
	require.NotEmpty(t, rows)
	for _, row := range rows {
		names = append(names, row[1])
	}
	for _, name := range names {
		known := false
		for _, suffix := range []string{"", "_bucket", "_sum", "_count"} {
			base, cut := strings.CutSuffix(name, suffix)
			known = known || cut && families[base] != nil
		}
		require.True(t, known, name)
	}
}
