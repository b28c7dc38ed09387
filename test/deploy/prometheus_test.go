package deploy

import (
	"path"
	"slices"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// TestPrometheusScrapesTheServiceOfTheComposeFile: the target is the service by
// its name, at the port that the image exposes.
func TestPrometheusScrapesTheServiceOfTheComposeFile(t *testing.T) {
	var c struct {
		Scrape []struct {
			Job     string `yaml:"job_name"`
			Path    string `yaml:"metrics_path"`
			Targets []struct {
				Targets []string `yaml:"targets"`
			} `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "deploy/prometheus/prometheus.yml")), &c))
	require.Len(t, c.Scrape, 1)
	require.Equal(t, "/metrics", c.Scrape[0].Path)
	require.Equal(t, []string{"tidemark:6333"}, c.Scrape[0].Targets[0].Targets)
	require.Contains(t, project(t, nil).Services, "tidemark")
}

// TestRulesAndDashboardsAreMounted where the configuration looks for them.
func TestRulesAndDashboardsAreMounted(t *testing.T) {
	services := project(t, nil, "monitoring").Services
	mounted := func(service, target string) bool {
		return slices.ContainsFunc(services[service].Volumes, func(v types.ServiceVolumeConfig) bool { return v.Target == target })
	}
	var prometheus struct {
		Rules []string `yaml:"rule_files"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "deploy/prometheus/prometheus.yml")), &prometheus))
	require.NotEmpty(t, prometheus.Rules)
	for _, name := range prometheus.Rules {
		require.True(t, mounted("prometheus", path.Join("/etc/prometheus", name)), name)
	}
	var grafana struct {
		Providers []struct {
			Options struct{ Path string }
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "deploy/grafana/dashboards.yml")), &grafana))
	require.Len(t, grafana.Providers, 1)
	require.True(t, mounted("grafana", path.Join(grafana.Providers[0].Options.Path, "tidemark.json")))
}
