package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const unitFile = "deploy/systemd/tidemark.service"

// directives returns the values of each directive of the section [Service].
func directives(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	section := ""
	for line := range strings.Lines(read(t, unitFile)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			section = line
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if ok && section == "[Service]" && !strings.HasPrefix(line, "#") {
			all[key] = append(all[key], value)
		}
	}
	return all
}

func TestUnit(t *testing.T) {
	d := directives(t)
	want := map[string]string{
		"Type":                     "notify",
		"DynamicUser":              "yes",
		"StateDirectory":           "tidemark",
		"NoNewPrivileges":          "yes",
		"ProtectSystem":            "strict",
		"ProtectHome":              "yes",
		"PrivateDevices":           "yes",
		"CapabilityBoundingSet":    "",
		"RestrictAddressFamilies":  "AF_INET AF_INET6 AF_UNIX", // AF_UNIX for the notification
		"TimeoutStartSec":          "infinity",
		"TimeoutStopSec":           "45",
		"RestartPreventExitStatus": "2 4",
	}
	for key, value := range want {
		require.Equal(t, []string{value}, d[key], key)
	}
}

// TestUnitWritesBelowItsStateDirectory: everything else is read-only.
func TestUnitWritesBelowItsStateDirectory(t *testing.T) {
	paths := 0
	for _, e := range directives(t)["Environment"] {
		if key, value, _ := strings.Cut(e, "="); strings.HasSuffix(key, "_PATH") {
			require.True(t, strings.HasPrefix(value, "/var/lib/tidemark/"), e)
			paths++
		}
	}
	require.Equal(t, 2, paths)
}

// TestUnitIsUnderstood lets systemd itself read the unit, where it is there. The
// path of the binary is replaced by one that exists.
func TestUnitIsUnderstood(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	binary, err := os.Executable()
	require.NoError(t, err)
	unit := strings.ReplaceAll(read(t, unitFile), "ExecStart=/usr/bin/tidemark", "ExecStart="+binary)
	file := filepath.Join(t.TempDir(), "tidemark.service")
	require.NoError(t, os.WriteFile(file, []byte(unit), 0o644))
	out, err := exec.Command(analyze, "verify", "--man=no", file).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NotContains(t, string(out), "tidemark.service", "%s", out)
}
