package config

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBucketOfSnapshots(t *testing.T) {
	const from = "storage: {snapshots_config: {snapshots_storage: s3, s3_config: "
	for yaml, want := range map[string]string{
		"{bucket: b}": "",
		"{bucket: b, region: '', access_key: '', secret_key: '', endpoint_url: ''}": "",
		"{bucket: b, region: null, access_key: null, secret_key: null}":             "",
		"{bucket: b, access_key: a, secret_key: s, endpoint_url: 'http://h:1'}":     "",
		"{bucket: ''}":                     "name a bucket that exists",
		"{bucket: b, access_key: a}":       "must be set both",
		"{bucket: b, secret_key: a}":       "must be set both",
		"{bucket: b, endpoint_url: 'h:1'}": "must begin with https:// or http://",
	} {
		t.Run(yaml, func(t *testing.T) {
			loaded, err := Load(tree(t, map[string]string{"config/config.yaml": from + yaml + "}}"}))
			if want == "" {
				require.NoError(t, err)
				require.Equal(t, "b", *loaded.Config.Storage.SnapshotsConfig.S3Config.Bucket)
				return
			}
			var invalid *InvalidError
			require.True(t, errors.As(err, &invalid), "%v", err)
			require.Contains(t, invalid.Problems[0].Text, want)
		})
	}
}

// TestSectionWithoutBucket: a section that only says how S3 is reached is enough
// to restore from there, and is checked as well.
func TestSectionWithoutBucket(t *testing.T) {
	const from = "storage: {snapshots_config: {s3_config: "
	loaded, err := Load(tree(t, map[string]string{"config/config.yaml": from + "{region: r}}}"}))
	require.NoError(t, err)
	require.True(t, loaded.Config.Storage.SnapshotsConfig.S3Config.Given())
	_, err = Load(tree(t, map[string]string{"config/config.yaml": from + "{access_key: a}}}"}))
	require.ErrorContains(t, err, "must be set both")
	require.False(t, Default().Storage.SnapshotsConfig.S3Config.Given())
}
