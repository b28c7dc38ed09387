package config

import (
	"fmt"
	"os"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// TestGuideListsAllKeysAndDefaults keeps the guide true to the code.
func TestGuideListsAllKeysAndDefaults(t *testing.T) {
	content, err := os.ReadFile("../docs/guide/configuration.md")
	require.NoError(t, err)
	documented := map[string]string{}
	row := regexp.MustCompile("(?m)^\\| `([a-z0-9_.]+)` \\| (?:`([^`]+)`|–) \\|")
	for _, m := range row.FindAllStringSubmatch(string(content), -1) {
		require.NotContains(t, documented, m[1], "listed twice")
		documented[m[1]] = m[2]
	}
	want := map[string]string{}
	defaults := Default()
	for _, f := range fields() {
		want[f.key] = ""
		if v := f.get(&defaults); v != nil {
			want[f.key] = fmt.Sprint(v)
		}
	}
	require.Empty(t, cmp.Diff(want, documented))
}
