package s3

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/snapshot/blob"
	"github.com/tidemark-db/tidemark/snapshot/blob/blobtest"
	"github.com/tidemark-db/tidemark/snapshot/blob/s3/s3test"
)

// testOptions are those of a new bucket of the server, with short pauses.
func testOptions(t testing.TB, server *s3test.Server) Options {
	t.Helper()
	return Options{
		Bucket: server.NewBucket(t), Region: s3test.Region, AccessKey: s3test.AccessKey, SecretKey: s3test.SecretKey,
		Endpoint: server.URL, CA: server.CA, Prefix: "a/b c", MaxBackoff: time.Millisecond,
	}
}

func open(t testing.TB, o Options) *Store {
	t.Helper()
	s, err := Open(context.Background(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func TestConformance(t *testing.T) {
	s3test.ClearEnv(t)
	server := s3test.Start(t)
	for name, change := range map[string]func(*Options){
		"prefix, checksums if supported":   func(*Options) {},
		"no prefix, checksums if required": func(o *Options) { o.Prefix, o.Checksums = "", ChecksumsWhenRequired },
	} {
		t.Run(name, func(t *testing.T) {
			blobtest.Run(t, func(t *testing.T) blob.Store {
				o := testOptions(t, server)
				change(&o)
				return open(t, o)
			})
		})
	}
}

func TestConformanceOverTLS(t *testing.T) {
	s3test.ClearEnv(t)
	server := s3test.StartTLS(t)
	blobtest.Run(t, func(t *testing.T) blob.Store { return open(t, testOptions(t, server)) })
}
