package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/config"
	"github.com/tidemark-db/tidemark/snapshot/blob/s3"
)

// TestBucketOptions: each key of the configuration has its effect.
func TestBucketOptions(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, []byte("pem"), 0o600))
	bucket, region, endpoint, prefix, class, style := "b", "r", "http://e", "p", "GLACIER_IR", true
	access, secret := config.Secret("a"), config.Secret("s")
	c := config.Default()
	got, err := bucketOptions(c)
	require.NoError(t, err)
	require.Equal(t, s3.Options{Checksums: s3.ChecksumsWhenSupported, Concurrency: 4, OrphanAge: 24 * time.Hour}, got)
	c.Storage.SnapshotsConfig.S3Config = config.S3Config{Bucket: &bucket, Region: &region, AccessKey: &access, SecretKey: &secret, EndpointURL: &endpoint}
	c.Tidemark.S3 = config.S3{
		Prefix: &prefix, CAFile: &file, PathStyle: &style, Checksums: "when_required", StorageClass: &class,
		BandwidthMBPerSec: 7, ConcurrentParts: 3, OrphanUploadHours: 5,
	}
	got, err = bucketOptions(c)
	require.NoError(t, err)
	require.Equal(t, s3.Options{
		Bucket: "b", Region: "r", AccessKey: "a", SecretKey: "s", Endpoint: "http://e", Prefix: "p", CA: []byte("pem"), PathStyle: &style,
		Checksums: s3.ChecksumsWhenRequired, StorageClass: "GLACIER_IR", Bandwidth: 7_000_000, Concurrency: 3, OrphanAge: 5 * time.Hour,
	}, got)
	c.Tidemark.S3.OrphanUploadHours = 0
	got, err = bucketOptions(c)
	require.NoError(t, err)
	require.True(t, got.SweepAll)
	require.NoError(t, os.Remove(file))
	_, err = bucketOptions(c)
	require.ErrorContains(t, err, "tidemark.s3.ca_file")
}
