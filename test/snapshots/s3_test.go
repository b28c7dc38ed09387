package snapshots

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/snapshot/blob/s3/s3test"
	"github.com/tidemark-db/tidemark/test/testserver"
)

// inBucket are the settings with which a server keeps its snapshots in a bucket.
func inBucket(t *testing.T, s *s3test.Server, bucket string) []string {
	const section = "QDRANT__STORAGE__SNAPSHOTS_CONFIG__"
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, s.CA, 0o600))
	return []string{
		section + "SNAPSHOTS_STORAGE=s3",
		section + "S3_CONFIG__BUCKET=" + bucket,
		section + "S3_CONFIG__ACCESS_KEY=" + s3test.AccessKey,
		section + "S3_CONFIG__SECRET_KEY=" + s3test.SecretKey,
		section + "S3_CONFIG__ENDPOINT_URL=" + s.URL,
		"TIDEMARK__S3__PREFIX=backups/one",
		"TIDEMARK__S3__CA_FILE=" + ca,
	}
}

// TestSnapshotsInS3 goes through the life of a snapshot in a bucket, over TLS.
func TestSnapshotsInS3(t *testing.T) {
	s3test.ClearEnv(t)
	bucket := s3test.StartTLS(t)
	name := bucket.NewBucket(t)
	s := start(t, t.TempDir(), inBucket(t, bucket, name)...)
	s.must(t, "PUT /collections/c%20d", dense(8))
	s.fill(t, "c%20d", 1000, 8)
	made := s.create(t, "c%20d")
	object := "backups/one/c%20d/" + made.Name
	require.Equal(t, []string{object, object + ".checksum"}, bucket.Keys(t, name))
	request := "GET /collections/c%20d/snapshots/" + strings.ReplaceAll(made.Name, " ", "%20")

	t.Run("listed after a restart", func(t *testing.T) {
		s.restart(t)
		list := result[[]description](t, s, "GET /collections/c%20d/snapshots", "")
		require.Equal(t, []description{made}, list)
	})
	t.Run("downloaded", func(t *testing.T) {
		whole := s.get(t, request, "")
		require.Equal(t, http.StatusOK, whole.status)
		require.Equal(t, made.Checksum, sum(whole.body))
		require.Equal(t, strconv.FormatInt(made.Size, 10), whole.header.Get("Content-Length"))
		require.Equal(t, `"`+made.Checksum+`"`, whole.header.Get("ETag"))
		part := s.get(t, request, "", "Range", "bytes=100-199")
		require.Equal(t, http.StatusPartialContent, part.status)
		require.Equal(t, whole.body[100:200], part.body)
	})
	t.Run("restored", func(t *testing.T) {
		then := s.state(t, "c%20d")
		s.must(t, "POST /collections/c%20d/points/delete?wait=true", `{"points":[1,2,3]}`)
		s.must(t, "PUT /collections/c%20d/snapshots/recover", `{"location":"`+made.Name+`","checksum":"`+made.Checksum+`"}`)
		require.Equal(t, then.Digest, s.state(t, "c%20d").Digest)
	})
	t.Run("unchanged", func(t *testing.T) {
		one, two := s.create(t, "c%20d"), s.create(t, "c%20d")
		require.Equal(t, one.Checksum, two.Checksum)
		require.NotEqual(t, one.Name, two.Name)
	})
	t.Run("deleted", func(t *testing.T) {
		for _, d := range result[[]description](t, s, "GET /collections/c%20d/snapshots", "") {
			s.must(t, "DELETE /collections/c%20d/snapshots/"+strings.ReplaceAll(d.Name, " ", "%20"), "")
		}
		require.Empty(t, bucket.Keys(t, name))
		require.Equal(t, http.StatusNotFound, s.get(t, request, "").status)
	})
	left, err := filepath.Glob(filepath.Join(s.dir, "snapshots", "*"))
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(s.dir, "snapshots", ".staging")}, left, "snapshots are kept in the bucket only")
	require.Empty(t, bucket.Uploads(t, name))
}

// TestNoBucketNoServer: a server that cannot keep its snapshots where it should
// does not start, says why, and keeps them nowhere else.
func TestNoBucketNoServer(t *testing.T) {
	s3test.ClearEnv(t)
	bucket := s3test.StartTLS(t)
	s := testserver.New(t, testserver.Build(t), t.TempDir(), inBucket(t, bucket, "no-such-bucket")...)
	err := s.Start(t.Context())
	require.ErrorContains(t, err, "exit status 1")
	require.ErrorContains(t, err, `storage.snapshots_config.s3_config: open the bucket of snapshots "no-such-bucket": cannot write a test object: the bucket does not exist`)
	require.NotContains(t, err.Error(), s3test.SecretKey)
}
