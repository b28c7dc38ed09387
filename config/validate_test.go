package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

func TestValidation(t *testing.T) {
	const from = " (environment QDRANT__X)"
	tests := []struct{ key, value, want string }{
		{"log_level", "loud", `log_level = "loud": must be one of OFF, ERROR, WARN, INFO, DEBUG, TRACE`},
		{"log_level", "debug", ""},
		{"logger.format", "xml", `logger.format = "xml": must be one of text, json`},
		{"service.metrics_prefix", "1st_", `service.metrics_prefix = "1st_": must consist of letters, digits and underscores and not begin with a digit`},
		{"service.host", " ", `service.host = " ": may not be empty; 127.0.0.1 serves this machine, 0.0.0.0 every network`},
		{"service.http_port", "0", ""},
		{"service.http_port", "65535", ""},
		{"service.http_port", "65536", `service.http_port = 65536: must be from 0 to 65535; 6333 is usual, 0 takes any free port`},
		{"service.http_port", "-1", `service.http_port = -1: must be from 0 to 65535; 6333 is usual, 0 takes any free port`},
		{"service.http_port", "x", `service.http_port = "x": must be a whole number`},
		{"service.http_port", "1.5", `service.http_port = "1.5": must be a whole number`},
		{"service.http_port", "", `service.http_port = "": must be a whole number`},
		{"service.http_port", "6334", `service.grpc_port = 6334: is service.http_port too; choose another port`},
		{"service.enable_cors", "maybe", `service.enable_cors = "maybe": must be true or false`},
		{"service.api_key", "", `service.api_key = ********: is empty; set a key, or remove it to let everybody in`},
		{"service.read_only_api_key", "", `service.read_only_api_key = ********: is empty; set a key, or remove it to let everybody in`},
		{"service.api_key", "null", ""},
		{"service.enable_tls", "true", `service.enable_tls = true: this version serves no TLS and would answer in the clear; put a proxy that ends TLS before it and remove the key`},
		{"service.enable_tls", "false", ""},
		{"service", "x", `service: is a section with keys below it, not a value`},
		{"storage.storage_path", "", `storage.storage_path = "": may not be empty; ./storage is the default`},
		{"storage.snapshots_path", "", `storage.snapshots_path = "": may not be empty; ./snapshots is the default`},
		{"storage.snapshots_path", "storage/", `storage.snapshots_path = "storage/": is storage.storage_path too; choose another folder`},
		{"storage.snapshots_path", "storage/snapshots", ""},
		{"storage.snapshots_path", "storage/collections/x", `storage.snapshots_path = "storage/collections/x": lies in storage/collections, whose content belongs to the engine; choose another folder`},
		{"storage.temp_path", "storage/trash", `storage.temp_path = "storage/trash": lies in storage/trash, whose content belongs to the engine; choose another folder`},
		{"storage.snapshots_config.snapshots_storage", "local", ""},
		{"storage.snapshots_config.snapshots_storage", "gcs", `storage.snapshots_config.snapshots_storage = "gcs": must be one of local, s3`},
		{"storage.snapshots_config.snapshots_storage", "S3", `storage.snapshots_config.s3_config.bucket = null: is needed to keep snapshots in S3; name a bucket that exists`},
		{"tidemark.s3.checksums", "never", `tidemark.s3.checksums = "never": must be one of when_supported, when_required`},
		{"tidemark.s3.concurrent_parts", "0", `tidemark.s3.concurrent_parts = 0: must be from 1 to 64; 4 is usual`},
		{"storage.optimizers.deleted_threshold", "1.5", `storage.optimizers.deleted_threshold = 1.5: must be from 0 to 1; it is the fraction of a segment's points, 0.2 is usual`},
		{"storage.optimizers.deleted_threshold", "NaN", `storage.optimizers.deleted_threshold = "NaN": must be a number`},
		{"storage.hnsw_index.ef_construct", "3", `storage.hnsw_index.ef_construct = 3: must be from 4 to 10000; 100 is usual`},
		{"tidemark.budget_mb", "100", `tidemark.budget_mb = 100: must be 0 or at least 256; 0 takes a quarter of the memory`},
		{"tidemark.budget_mb", "256", ""},
		{"tidemark.read_memory_mb", "127", `tidemark.read_memory_mb = 127: must be 0 or at least 128, 4 times service.max_request_size_mb: the largest body could not be read`},
		{"tidemark.read_memory_mb", "128", ""},
		{"tidemark.pprof_port", "6333", `tidemark.pprof_port = 6333: is used by the service too; choose another port`},
	}
	for _, tt := range tests {
		t.Run(tt.key+"="+tt.value, func(t *testing.T) {
			o := tree(t, nil)
			name := "QDRANT__" + strings.ToUpper(strings.ReplaceAll(tt.key, ".", "__"))
			o.Environ = []string{name + "=" + tt.value}
			_, err := Load(o)
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			var invalid *InvalidError
			require.True(t, errors.As(err, &invalid), "%v", err)
			require.NotEmpty(t, invalid.Problems)
			got := invalid.Problems[0]
			require.Contains(t, []string{"environment " + name, "default"}, got.Source)
			got.Source = "environment QDRANT__X"
			require.Equal(t, strings.Replace(tt.want, ": ", from+": ", 1), got.String())
		})
	}
}

func TestTypesInFiles(t *testing.T) {
	tests := []struct{ yaml, want string }{
		{"service: {http_port: true}", `service.http_port = true: must be a whole number`},
		{"service: {http_port: [1]}", `service.http_port = [1]: must be a whole number`},
		{"service: {http_port: {x: 1}}", ``}, // a key below a key is not known
		{"service: {http_port: 1.5}", `service.http_port = 1.5: must be a whole number`},
		{"service: {http_port: 1e300}", `service.http_port = 1e+300: must be a whole number`},
		{"service: {http_port: null}", `service.http_port = null: may not be null; remove the key to get the default`},
		{"service: {enable_cors: 1}", `service.enable_cors = 1: must be true or false`},
		{"service: {api_key: 0123}", `service.api_key = ********: must be a string; put it in quotes`},
		{"storage: {storage_path: 7}", `storage.storage_path = 7: must be a string; put it in quotes`},
		{"storage: {optimizers: {deleted_threshold: .inf}}", `storage.optimizers.deleted_threshold = +Inf: must be a number`},
		{"service: [1]", `service: is a section with keys below it, not a value`},
	}
	for _, tt := range tests {
		t.Run(tt.yaml, func(t *testing.T) {
			_, err := Load(tree(t, map[string]string{"config/config.yaml": tt.yaml}))
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			var invalid *InvalidError
			require.True(t, errors.As(err, &invalid), "%v", err)
			p := invalid.Problems[0]
			require.Contains(t, p.Source, "config.yaml")
			p.Source = ""
			require.Equal(t, tt.want, p.String())
		})
	}
}

func TestAllProblemsAreReportedAtOnce(t *testing.T) {
	o := tree(t, map[string]string{"config/config.yaml": "log_level: loud\nservice: {http_port: x, host: ''}"})
	o.Environ = []string{"TIDEMARK__HEAD_MB=0"}
	_, err := Load(o)
	var invalid *InvalidError
	require.True(t, errors.As(err, &invalid))
	var keys []string
	for _, p := range invalid.Problems {
		keys = append(keys, p.Key)
	}
	require.Empty(t, cmp.Diff([]string{"service.http_port", "tidemark.head_mb", "log_level", "service.host"}, keys))
	require.Equal(t, 5, len(strings.Split(err.Error(), "\n")))
}

// TestHeadsFitTheBudget: two heads must fit, one that fills and one that is
// being written.
func TestHeadsFitTheBudget(t *testing.T) {
	o := tree(t, nil)
	o.Environ = []string{"TIDEMARK__BUDGET_MB=256", "TIDEMARK__HEAD_MB=129"}
	_, err := Load(o)
	require.ErrorContains(t, err, "lower it to 128 or less")
	o.Environ[1] = "TIDEMARK__HEAD_MB=128"
	_, err = Load(o)
	require.NoError(t, err)
}

// TestEveryNumberHasBounds so that a new key is not forgotten.
func TestEveryNumberHasBounds(t *testing.T) {
	bounded := map[string]bool{}
	for _, b := range bounds {
		bounded[b.key] = true
	}
	s := newSchema()
	for _, f := range s.fields {
		switch f.kind.Kind().String() {
		case "int", "float64":
			require.True(t, bounded[f.key], "%s has no bounds", f.key)
			delete(bounded, f.key)
		}
	}
	require.Empty(t, bounded, "bounds of keys that are none")
}

func TestIgnoredAndAliasedKeysAreNotKnownToo(t *testing.T) {
	s := newSchema()
	for key := range ignored {
		require.NotContains(t, s.byKey, key)
	}
	for alias, key := range aliases {
		require.NotContains(t, s.byKey, alias)
		require.Contains(t, s.byKey, key)
	}
	for key := range refused {
		_, ok := whyIgnored(key)
		require.True(t, ok, "%s is refused with one value, but not known with others", key)
	}
}

func TestSecretIsMasked(t *testing.T) {
	s := Secret("hunter2")
	require.Equal(t, "hunter2", s.Reveal())
	requireMasked(t, s)
	requireMasked(t, &s)
	requireMasked(t, struct{ K *Secret }{&s})
}

// requireMasked prints v in every way that a program might.
func requireMasked(t *testing.T, v any) {
	t.Helper()
	j, err := json.Marshal(v)
	require.NoError(t, err)
	var log strings.Builder
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("x", "v", v)
	}
	for _, s := range []string{string(j), fmt.Sprintf("%v|%+v|%s|%#v", v, v, v, v), log.String()} {
		require.NotContains(t, s, "hunter2")
	}
}

func TestDistance(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"abc", "", 3},
		{"abc", "abc", 0},
		{"abc", "abd", 1},
		{"kitten", "sitting", 3},
		{"flaw", "lawn", 2},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, distance(tt.a, tt.b), "%s %s", tt.a, tt.b)
		require.Equal(t, tt.want, distance(tt.b, tt.a), "%s %s", tt.b, tt.a)
	}
}

// FuzzLoad gives any bytes as a file and as a variable: what is not valid must
// be refused, never make the program panic.
func FuzzLoad(f *testing.F) {
	f.Add("service: {http_port: 1}", "7")
	f.Add("a: &a [*a]\n? {b: 1}\n: c", "null")
	f.Add("storage: {1: 2, null: 3, 4.5: {x: y}}", "1e9")
	f.Fuzz(func(t *testing.T, file, variable string) {
		o := tree(t, map[string]string{"config/config.yaml": file})
		o.Environ = []string{"QDRANT__SERVICE__HTTP_PORT=" + variable, "QDRANT__" + variable + "=1"}
		l, err := Load(o)
		var invalid *InvalidError
		if err != nil && !errors.As(err, &invalid) {
			t.Fatalf("%v", err)
		}
		if err == nil {
			require.Empty(t, l.validate(newSchema()))
		}
	})
}
