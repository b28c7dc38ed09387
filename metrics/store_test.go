package metrics

import (
	"context"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/wal"
	"github.com/tidemark-db/tidemark/wal/local"
)

// openStore opens a store whose logs m observes.
func openStore(t *testing.T, dir string, m *Metrics, fsys fsx.FS) *tidemark.Store {
	t.Helper()
	openLog := func(o tidemark.LogOptions) (wal.Log, error) {
		observer := m.OpenLog(filepath.Base(filepath.Dir(o.Dir)))
		log, _, err := local.Open(o.Dir, local.Options{Base: o.Base, From: o.From, AtLeast: o.AtLeast, FS: fsys, Observer: observer})
		if err != nil {
			return nil, err
		}
		return log, nil
	}
	s, err := tidemark.Open(t.Context(), tidemark.Options{
		Dir: dir, OpenLog: openLog, Observer: m.Engine(), Budget: 100 << 20, HeadBytes: 32 << 10,
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close(context.WithoutCancel(t.Context())) })
	require.Eventually(t, s.Ready, time.Minute, time.Millisecond)
	return s
}

func createBooks(t *testing.T, s *tidemark.Store) *tidemark.Collection {
	t.Helper()
	require.NoError(t, s.Create(t.Context(), "books", tidemark.CreateSpec{Vectors: []segments.VectorSpec{
		{Kind: segments.Dense, Size: 2, Datatype: segments.Float32, Distance: segments.Dot},
		{Name: "title", Kind: segments.Dense, Size: 2, Datatype: segments.Float32, Distance: segments.Dot},
	}}))
	c, err := s.Collection("books")
	require.NoError(t, err)
	return c
}

// write writes n points, each of which has the unnamed vector.
func write(t *testing.T, c *tidemark.Collection, n int) error {
	t.Helper()
	up := &tidemark.Upsert{}
	for i := range n {
		up.Points = append(up.Points, tidemark.PointInput{
			ID:      segments.NumberID(uint64(i)),
			Vectors: []tidemark.NamedVector{{Vector: tidemark.VectorInput{Kind: segments.Dense, Dense: []float32{1, 2}}}},
		})
	}
	_, err := c.Write(t.Context(), []tidemark.Operation{up}, tidemark.WriteOptions{Wait: true})
	return err
}

func TestStore(t *testing.T) {
	m := newTestMetrics(t)
	s := openStore(t, t.TempDir(), m, fsx.OS)
	c := createBooks(t, s)
	require.NoError(t, write(t, c, 3))
	require.NoError(t, s.UpdateAliases(t.Context(), []tidemark.AliasChange{{Alias: "alias", Target: "books"}}))

	source := StoreSource(s)
	m.Handler(source)
	m.REST().Answered("POST", onQuery, "alias", 200, time.Millisecond)
	view, err := c.View(t.Context())
	require.NoError(t, err)
	p := scrapePage(t, m, source, "?per_collection=true")
	view.Release()
	p.has(`tidemark_ready 1`)
	p.has(`tidemark_budget_limit_bytes 1.048576e+08`)
	p.has(`tidemark_disk_open{work="delete"} 1`)
	p.has(`tidemark_disk_reserved 1`)
	p.has(`tidemark_undo_given_up_total 0`)
	p.has(`tidemark_refusals_total{reason="disk",work="write"} 0`)
	p.has(`tidemark_refusals_total{reason="memory",work="write"} 0`)
	require.Positive(t, p.value("tidemark_disk_free_bytes"))
	require.Positive(t, p.value("tidemark_disk_watermark_bytes"))
	p.has(`tidemark_collection_serving{collection="books"} 1`)
	p.has(`collection_points{id="books"} 3`)
	p.has(`collection_vectors{collection="books",vector=""} 3`)
	p.has(`collection_vectors{collection="books",vector="title"} 0`)
	p.has(`collections_vector_total 3`)
	p.has(`tidemark_heads{collection="books"} 1`)
	p.has(`tidemark_pinned_views{collection="books"} 1`)
	p.has(`tidemark_apply_lag_positions{collection="books"} 0`)
	p.has(`rest_responses_total{collection="books",endpoint="/collections/{collection_name}/points/query",method="POST",status="200"} 1`)
	require.Positive(t, p.families["tidemark_log_fsync_duration_seconds"].GetMetric()[0].GetHistogram().GetSampleCount())
	require.Positive(t, p.value("tidemark_head_bytes"))
	require.Positive(t, p.value("tidemark_durable_position"))
	require.Equal(t, p.value("tidemark_head_bytes"), p.value("tidemark_budget_used_bytes"))

	dropped, err := s.Drop(t.Context(), "books")
	require.NoError(t, err)
	require.True(t, dropped)
	require.Empty(t, scrapePage(t, m, source, "?per_collection=true").lines(`"books"`))
}

// TestCheckpointAndRecovery fills a head and opens the store again.
func TestCheckpointAndRecovery(t *testing.T) {
	dir, m := t.TempDir(), newTestMetrics(t)
	s := openStore(t, dir, m, fsx.OS)
	require.NoError(t, write(t, createBooks(t, s), 1000))
	require.Eventually(t, func() bool {
		return len(scrapePage(t, m, StoreSource(s), "").lines(`tidemark_checkpoint_duration_seconds_count 1`)) == 1
	}, time.Minute, time.Millisecond)
	p := scrapePage(t, m, StoreSource(s), "")
	p.has(`tidemark_segments{collection="books"} 1`)
	p.has(`collection_vectors{collection="books",vector=""} 1000`)
	require.Equal(t, p.value("tidemark_durable_position"), p.value("tidemark_flushed_position"))
	require.Equal(t, p.value("tidemark_segment_bytes"), p.families["tidemark_checkpoint_written_bytes_total"].GetMetric()[0].GetCounter().GetValue())
	require.NoError(t, s.Close(t.Context()))

	m = newTestMetrics(t)
	s = openStore(t, dir, m, fsx.OS)
	p = scrapePage(t, m, StoreSource(s), "")
	p.has(`tidemark_recovery_duration_seconds_count 1`)
	p.has(`collection_points{id="books"} 1000`)
	p.has(`tidemark_segments{collection="books"} 1`)
}

// TestPoisonedLog is what the page is looked at for.
func TestPoisonedLog(t *testing.T) {
	m := newTestMetrics(t)
	faults := fsx.NewFaults(fsx.OS)
	s := openStore(t, t.TempDir(), m, faults)
	c := createBooks(t, s)
	require.NoError(t, write(t, c, 1))
	faults.Inject(fsx.Rule{Kinds: []fsx.Kind{fsx.KindSyncData, fsx.KindLogSync}})
	require.Error(t, write(t, c, 2))
	p := scrapePage(t, m, StoreSource(s), "")
	p.has(`tidemark_log_poisoned{collection="books"} 1`)
	p.has(`collection_points{id="books"} 1`)
	p.has(`collection_dead_replicas 0`)
}

// TestCollectionThatCannotBeOpened is named, not hidden.
func TestCollectionThatCannotBeOpened(t *testing.T) {
	dir, m := t.TempDir(), newTestMetrics(t)
	s := openStore(t, dir, m, fsx.OS)
	createBooks(t, s)
	require.NoError(t, s.Close(t.Context()))

	s, err := tidemark.Open(t.Context(), tidemark.Options{Dir: dir, OpenLog: func(tidemark.LogOptions) (wal.Log, error) {
		return nil, syscall.EIO
	}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close(context.WithoutCancel(t.Context())) })
	require.Eventually(t, s.Ready, time.Minute, time.Millisecond)
	source := StoreSource(s)
	p := scrapePage(t, m, source, "")
	p.has(`tidemark_collection_serving{collection="books"} 0`)
	p.has(`collections_total 1`)
	require.Empty(t, p.lines("collection_points{"))
	name, ok := source.Resolve("books")
	require.Equal(t, "books", name)
	require.True(t, ok)
	_, ok = source.Resolve("films")
	require.False(t, ok)
}
