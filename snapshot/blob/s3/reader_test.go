package s3

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/snapshot/blob"
	"github.com/tidemark-db/tidemark/snapshot/blob/blobtest"
	"github.com/tidemark-db/tidemark/snapshot/blob/s3/s3test"
)

// TestReadFromAnyBucket: a Reader and a Store read what lies in other buckets, and
// know the checksum if anything tells it.
func TestReadFromAnyBucket(t *testing.T) {
	s3test.ClearEnv(t)
	server, ctx := s3test.Start(t), context.Background()
	s, f := faulty(t, server)
	o := testOptions(t, server)
	other := o.Bucket
	o.Bucket = ""
	reader, err := OpenReader(ctx, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, reader.Close()) })
	put := func(object string, content []byte) {
		_, err := server.Client(t).PutObject(ctx, &s3.PutObjectInput{Bucket: &other, Key: &object, Body: bytes.NewReader(content)})
		require.NoError(t, err)
	}
	const object = "some where/c%20d/x.snapshot"
	put(object, testContent)
	for name, from := range map[string]interface {
		GetFrom(ctx context.Context, bucket, object string) (blob.Object, error)
	}{"reader": reader, "store": s} {
		t.Run(name, func(t *testing.T) {
			got, err := from.GetFrom(ctx, other, object)
			require.NoError(t, err)
			defer got.Close()
			content, err := io.ReadAll(got)
			require.NoError(t, err)
			require.Equal(t, testContent, content)
			require.Equal(t, "x.snapshot", got.Info().Name)
			_, err = from.GetFrom(ctx, other, "some where/c d/x.snapshot")
			require.ErrorIs(t, err, blob.ErrNotFound)
			_, err = from.GetFrom(ctx, "no-such-bucket", object)
			require.ErrorIs(t, err, blob.ErrNotFound)
		})
	}
	t.Run("cut", func(t *testing.T) {
		f.start(once("GetObject", lost)) // of the checksum object, which is not there
		got, err := s.GetFrom(ctx, other, object)
		require.NoError(t, err)
		f.start(once("GetObject", cutAnswer(1000)))
		content, err := io.ReadAll(got)
		require.NoError(t, err)
		require.Equal(t, testContent, content)
		require.Equal(t, 2, f.count("GetObject"), "it goes on where it was cut")
		f.start(nil)
	})
	t.Run("checksum beside it", func(t *testing.T) {
		put(object+checksumSuffix, []byte(blobtest.Sum([]byte("other"))))
		got, err := reader.GetFrom(ctx, other, object)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, got)
		require.ErrorIs(t, err, blob.ErrDamaged)
		// Who may read the object alone cannot see its checksum.
		f.start(on("GetObject", denied))
		got, err = s.GetFrom(ctx, other, object)
		require.NoError(t, err)
		require.Empty(t, got.Info().SHA256)
		f.start(on("HeadObject", denied))
		_, err = s.GetFrom(ctx, other, object)
		require.ErrorIs(t, err, blob.ErrDenied)
		f.start(on("HeadObject", elsewhere))
		_, err = s.GetFrom(ctx, other, object)
		require.ErrorContains(t, err, "lies in region mars-1, not in us-east-1")
		f.start(nil)
	})
	o.SecretKey = ""
	_, err = OpenReader(ctx, o)
	require.ErrorContains(t, err, "must be given both")
}
