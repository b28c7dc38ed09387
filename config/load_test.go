package config

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// tree writes files below a new folder and returns options that look there.
func tree(t testing.TB, files map[string]string) Options {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
	}
	return Options{Dir: root, Root: root}
}

func TestDefaultsAreValid(t *testing.T) {
	l, err := Load(tree(t, nil))
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(Default(), l.Config))
	require.Empty(t, l.Unknown)
	require.Empty(t, l.Ignored)
}

// TestOrderOfSources adds one source after the other; each must win over all
// that came before it.
func TestOrderOfSources(t *testing.T) {
	port := func(n string) string { return "service:\n  http_port: " + n + "\n" }
	steps := []struct {
		name   string
		add    func(o *Options, files map[string]string)
		want   int
		source string
	}{
		{"default", func(*Options, map[string]string) {}, 6333, "default"},
		{"config", func(_ *Options, f map[string]string) { f["config/config.yaml"] = port("1") }, 1, "file ROOT/config/config.yaml"},
		{"run mode", func(_ *Options, f map[string]string) { f["config/development.yml"] = port("2") }, 2, "file ROOT/config/development.yml"},
		{"local", func(_ *Options, f map[string]string) { f["config/local.json"] = `{"service": {"http_port": 3}}` }, 3, "file ROOT/config/local.json"},
		{"the reference's folder", func(_ *Options, f map[string]string) { f["etc/qdrant/config.yaml"] = port("4") }, 4, "file ROOT/etc/qdrant/config.yaml"},
		{"our folder", func(_ *Options, f map[string]string) { f["etc/tidemark/config.yaml"] = port("5") }, 5, "file ROOT/etc/tidemark/config.yaml"},
		{"config path", func(o *Options, f map[string]string) { f["own.yaml"] = port("6"); o.File = "own.yaml" }, 6, "file ROOT/own.yaml"},
		{"the reference's variable", func(o *Options, _ map[string]string) {
			o.Environ = append(o.Environ, "TIDEMARK=x", "QDRANT__SERVICE__HTTP_PORT=7")
		}, 7, "environment QDRANT__SERVICE__HTTP_PORT"},
		{"our variable", func(o *Options, _ map[string]string) {
			o.Environ = append([]string{"TIDEMARK__SERVICE__HTTP_PORT=8"}, o.Environ...)
		}, 8, "environment TIDEMARK__SERVICE__HTTP_PORT"},
		{"flag", func(o *Options, _ map[string]string) {
			o.Flags = map[string]Flag{"service.http_port": {Name: "http-port", Value: "9"}}
		}, 9, "flag --http-port"},
	}
	var o Options
	files := map[string]string{}
	for _, step := range steps {
		step.add(&o, files)
		at := tree(t, files)
		o.Dir, o.Root = at.Dir, at.Root
		given := o
		if given.File != "" {
			given.File = filepath.Join(at.Root, given.File)
		}
		l, err := Load(given)
		require.NoError(t, err, step.name)
		require.Equal(t, step.want, l.Config.Service.HTTPPort, step.name)
		want := step.source
		if len(want) > 9 && want[:9] == "file ROOT" {
			want = "file " + at.Root + want[9:]
		}
		require.Equal(t, want, l.source("service.http_port"), step.name)
	}
}

func TestRunModeChoosesAFile(t *testing.T) {
	o := tree(t, map[string]string{
		"config/development.yaml": "log_level: DEBUG",
		"config/production.yaml":  "log_level: WARN",
	})
	o.Environ = []string{"RUN_MODE=staging", "RUN_MODE=production"} // the last one counts
	l, err := Load(o)
	require.NoError(t, err)
	require.Equal(t, "WARN", l.Config.LogLevel)
}

func TestConfigPathWithoutExtension(t *testing.T) {
	o := tree(t, map[string]string{"own.yaml": "log_level: WARN"})
	o.File = filepath.Join(o.Dir, "own")
	l, err := Load(o)
	require.NoError(t, err)
	require.Equal(t, "WARN", l.Config.LogLevel)
}

// TestValues gives one key after the other in a file and in the environment.
func TestValues(t *testing.T) {
	path, threads, key := "/data/tmp", 3, Secret("0123")
	tests := []struct {
		name, yaml string
		environ    []string
		want       func(c *Config)
	}{
		{"nested key", "storage:\n  wal:\n    wal_capacity_mb: 64", nil, func(c *Config) { c.Storage.WAL.CapacityMB = 64 }},
		{"optional string", "storage: {temp_path: /data/tmp}", nil, func(c *Config) { c.Storage.TempPath = &path }},
		{"optional number", "storage: {optimizers: {max_optimization_threads: 3}}", nil, func(c *Config) { c.Storage.Optimizers.MaxOptimizationThreads = &threads }},
		{"null takes away", "service: {grpc_port: null}", nil, func(c *Config) { c.Service.GRPCPort = nil }},
		{"the word null takes away", "", []string{"QDRANT__SERVICE__GRPC_PORT=null"}, func(c *Config) { c.Service.GRPCPort = nil }},
		{"an empty variable takes away", "storage: {temp_path: x}", []string{"QDRANT__STORAGE__TEMP_PATH="}, func(*Config) {}},
		{"empty section", "service:\nstorage: {}", nil, func(*Config) {}},
		{"empty file", "# nothing\n", nil, func(*Config) {}},
		{"whole float for a number", "service: {http_port: 7000.0}", nil, func(c *Config) { c.Service.HTTPPort = 7000 }},
		{"fraction from the environment", "", []string{"QDRANT__STORAGE__OPTIMIZERS__DELETED_THRESHOLD=0.5"}, func(c *Config) { c.Storage.Optimizers.DeletedThreshold = 0.5 }},
		{"number for a fraction", "storage: {optimizers: {deleted_threshold: 1}}", nil, func(c *Config) { c.Storage.Optimizers.DeletedThreshold = 1 }},
		{"switch from the environment", "", []string{"QDRANT__SERVICE__ENABLE_CORS=FALSE"}, func(c *Config) { c.Service.EnableCORS = false }},
		{"name without the unit", "storage: {hnsw_index: {full_scan_threshold: 5}}", nil, func(c *Config) { c.Storage.HNSWIndex.FullScanThreshold = 5 }},
		{"secret like a number", "", []string{"QDRANT__SERVICE__API_KEY=0123"}, func(c *Config) { c.Service.APIKey = &key }},
		{"ours with the section", "", []string{"TIDEMARK__TIDEMARK__BUDGET_MB=512"}, func(c *Config) { c.Tidemark.BudgetMB = 512 }},
		{"ours without the section", "", []string{"TIDEMARK__BUDGET_MB=512"}, func(c *Config) { c.Tidemark.BudgetMB = 512 }},
		{"other variables", "", []string{"QDRANT_PORT=tcp://10.0.0.1:6333", "SERVICE__HOST=x", "PATH"}, func(*Config) {}},
		{"the last of equal variables", "", []string{"QDRANT__LOG_LEVEL=WARN", "QDRANT__LOG_LEVEL=ERROR"}, func(c *Config) { c.LogLevel = "ERROR" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := tree(t, map[string]string{"config/config.yaml": tt.yaml})
			o.Environ = tt.environ
			want := Default()
			tt.want(&want)
			l, err := Load(o)
			require.NoError(t, err)
			require.Empty(t, l.Unknown)
			require.Empty(t, cmp.Diff(want, l.Config))
		})
	}
}

func TestUnknownAndIgnoredKeys(t *testing.T) {
	o := tree(t, map[string]string{"config/config.yaml": `
service:
  htttp_port: 1
  max_workers: 4
storage:
  http_port: 1
  snapshot_path: x
  performance:
    search_timeout_sec: 3
budget_mb: 512
cluster:
  p2p: {port: 6335}
telemetry_disabled: true
wholly_different_thing: 1
`})
	o.Environ = []string{"TIDEMARK__BUDGET_MBB=3"}
	l, err := Load(o)
	require.NoError(t, err)
	file := "file " + filepath.Join(o.Dir, "config/config.yaml")
	require.Empty(t, cmp.Diff([]Problem{
		{Key: "budget_mb", Source: file, Text: "is not known; did you mean tidemark.budget_mb?"},
		{Key: "service.htttp_port", Source: file, Text: "is not known; did you mean service.http_port?"},
		{Key: "storage.http_port", Source: file, Text: "is not known; did you mean service.http_port?"},
		{Key: "storage.snapshot_path", Source: file, Text: "is not known; did you mean storage.snapshots_path?"},
		{Key: "wholly_different_thing", Source: file, Text: "is not known"},
		{Key: "budget_mbb", Source: "environment TIDEMARK__BUDGET_MBB", Text: "is not known; did you mean tidemark.budget_mb?"},
	}, l.Unknown))
	require.Empty(t, cmp.Diff([]Problem{
		{Key: "cluster.p2p.port", Source: file, Text: "has no effect: there is one node"},
		{Key: "service.max_workers", Source: file, Text: "has no effect: the Go scheduler spreads requests over the cores"},
		{Key: "storage.performance.search_timeout_sec", Source: file, Text: "has no effect: the Go scheduler spreads work over the cores"},
		{Key: "telemetry_disabled", Source: file, Text: "has no effect: nothing is ever sent anywhere"},
	}, l.Ignored))
}

// TestReferenceConfiguration loads the keys that the reference documents with
// its defaults: none of them may be unknown, nothing may fail.
func TestReferenceConfiguration(t *testing.T) {
	o := tree(t, nil)
	o.File = filepath.Join("testdata", "reference.yaml")
	l, err := Load(o)
	require.NoError(t, err)
	require.Empty(t, l.Unknown)
	want := Default()
	want.Service.Host = "0.0.0.0"
	want.Service.MetricsPrefix = "qdrant_"
	want.Storage.SnapshotsConfig.S3Config.AccessKey, want.Storage.SnapshotsConfig.S3Config.SecretKey = new(Secret), new(Secret)
	require.Empty(t, cmp.Diff(want, l.Config))
}

func TestEffectiveMasksSecrets(t *testing.T) {
	o := tree(t, nil)
	o.Environ = []string{"QDRANT__SERVICE__API_KEY=hunter2"}
	l, err := Load(o)
	require.NoError(t, err)
	require.Equal(t, "hunter2", l.Config.Service.APIKey.Reveal())
	settings := map[string]Setting{}
	for _, s := range l.Effective() {
		settings[s.Key] = s
	}
	require.Len(t, settings, len(fields()))
	key := settings["service.api_key"]
	require.Equal(t, "environment QDRANT__SERVICE__API_KEY", key.Source)
	requireMasked(t, key.Value)
	requireMasked(t, l.Config)
	require.Nil(t, settings["service.alt_api_key"].Value)
	require.Equal(t, 6333, settings["service.http_port"].Value)
}

func TestErrorNamesAllFilesThatCannotBeRead(t *testing.T) {
	o := tree(t, map[string]string{"config/config.yaml": "a: [", "config/local.yaml": "\tb"})
	o.File = filepath.Join(o.Dir, "none.yaml")
	_, err := Load(o)
	var invalid *InvalidError
	require.True(t, errors.As(err, &invalid))
	require.Len(t, invalid.Problems, 3)
	require.Equal(t, "file "+o.File+": there is no such file; check the path", invalid.Problems[2].String())
}
