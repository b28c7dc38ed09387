package snapshots

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/snapshot/blob/s3/s3test"
)

// memoryShare is how many times larger than the memory that Go is told to get on
// with the collection is.
const memoryShare = 20

// memoryAllowed is what the process may hold beside its files' pages: what Go was
// told, the parts of an upload, and what a runtime under pressure lags behind.
func memoryAllowed(limit int) int { return limit + 96 }

// TestMemoryIsBounded takes a collection that is 20 times larger than GOMEMLIMIT
// through a snapshot into a bucket, a download and a restore, with the process's
// own memory watched. TIDEMARK_MEMORY_MB is the size of the collection, 240
// without it.
func TestMemoryIsBounded(t *testing.T) {
	s3test.ClearEnv(t)
	mb := 240
	if text := os.Getenv("TIDEMARK_MEMORY_MB"); text != "" {
		var err error
		mb, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	limit := mb / memoryShare
	gateway := s3test.StartTLS(t)
	bucket := gateway.NewBucket(t)
	s := start(t, t.TempDir(), append(inBucket(t, gateway, bucket),
		fmt.Sprintf("GOMEMLIMIT=%dMiB", limit), "TIDEMARK__HEAD_MB=4", "TIDEMARK__S3__CONCURRENT_PARTS=1",
	)...)
	s.must(t, "PUT /collections/c", dense(2))
	s.fillPayloads(t, "c", mb)
	before := s.state(t, "c")

	peak := s.watchMemory(t)
	made := s.create(t, "c")
	require.Greater(t, made.Size, int64(mb)*700_000, "the payloads were compressed away")
	require.Equal(t, made.Checksum, s.downloadedSum(t, "c", made.Name))
	s.must(t, recoverRequest("restored"), `{"location":"s3://`+bucket+`/backups/one/c/`+made.Name+`","checksum":"`+made.Checksum+`"}`)
	held := peak()
	require.Equal(t, before.Digest, s.state(t, "restored").Digest)
	t.Logf("%d MB of points, GOMEMLIMIT=%dMiB: at most %d MiB were held", mb, limit, held)
	require.LessOrEqual(t, held, memoryAllowed(limit))
}

// downloadedSum downloads a snapshot without keeping it and returns its checksum.
func (s *server) downloadedSum(t *testing.T, collection, name string) string {
	t.Helper()
	answer, err := s.http.Get(s.URL() + "/collections/" + collection + "/snapshots/" + name)
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, http.StatusOK, answer.StatusCode)
	hash := sha256.New()
	_, err = io.Copy(hash, answer.Body)
	require.NoError(t, err)
	return hex.EncodeToString(hash.Sum(nil))
}

var anonymous = regexp.MustCompile(`(?m)^RssAnon:\s+(\d+) kB$`)

// watchMemory looks at the memory of the process that belongs to no file, until
// the function that it returns is called, which tells the most in MiB.
func (s *server) watchMemory(t *testing.T) (peak func() int) {
	t.Helper()
	most, done := 0, make(chan struct{})
	var watching sync.WaitGroup
	status := fmt.Sprintf("/proc/%d/status", s.PID())
	watching.Go(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			content, _ := os.ReadFile(status) // without it nothing is found, which fails below
			if found := anonymous.FindSubmatch(content); found != nil {
				kib, _ := strconv.Atoi(string(bytes.TrimSpace(found[1]))) // digits
				most = max(most, kib>>10)
			}
			select {
			case <-tick.C:
			case <-done:
				return
			}
		}
	})
	return func() int {
		close(done)
		watching.Wait()
		require.Positive(t, most, "the memory of the process could not be read")
		return most
	}
}
