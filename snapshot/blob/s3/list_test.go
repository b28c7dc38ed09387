package s3

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/snapshot/blob"
	"github.com/tidemark-db/tidemark/snapshot/blob/blobtest"
	"github.com/tidemark-db/tidemark/snapshot/blob/s3/s3test"
)

// TestForeignObjects: only what has the name of a snapshot is one, and a checksum
// object beside it is believed.
func TestForeignObjects(t *testing.T) {
	s3test.ClearEnv(t)
	server := s3test.Start(t)
	s, _ := faulty(t, server)
	client := server.Client(t)
	write := func(name, content string) {
		_, err := client.PutObject(context.Background(), &s3.PutObjectInput{
			Bucket: &s.options.Bucket, Key: aws.String(s.folder("c") + name), Body: strings.NewReader(content),
		})
		require.NoError(t, err)
	}
	write("by-hand.snapshot", "x")
	write("by-hand.snapshot.checksum", strings.ToUpper(blobtest.Sum([]byte("x")))+"\n")
	write("bad-sum.snapshot", "y")
	write("bad-sum.snapshot.checksum", strings.Repeat("z", 64))
	write("no-sum.snapshot", "z")
	write("readme.txt", "")
	write("orphan.snapshot.checksum", blobtest.Sum(nil))
	write("deeper/a.snapshot", "")
	list, err := s.List(context.Background(), "c")
	require.NoError(t, err)
	sums := map[string]string{}
	for _, info := range list {
		sums[info.Name] = info.SHA256
		require.EqualValues(t, 1, info.Size)
		require.False(t, info.Created.IsZero())
	}
	require.Equal(t, map[string]string{
		"by-hand.snapshot": blobtest.Sum([]byte("x")), "bad-sum.snapshot": "", "no-sum.snapshot": "",
	}, sums)
	_, err = s.Copy(context.Background(), blob.Key{Folder: "c", Name: "no-sum.snapshot"}, testKey)
	require.ErrorContains(t, err, "checksum is not known")
	require.NoError(t, put(s, blob.Key{Folder: "c", Name: "orphan.snapshot"}), "the orphan was replaced")
	require.NoError(t, s.Delete(context.Background(), blob.Key{Folder: "c", Name: "by-hand.snapshot"}))
	require.NotContains(t, server.Keys(t, s.options.Bucket), s.folder("c")+"by-hand.snapshot.checksum")
}

// TestListInPages also tests that each object is looked at once, and again when it
// is another one.
func TestListInPages(t *testing.T) {
	s3test.ClearEnv(t)
	server := s3test.Start(t)
	s, f := faulty(t, server)
	s.options.pageKeys = aws.Int32(3)
	var want []string
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		k := blob.Key{Folder: "c", Name: name + blob.Suffix}
		require.NoError(t, put(s, k))
		want = append(want, k.Name)
	}
	list := func() (names []string) {
		f.start(nil)
		infos, err := s.List(context.Background(), "c")
		require.NoError(t, err)
		for _, info := range infos {
			names = append(names, info.Name)
		}
		return names
	}
	require.Equal(t, want, list())
	require.Equal(t, 5, f.count("HeadObject"))
	require.Equal(t, 4, f.count("ListObjectsV2"), "10 keys in pages of 3")
	require.Equal(t, want, list())
	require.Zero(t, f.count("HeadObject"))

	b := blob.Key{Folder: "c", Name: want[1]}
	require.NoError(t, s.Delete(context.Background(), b))
	require.Equal(t, append([]string{want[0]}, want[2:]...), list())
	require.Len(t, s.known.seen, 4, "what is gone is forgotten")
	_, err := s.Put(context.Background(), b, blobtest.Content([]byte("other")))
	require.NoError(t, err)
	infos, err := s.List(context.Background(), "c")
	require.NoError(t, err)
	require.Equal(t, blobtest.Sum([]byte("other")), infos[1].SHA256)
}

// TestSweep: only uploads that have our keys, are old and are not in progress are
// aborted.
func TestSweep(t *testing.T) {
	s3test.ClearEnv(t)
	server := s3test.Start(t)
	s, _ := faulty(t, server)
	client := server.Client(t)
	kept := []string{
		"a/b c/deeper/than/ours.snapshot", "a/b c/x/in-progress.snapshot", "a/b c/x/other.txt", "another/x/a.snapshot", "x.snapshot",
	}
	for _, key := range append([]string{"a/b c/a.snapshot", "a/b c/x/a.snapshot"}, kept...) {
		if id := begin(t, server, s.bucket, key); key == kept[1] {
			s.uploads.add(id)
		}
	}
	probe := "a/b c/.tidemark/probe-1.snapshot"
	_, err := client.PutObject(context.Background(), &s3.PutObjectInput{Bucket: &s.options.Bucket, Key: &probe, Body: strings.NewReader("")})
	require.NoError(t, err)

	require.NoError(t, s.sweep(context.Background(), time.Now().Add(-s.options.OrphanAge)))
	require.Len(t, server.Uploads(t, s.options.Bucket), 2+len(kept), "none is old")
	require.Equal(t, []string{probe}, server.Keys(t, s.options.Bucket))
	s.options.OrphanAge = -time.Hour
	require.NoError(t, s.sweep(context.Background(), time.Now().Add(-s.options.OrphanAge)))
	require.ElementsMatch(t, kept, server.Uploads(t, s.options.Bucket))
	require.Empty(t, server.Keys(t, s.options.Bucket))
}

// begin begins an upload that nobody completes and returns its id.
func begin(t *testing.T, server *s3test.Server, bucket, key string) string {
	t.Helper()
	out, err := server.Client(t).CreateMultipartUpload(context.Background(), &s3.CreateMultipartUploadInput{Bucket: &bucket, Key: &key})
	require.NoError(t, err)
	return aws.ToString(out.UploadId)
}
