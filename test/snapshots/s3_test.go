package snapshots

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
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
		require.Equal(t, http.StatusNotModified, s.get(t, request, "", "If-None-Match", `"`+made.Checksum+`"`).status)
	})
	t.Run("downloaded from the bucket itself", func(t *testing.T) {
		direct := &http.Client{Transport: trusting(t, bucket.CA)} // it follows the redirect
		answer, err := direct.Get(s.URL() + strings.TrimPrefix(request, "GET ") + "?redirect=true")
		require.NoError(t, err)
		defer answer.Body.Close()
		content, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.Equal(t, made.Checksum, sum(content))
		require.True(t, strings.HasPrefix(answer.Request.URL.String(), bucket.URL+"/"+name+"/"), "it was not redirected")
		require.Equal(t, `attachment; filename="`+made.Name+`"`, answer.Header.Get("Content-Disposition"))
		require.Equal(t, http.StatusNotFound, s.get(t, "GET /collections/c%20d/snapshots/x.snapshot?redirect=true", "").status)
	})
	t.Run("verified", func(t *testing.T) {
		s.must(t, strings.Replace(request, "GET", "POST", 1)+"/verify?level=structure", "")
		s.restart(t)
		require.Contains(t, string(s.must(t, "GET /collections/c%20d/snapshots", "")), `"verified":[{"level":"structure"`)
		require.Contains(t, bucket.Keys(t, name), object+".note")
	})
	t.Run("restored", func(t *testing.T) {
		then := s.state(t, "c%20d")
		s.must(t, "POST /collections/c%20d/points/delete?wait=true", `{"points":[1,2,3]}`)
		s.must(t, "PUT /collections/c%20d/snapshots/recover", `{"location":"`+made.Name+`","checksum":"`+made.Checksum+`"}`)
		require.Equal(t, then.Digest, s.state(t, "c%20d").Digest)
	})
	t.Run("uploaded and kept", func(t *testing.T) {
		whole := s.get(t, request, "").body
		body := "--B\r\nContent-Disposition: form-data; name=\"snapshot\"; filename=\"kept.snapshot\"\r\n\r\n" + string(whole) + "\r\n--B--\r\n"
		r := s.get(t, "POST /collections/c%20d/snapshots/upload?keep_uploaded=true&checksum="+made.Checksum, body, "Content-Type", "multipart/form-data; boundary=B")
		require.Equal(t, http.StatusOK, r.status, "%s", r.body)
		require.Equal(t, whole, s.get(t, "GET /collections/c%20d/snapshots/kept.snapshot", "").body)
	})
	t.Run("unchanged", func(t *testing.T) {
		one := s.create(t, "c%20d")
		before := s.fromBucket(t)
		two := s.create(t, "c%20d")
		require.Less(t, s.fromBucket(t)-before, float64(one.Size), "it was read although it was put a moment ago")
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

// trusting is a transport that trusts an authority.
func trusting(t *testing.T, ca []byte) *http.Transport {
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(ca))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// fromBucket is how many bytes came from the bucket since the start.
func (s *server) fromBucket(t *testing.T) float64 {
	t.Helper()
	found := regexp.MustCompile(`(?m)^tidemark_object_store_bytes_total{direction="received"} (.*)$`).FindSubmatch(s.must(t, "GET /metrics", ""))
	require.NotNil(t, found)
	n, err := strconv.ParseFloat(string(found[1]), 64)
	require.NoError(t, err)
	return n
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
