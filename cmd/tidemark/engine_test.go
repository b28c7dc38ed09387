package main

import (
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/config"
	"github.com/tidemark-db/tidemark/metrics"
	"github.com/tidemark-db/tidemark/transport"
)

// TestDefaultsOfCollections: without configuration a collection begins with the
// defaults of the transport, and each key of the configuration shows.
func TestDefaultsOfCollections(t *testing.T) {
	require.Equal(t, settingsOf(t, transport.DefaultSettings()), settingsOf(t, *defaultSettings(config.Default())))

	five := 5
	c := config.Default()
	c.Storage.OnDiskPayload = false
	c.Storage.WAL = config.WAL{CapacityMB: 5, SegmentsAhead: 5, RetainClosed: 5}
	c.Storage.Optimizers = config.Optimizers{
		DeletedThreshold: 0.5, VacuumMinVectorNumber: 5, DefaultSegmentNumber: 5, MaxSegmentSizeKB: &five,
		MemmapThresholdKB: &five, IndexingThresholdKB: 5, FlushIntervalSec: 5, MaxOptimizationThreads: &five,
	}
	c.Storage.HNSWIndex = config.HNSWIndex{M: 5, EfConstruct: 5, FullScanThreshold: 5, MaxIndexingThreads: 5, OnDisk: true, PayloadM: &five}
	c.Storage.Collection = config.CollectionDefaults{ReplicationFactor: 5, WriteConsistencyFactor: 5}
	got := settingsOf(t, *defaultSettings(c))
	require.Equal(t, false, got["on_disk_payload"])
	require.EqualValues(t, 5, got["replication_factor"])
	require.EqualValues(t, 5, got["write_consistency_factor"])
	for _, section := range []string{"hnsw_config", "optimizer_config", "wal_config"} {
		for key, value := range got[section].(map[string]any) {
			switch key {
			case "on_disk":
				require.Equal(t, true, value, key)
			case "deleted_threshold":
				require.Equal(t, 0.5, value, key)
			case "prevent_unoptimized": // not configurable
			default:
				require.EqualValues(t, 5, value, "%s.%s", section, key)
			}
		}
	}
}

func settingsOf(t *testing.T, s transport.Settings) map[string]any {
	t.Helper()
	b, err := json.Marshal(s)
	require.NoError(t, err)
	var m map[string]any
	require.NoError(t, json.Unmarshal(b, &m))
	return m
}

func TestKeys(t *testing.T) {
	a, b, c := config.Secret("a"), config.Secret("b"), config.Secret("c")
	require.Equal(t, transport.Keys{}, keys(config.Service{}))
	require.Equal(t, transport.Keys{APIKey: "a", AltAPIKey: "b", ReadOnlyAPIKey: "c"},
		keys(config.Service{APIKey: &a, AltAPIKey: &b, ReadOnlyAPIKey: &c}))
}

func TestStoreOptions(t *testing.T) {
	c := config.Default()
	c.Storage.StoragePath = "data"
	c.Tidemark.HeadMB, c.Tidemark.HeadLogMB = 3, 5
	observed, err := metrics.New(metrics.Options{})
	require.NoError(t, err)
	o := storeOptions(c, 7, observed, nil)
	require.Equal(t, "data", o.Dir)
	require.EqualValues(t, 7, o.Budget)
	require.EqualValues(t, 3<<20, o.HeadBytes)
	require.EqualValues(t, 5<<20, o.HeadLogBytes)
	require.Equal(t, time.Hour, o.UndoRetention)
	require.EqualValues(t, 16<<30, o.UndoBytes)

	for _, none := range []config.Snapshots{{UndoMB: 7}, {UndoRetentionSec: 7}} {
		c.Tidemark.Snapshots = none
		require.Negative(t, storeOptions(c, 7, observed, nil).UndoRetention, "what is configured as 0 is not the default")
	}
}
