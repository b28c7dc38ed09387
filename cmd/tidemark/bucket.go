package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/tidemark-db/tidemark/config"
	"github.com/tidemark-db/tidemark/snapshot/blob/s3"
)

// openBucket opens the bucket of snapshots that c names.
func openBucket(ctx context.Context, c config.Config, observer s3.Observer, logger *slog.Logger) (*s3.Store, error) {
	o, err := bucketOptions(c)
	if err != nil {
		return nil, err
	}
	o.Observer, o.Logger = observer, logger
	store, err := s3.Open(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("storage.snapshots_config.s3_config: %w", err)
	}
	logger.Info("snapshots are kept in S3", slog.String("bucket", o.Bucket), slog.String("prefix", o.Prefix), slog.String("endpoint", o.Endpoint))
	return store, nil
}

// openReader makes what reads from the buckets that s3:// locations name.
func openReader(ctx context.Context, c config.Config, observer s3.Observer) (*s3.Reader, error) {
	o, err := bucketOptions(c)
	if err != nil {
		return nil, err
	}
	o.Observer = observer
	reader, err := s3.OpenReader(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("storage.snapshots_config.s3_config: %w", err)
	}
	return reader, nil
}

// bucketOptions are the options of the bucket that c names.
func bucketOptions(c config.Config) (s3.Options, error) {
	place, more := c.Storage.SnapshotsConfig.S3Config, c.Tidemark.S3
	o := s3.Options{
		Bucket: text(place.Bucket), Region: text(place.Region), Endpoint: text(place.EndpointURL),
		AccessKey: string(text(place.AccessKey)), SecretKey: string(text(place.SecretKey)),
		Prefix: text(more.Prefix), PathStyle: more.PathStyle, Checksums: s3.ChecksumMode(more.Checksums),
		StorageClass: text(more.StorageClass), Bandwidth: int64(more.BandwidthMBPerSec) * 1e6,
		Concurrency: more.ConcurrentParts, OrphanAge: time.Duration(more.OrphanUploadHours) * time.Hour, SweepAll: more.OrphanUploadHours == 0,
	}
	if file := text(more.CAFile); file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return s3.Options{}, fmt.Errorf("tidemark.s3.ca_file: %w", err)
		}
		o.CA = pem
	}
	return o, nil
}

// text returns a value that may not have been given, empty if it was not.
func text[T ~string](value *T) T {
	if value == nil {
		return ""
	}
	return *value
}
