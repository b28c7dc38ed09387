package transport_test

import (
	"os"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/index/filter"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/transport"
)

// newConfig returns the configuration of a collection that body asks for.
func newConfig(t *testing.T, body string) *tidemark.Config {
	t.Helper()
	var r transport.CreateCollection
	require.NoError(t, json.Unmarshal([]byte(body), &r))
	require.NoError(t, r.Check())
	spec, err := r.Spec(transport.DefaultSettings())
	require.NoError(t, err)
	return &tidemark.Config{Schema: spec.Vectors, Settings: spec.Settings, Indexes: map[string]filter.FieldIndex{}}
}

// change applies a PATCH to cfg.
func change(t *testing.T, cfg *tidemark.Config, body string) {
	t.Helper()
	var r transport.UpdateCollection
	require.NoError(t, json.Unmarshal([]byte(body), &r))
	require.NoError(t, r.Check())
	ch, err := r.Change(cfg)
	require.NoError(t, err)
	if ch.Settings != nil {
		cfg.Settings = ch.Settings
	}
}

const everything = `{
	"vectors": {"a": {"size": 4, "distance": "Cosine", "on_disk": true, "datatype": "float16", "hnsw_config": {"m": 8}},
		"m": {"size": 2, "distance": "Euclid", "multivector_config": {"comparator": "max_sim"}}},
	"sparse_vectors": {"s": {"index": {"on_disk": true}, "modifier": "idf"}, "t": null},
	"shard_number": 2, "sharding_method": "auto", "on_disk_payload": false, "hnsw_config": {"m": 20}, "wal_config": {"wal_capacity_mb": 1},
	"optimizers_config": {"max_optimization_threads": "auto", "deleted_threshold": 1},
	"quantization_config": {"scalar": {"type": "int8", "quantile": 0.99, "always_ram": true}},
	"strict_mode_config": {"enabled": true, "search_max_oversampling": 2, "sparse_config": {"s": {"max_length": 3}}},
	"metadata": {"b": {"x": 1.0}, "a": 1}}`

// TestSettingsDocument holds the document that is stored against a golden file:
// it is read for ever. UPDATE_GOLDEN=1 writes it.
func TestSettingsDocument(t *testing.T) {
	cfg := newConfig(t, everything)
	const golden = "testdata/settings.json"
	pretty := jsontext.Value(cfg.Settings).Clone()
	require.NoError(t, pretty.Indent())
	pretty = append(pretty, '\n')
	if os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile(golden, pretty, 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), string(pretty))

	settings, err := transport.ParseSettings(want)
	require.NoError(t, err)
	again, err := settings.Document()
	require.NoError(t, err)
	require.Equal(t, string(cfg.Settings), string(again))
}

func TestSpecOfVectors(t *testing.T) {
	cfg := newConfig(t, everything)
	require.Equal(t, segments.Schema{
		{Name: "a", Kind: segments.Dense, Size: 4, Datatype: segments.Float16, Distance: segments.Cosine},
		{Name: "m", Kind: segments.Multi, Size: 2, Datatype: segments.Float32, Distance: segments.Euclid},
		{Name: "s", Kind: segments.Sparse, Datatype: segments.Float32, Distance: segments.Dot},
		{Name: "t", Kind: segments.Sparse, Datatype: segments.Float32, Distance: segments.Dot},
	}, cfg.Schema)
	var r transport.CreateCollection
	require.NoError(t, json.Unmarshal([]byte(`{"vectors":{"size":4,"distance":"Dot","datatype":"turbo4"}}`), &r))
	_, err := r.Spec(transport.DefaultSettings())
	require.ErrorContains(t, err, "turbo4")
	require.Equal(t, tidemark.NotImplemented, tidemark.KindOf(err))
}

func TestPatchMergesFieldByField(t *testing.T) {
	cfg := newConfig(t, everything)
	change(t, cfg, `{"hnsw_config":{"ef_construct":50},"optimizers_config":{"indexing_threshold":0,"max_optimization_threads":3},
		"params":{"replication_factor":2,"read_fan_out_factor":1},"strict_mode_config":{"enabled":false},"quantization_config":"Disabled",
		"vectors":{"a":{"hnsw_config":{"ef_construct":9},"on_disk":false,"quantization_config":{"binary":{}}}},
		"sparse_vectors":{"s":{"index":{"full_scan_threshold":5}}},"metadata":{"a":null,"c":[1.0]}}`)
	s, err := transport.ParseSettings(cfg.Settings)
	require.NoError(t, err)
	require.EqualValues(t, 20, *s.HNSW.M)
	require.EqualValues(t, 50, *s.HNSW.EfConstruct)
	require.EqualValues(t, 0, *s.Optimizers.IndexingThreshold)
	require.EqualValues(t, 1, *s.Optimizers.DeletedThreshold)
	require.EqualValues(t, 3, *s.Optimizers.MaxOptimizationThreads.Threads)
	require.EqualValues(t, 2, s.ReplicationFactor)
	require.EqualValues(t, 1, *s.ReadFanOutFactor)
	require.False(t, *s.StrictMode.Enabled)
	require.EqualValues(t, 2, *s.StrictMode.SearchMaxOversampling)
	require.Nil(t, s.Quantization)
	require.EqualValues(t, 8, *s.Vectors["a"].HNSW.M)
	require.EqualValues(t, 9, *s.Vectors["a"].HNSW.EfConstruct)
	require.False(t, *s.Vectors["a"].OnDisk)
	require.NotNil(t, s.Vectors["a"].Quantization.Binary)
	require.True(t, *s.SparseVectors["s"].Index.OnDisk)
	require.EqualValues(t, 5, *s.SparseVectors["s"].Index.FullScanThreshold)
	require.Equal(t, `{"b":{"x":1.0},"c":[1.0]}`, string(s.Metadata))
}

func TestPatchOfNothingIsNoChange(t *testing.T) {
	cfg := newConfig(t, everything)
	for _, body := range []string{"{}", `{"hnsw_config":{}}`, `{"hnsw_config":{"m":20}}`, `{"metadata":{"a":1}}`, `{"vectors":{"a":null}}`} {
		var r transport.UpdateCollection
		require.NoError(t, json.Unmarshal([]byte(body), &r))
		ch, err := r.Change(cfg)
		require.NoError(t, err)
		require.Nil(t, ch.Settings, body)
	}
}

func TestPatchOfUnknownVectors(t *testing.T) {
	cfg := newConfig(t, everything)
	for _, body := range []string{`{"vectors":{"z":{}}}`, `{"vectors":{"s":{}}}`, `{"sparse_vectors":{"a":{}}}`} {
		var r transport.UpdateCollection
		require.NoError(t, json.Unmarshal([]byte(body), &r))
		_, err := r.Change(cfg)
		require.ErrorContains(t, err, "Not existing vector name error: ", body)
	}
}

func TestOutOfRange(t *testing.T) {
	for body, field := range map[string]string{
		`{"vectors":{"size":65537,"distance":"Dot"}}`:                                    "vectors.size",
		`{"vectors":{"a":{"size":65537,"distance":"Dot"}}}`:                              "vectors.a.size",
		`{"vectors":{"a":{"size":1,"distance":"Dot","hnsw_config":{"ef_construct":3}}}}`: "vectors.a.hnsw_config.ef_construct",
		`{"hnsw_config":{"full_scan_threshold":9}}`:                                      "hnsw_config.full_scan_threshold",
		`{"optimizers_config":{"deleted_threshold":1.5}}`:                                "optimizers_config.deleted_threshold",
		`{"optimizers_config":{"vacuum_min_vector_number":99}}`:                          "optimizers_config.vacuum_min_vector_number",
		`{"optimizer_config":{"max_segment_size":0}}`:                                    "optimizers_config.max_segment_size",
		`{"write_consistency_factor":0}`:                                                 "write_consistency_factor",
		`{"strict_mode_config":{"max_query_limit":0}}`:                                   "strict_mode_config.max_query_limit",
		`{"strict_mode_config":{"max_resident_memory_percent":101}}`:                     "strict_mode_config.max_resident_memory_percent",
		`{"strict_mode_config":{"sparse_config":{"s":{"max_length":0}}}}`:                "strict_mode_config.sparse_config.s.max_length",
		`{"quantization":{"scalar":{"type":"int8","quantile":1.5}}}`:                     "quantization_config.scalar.quantile",
		`{"wal_config":{"wal_capacity_mb":0}}`:                                           "wal_config.wal_capacity_mb",
		`{"shard_number":0}`:                                                             "shard_number",
	} {
		var r transport.CreateCollection
		require.NoError(t, json.Unmarshal([]byte(body), &r), body)
		require.ErrorContains(t, r.Check(), "["+field+": value ", body)
	}
	for _, body := range []string{`{"sharding_method":"none"}`, `{"metadata":[1]}`, `{"sparse_vectors":{"s":{"modifier":"x"}}}`, `{"sparse_vectors":{"s":{"index":{"datatype":"x"}}}}`} {
		var r transport.CreateCollection
		require.NoError(t, json.Unmarshal([]byte(body), &r), body)
		require.Error(t, r.Check(), body)
	}
}

func TestDescribe(t *testing.T) {
	one, err := transport.Describe(newConfig(t, `{"vectors":{"size":4,"distance":"Manhattan"}}`))
	require.NoError(t, err)
	require.Equal(t, transport.VectorInfo{Size: 4, Distance: "Manhattan"}, one.Config.Params.Vectors)
	none, err := transport.Describe(newConfig(t, `{}`))
	require.NoError(t, err)
	require.Equal(t, map[string]transport.VectorInfo{}, none.Config.Params.Vectors)

	cfg := newConfig(t, `{"vectors":{"size":4,"distance":"Dot"}}`)
	n := transport.NewVector{Sparse: &transport.SparseParams{}}
	ch, err := n.Add(cfg, "s")
	require.NoError(t, err)
	cfg.Schema, cfg.Settings = append(cfg.Schema, ch.AddVectors...), ch.Settings
	info, err := transport.Describe(cfg)
	require.NoError(t, err)
	require.IsType(t, transport.VectorInfo{}, info.Config.Params.Vectors, "a sparse vector leaves the unnamed one alone")
	require.Contains(t, info.Config.Params.SparseVectors, "s")

	again, err := n.Add(cfg, "s")
	require.NoError(t, err)
	require.Empty(t, again.AddVectors)
	dropped, err := transport.DropVector(cfg, "s")
	require.NoError(t, err)
	require.Equal(t, []string{"s"}, dropped.DropVectors)
	require.NotContains(t, string(dropped.Settings), `"sparse_vectors"`)
	nothing, err := transport.DropVector(cfg, "zz")
	require.NoError(t, err)
	require.Empty(t, nothing.DropVectors)
}
