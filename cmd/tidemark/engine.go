package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/config"
	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/metrics"
	"github.com/tidemark-db/tidemark/snapshot"
	"github.com/tidemark-db/tidemark/snapshot/blob"
	"github.com/tidemark-db/tidemark/snapshot/blob/local"
	"github.com/tidemark-db/tidemark/snapshot/blob/s3"
	"github.com/tidemark-db/tidemark/transport"
	"github.com/tidemark-db/tidemark/transport/rest"
)

// storeEngine is the engine of a real server: the store behind its transports.
type storeEngine struct {
	*rest.Server
	logger    *slog.Logger
	store     *tidemark.Store
	snapshots *snapshot.Manager
	objects   *local.Store
	bucket    *s3.Store  // nil if snapshots are kept in objects
	reader    *s3.Reader // of other buckets; nil if there is a bucket, or S3 is not configured
	draining  atomic.Bool
}

// openEngine opens the store that c names and puts the transports before it.
func openEngine(ctx context.Context, c config.Config, memory budgets, logger *slog.Logger) (engine, error) {
	observed, err := metrics.New(metrics.Options{
		APIVersion: rest.APIVersion, Version: version, Commit: commit,
		Prefix: c.Service.MetricsPrefix, Logger: logger,
	})
	if err != nil {
		return nil, err
	}
	store, err := tidemark.Open(ctx, storeOptions(c, memory.writes, observed, logger))
	if err != nil {
		return nil, err
	}
	e := &storeEngine{logger: logger, store: store}
	err = e.openSnapshots(ctx, c, observed, logger)
	if fsx.IsFull(err) && store.GiveReserve() { // the store is open and should be read
		err = e.openSnapshots(ctx, c, observed, logger)
	}
	if err != nil {
		return nil, errors.Join(err, store.Close(ctx))
	}
	e.recall(observed.Snapshots())
	e.Server, err = rest.New(rest.Options{
		Store:           store,
		Version:         version,
		Commit:          commit,
		Defaults:        defaultSettings(c),
		Keys:            keys(c.Service),
		MaxRequestBytes: int64(c.Service.MaxRequestSizeMB) << 20,
		MaxReadBytes:    memory.reads,
		DisableCORS:     !c.Service.EnableCORS,
		Ready:           e.Ready,
		Metrics:         observed.Handler(metrics.StoreSource(store)),
		Observer:        observed.REST(),
		Snapshots:       snapshotAPI{e.snapshots, c.Tidemark.KeepUploadedSnapshots},
		Logger:          logger,
	})
	if err != nil {
		return nil, errors.Join(err, e.Close(ctx))
	}
	return e, nil
}

// jobsFile is the file in the storage directory in which snapshot jobs are
// remembered. The directory is locked, so that only this process writes it.
const jobsFile = "snapshot-jobs.json"

// diskReserve is what snapshots leave free on disks of which the store knows
// nothing.
const diskReserve = 64 << 20

// openSnapshots opens the place of snapshots and what makes and restores them. If
// that place is a bucket, staging is still in the snapshots directory.
func (e *storeEngine) openSnapshots(ctx context.Context, c config.Config, observed *metrics.Metrics, logger *slog.Logger) (err error) {
	temp := ""
	if c.Storage.TempPath != nil {
		temp = *c.Storage.TempPath
	}
	if e.objects, err = local.Open(local.Options{Dir: c.Storage.SnapshotsPath, TempDir: temp, Reserve: diskReserve, FS: e.store.StagingFS(), Logger: logger}); err != nil {
		return fmt.Errorf("open snapshots: %w", err)
	}
	rate := int64(c.Tidemark.SnapshotStagingMBPerS) * 1e6
	if rate == 0 {
		rate = -1 // no limit
	}
	place := blob.Store(e.objects)
	var buckets snapshot.Buckets
	staging, err := e.objects.WorkDir()
	switch {
	case err != nil:
	case strings.EqualFold(c.Storage.SnapshotsConfig.SnapshotsStorage, config.SnapshotsS3):
		e.bucket, err = openBucket(ctx, c, observed.Objects(), logger)
		place, buckets = e.bucket, e.bucket
	case c.Storage.SnapshotsConfig.S3Config.Given():
		e.reader, err = openReader(ctx, c, observed.Objects())
		buckets = e.reader
	}
	if err == nil {
		e.snapshots, err = snapshot.NewManager(snapshot.Options{
			Engine: snapshot.OfStore(e.store), Store: place, Version: version,
			Staging: staging, Dir: c.Storage.SnapshotsPath, StagingFS: e.store.StagingFS(),
			Concurrent: c.Tidemark.MaxConcurrentSnapshots, Rate: rate,
			JobsFile: filepath.Join(c.Storage.StoragePath, jobsFile), Buckets: buckets,
			URLs: snapshot.URLOptions{
				Disabled:    !c.Service.EnableSnapshotURLRecovery,
				PublicOnly:  !c.Tidemark.SnapshotURLPrivateAddresses,
				IdleTimeout: time.Duration(c.Tidemark.SnapshotURLIdleTimeoutSec) * time.Second,
			},
			Observer: observed.Snapshots(), Stock: observed.Snapshots().Stocked, Logger: logger,
		})
	}
	if err != nil {
		return errors.Join(fmt.Errorf("open snapshots: %w", err), e.closePlaces())
	}
	return nil
}

// closePlaces closes the places of snapshots.
func (e *storeEngine) closePlaces() error {
	var err error
	if e.bucket != nil {
		err = e.bucket.Close()
	}
	if e.reader != nil {
		err = errors.Join(err, e.reader.Close())
	}
	return errors.Join(err, e.objects.Close())
}

// recall tells the metrics what became of the jobs of earlier runs, and has the
// stored snapshots counted, so that a restart does not look like the loss of all.
func (e *storeEngine) recall(observed *metrics.Snapshots) {
	for _, job := range e.snapshots.Jobs() {
		observed.Recall(job)
	}
	e.snapshots.CountStored(append(e.store.Names(), "")...)
}

// undoRetention is how long the store keeps what a restore replaced; negative:
// not at all.
func undoRetention(c config.Snapshots) time.Duration {
	if c.UndoRetentionSec == 0 || c.UndoMB == 0 {
		return -1
	}
	return time.Duration(c.UndoRetentionSec) * time.Second
}

// storeOptions are the options of the store that c describes.
func storeOptions(c config.Config, budget int64, observed *metrics.Metrics, logger *slog.Logger) tidemark.Options {
	return tidemark.Options{
		Dir:          c.Storage.StoragePath,
		OpenLog:      logOpener(c, observed),
		Observer:     observed.Engine(),
		Logger:       logger,
		Budget:       budget,
		HeadBytes:    int64(c.Tidemark.HeadMB) << 20,
		HeadLogBytes: int64(c.Tidemark.HeadLogMB) << 20,
		DiskReserve:  diskReserveBytes(c),

		UndoRetention: undoRetention(c.Tidemark.Snapshots),
		UndoBytes:     int64(c.Tidemark.Snapshots.UndoMB) << 20,
	}
}

// diskReserveBytes is the distance between two watermarks of free space.
func diskReserveBytes(c config.Config) int64 {
	return int64(cmp.Or(c.Tidemark.DiskReserveMB, c.Tidemark.HeadMB)) << 20
}

// Ready implements engine.
func (e *storeEngine) Ready() bool { return e.store.Ready() && !e.draining.Load() }

// Drain implements engine.
func (e *storeEngine) Drain(patience time.Duration) {
	e.draining.Store(true)
	e.Server.Drain(patience)
}

// Close implements engine. A job that takes too long leaves the store time to
// close.
func (e *storeEngine) Close(ctx context.Context) error {
	ending, cancel := halfOf(ctx)
	defer cancel()
	e.snapshots.Close(ending)
	return errors.Join(e.store.Close(ctx), e.closePlaces())
}

func keys(s config.Service) transport.Keys {
	reveal := func(secret *config.Secret) string {
		if secret == nil {
			return ""
		}
		return string(*secret)
	}
	return transport.Keys{APIKey: reveal(s.APIKey), AltAPIKey: reveal(s.AltAPIKey), ReadOnlyAPIKey: reveal(s.ReadOnlyAPIKey)}
}

// defaultSettings are the settings of a collection of which a client says
// nothing.
func defaultSettings(c config.Config) *transport.Settings {
	d := transport.DefaultSettings()
	d.OnDiskPayload = c.Storage.OnDiskPayload
	d.ReplicationFactor = uint32(c.Storage.Collection.ReplicationFactor)
	d.WriteConsistencyFactor = uint32(c.Storage.Collection.WriteConsistencyFactor)
	d.HNSW = transport.HNSW{
		M: count(c.Storage.HNSWIndex.M), EfConstruct: count(c.Storage.HNSWIndex.EfConstruct),
		FullScanThreshold:  count(c.Storage.HNSWIndex.FullScanThreshold),
		MaxIndexingThreads: count(c.Storage.HNSWIndex.MaxIndexingThreads),
		OnDisk:             &c.Storage.HNSWIndex.OnDisk, PayloadM: optional(c.Storage.HNSWIndex.PayloadM),
	}
	o := c.Storage.Optimizers
	threshold := transport.Float64(o.DeletedThreshold)
	d.Optimizers = transport.Optimizers{
		DeletedThreshold: &threshold, VacuumMinVectorNumber: count(o.VacuumMinVectorNumber),
		DefaultSegmentNumber: count(o.DefaultSegmentNumber), MaxSegmentSize: optional(o.MaxSegmentSizeKB),
		MemmapThreshold: optional(o.MemmapThresholdKB), IndexingThreshold: count(o.IndexingThresholdKB),
		FlushIntervalSec: count(o.FlushIntervalSec),
	}
	if n := optional(o.MaxOptimizationThreads); n != nil {
		d.Optimizers.MaxOptimizationThreads = &transport.ThreadLimit{Threads: n}
	}
	w := c.Storage.WAL
	d.WAL = transport.WAL{CapacityMB: count(w.CapacityMB), SegmentsAhead: count(w.SegmentsAhead), RetainClosed: count(w.RetainClosed)}
	return &d
}

func count(n int) *uint64 {
	u := uint64(max(n, 0))
	return &u
}

func optional(n *int) *uint64 {
	if n == nil {
		return nil
	}
	return count(*n)
}
