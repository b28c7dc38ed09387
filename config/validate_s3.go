package config

import "strings"

// bucket checks what can be known of the bucket of snapshots without asking its
// server.
func (v *validator) bucket() {
	v.oneOf("storage.snapshots_config.snapshots_storage", []string{SnapshotsLocal, SnapshotsS3})
	v.oneOf("tidemark.s3.checksums", []string{"when_supported", "when_required"})
	const section = "storage.snapshots_config.s3_config."
	s := v.loaded.Config.Storage.SnapshotsConfig
	kept := strings.EqualFold(s.SnapshotsStorage, SnapshotsS3)
	if !kept && !s.S3Config.Given() {
		return
	}
	if kept && given(s.S3Config.Bucket) == "" {
		v.fail(section+"bucket", "is needed to keep snapshots in S3; name a bucket that exists")
	}
	if (given(s.S3Config.AccessKey) == "") != (given(s.S3Config.SecretKey) == "") {
		v.fail(section+"secret_key", "and access_key must be set both, or neither to take the credentials of the environment")
	}
	if u := given(s.S3Config.EndpointURL); u != "" && !strings.HasPrefix(u, "http://") && !strings.HasPrefix(u, "https://") {
		v.fail(section+"endpoint_url", "must begin with https:// or http://")
	}
}

// given returns the value of a key, empty if it was not given.
func given[T ~string](value *T) T {
	if value == nil {
		return ""
	}
	return *value
}
