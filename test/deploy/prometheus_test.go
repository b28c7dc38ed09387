package deploy

import (
	"testing"

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
