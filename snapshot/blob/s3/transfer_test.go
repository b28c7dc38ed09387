package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/snapshot/blob"
	"github.com/tidemark-db/tidemark/snapshot/blob/blobtest"
	"github.com/tidemark-db/tidemark/snapshot/blob/s3/s3test"
)

// TestParts puts an object of several parts, cut off and changed on their way, and
// has the server copy it in parts.
func TestParts(t *testing.T) {
	s3test.ClearEnv(t)
	server := s3test.Start(t)
	s, f := faulty(t, server)
	s.options.copyPart = 6 << 20
	content := make([]byte, 2*minPartBytes+12345)
	for i := range content {
		content[i] = byte(i ^ i>>8 ^ i>>16)
	}
	writes := 0
	src := blob.Source{Size: int64(len(content)), Write: func(_ context.Context, w io.Writer) error {
		writes++
		_, err := w.Write(content)
		return err
	}}
	cut, flipped := once("UploadPart", cutRequest(1_000_000)), false
	f.start(func(operation string, nth int) fault {
		if what := cut(operation, nth); what != nil || operation != "UploadPart" || flipped {
			return what
		}
		flipped = true
		return flipRequest
	})
	info, err := s.Put(context.Background(), testKey, src)
	require.NoError(t, err)
	require.Equal(t, blobtest.Sum(content), info.SHA256)
	require.Equal(t, 3+2, f.count("UploadPart"))
	require.Equal(t, 2, writes)
	require.True(t, bytes.Equal(content, read(t, s, testKey)))
	to := blob.Key{Folder: "d", Name: testKey.Name}
	_, err = s.Copy(context.Background(), testKey, to)
	require.NoError(t, err)
	require.Equal(t, 3, f.count("UploadPartCopy"))
	require.True(t, bytes.Equal(content, read(t, s, to)))
	require.Empty(t, server.Uploads(t, s.options.Bucket))
}

func TestPartSize(t *testing.T) {
	const gib = 1 << 30
	for _, test := range []struct{ size, want int64 }{
		{0, 8 << 20},
		{1, 8 << 20},
		{10_000 * (8 << 20), 8 << 20},
		{10_000*(8<<20) + 1, 9 << 20},
		{5 << 40, 525 << 20},
		{10_000 * 5 * gib, 5 * gib},
	} {
		got, err := partSize(test.size)
		require.NoError(t, err)
		require.Equal(t, test.want, got, "%d", test.size)
		require.LessOrEqual(t, (test.size+got-1)/got, int64(maxParts))
	}
	_, err := partSize(10_000*5*gib + 1)
	require.ErrorContains(t, err, "cannot be stored")
	require.Equal(t, 4, concurrency(8<<20, 4))
	require.Equal(t, 2, concurrency(16<<20, 4))
	require.Equal(t, 1, concurrency(32<<20, 4))
	require.Equal(t, 1, concurrency(5*gib, 4))
}

// TestFailedPutLeavesNothing: whatever ends a Put, its upload is aborted.
func TestFailedPutLeavesNothing(t *testing.T) {
	s3test.ClearEnv(t)
	server := s3test.Start(t)
	s, f := faulty(t, server)
	broken := errors.New("broken")
	for name, second := range map[string]func(cancel func(), w io.Writer) error{
		"source fails": func(_ func(), w io.Writer) error {
			_, err := w.Write(make([]byte, minPartBytes+1))
			return errors.Join(err, broken)
		},
		"context cancelled": func(cancel func(), w io.Writer) error {
			_, err := w.Write(make([]byte, minPartBytes+1))
			cancel()
			return errors.Join(err, broken)
		},
		"other bytes": func(_ func(), w io.Writer) error {
			_, err := w.Write(bytes.Repeat([]byte{1}, minPartBytes+2))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			pass := 0
			_, err := s.Put(ctx, testKey, blob.Source{Size: minPartBytes + 2, Write: func(_ context.Context, w io.Writer) error {
				if pass++; pass == 1 {
					_, err := w.Write(make([]byte, minPartBytes+2))
					return err
				}
				return second(cancel, w)
			}})
			require.Error(t, err)
			if name == "other bytes" {
				require.ErrorContains(t, err, "changed between two readings")
			} else {
				require.ErrorIs(t, err, broken)
			}
			requireNothing(t, server, s)
		})
	}
	require.Equal(t, 3, f.count("AbortMultipartUpload"))
}

// TestChangedOnTheWayUp: what always arrives changed is never stored.
func TestChangedOnTheWayUp(t *testing.T) {
	s3test.ClearEnv(t)
	server := s3test.Start(t)
	for _, mode := range []ChecksumMode{ChecksumsWhenRequired, ChecksumsWhenSupported} {
		s, f := faulty(t, server)
		s.options.Checksums = mode
		f.start(on("UploadPart", flipRequest))
		require.Error(t, put(s, testKey))
		require.Greater(t, f.count("UploadPart"), 1, "it was not tried again")
		f.start(nil)
		requireNothing(t, server, s)
	}
}

// TestSomebodyElseIsFaster: an object that appears between the last look and the
// completion is kept, with its own checksum beside it.
func TestSomebodyElseIsFaster(t *testing.T) {
	s3test.ClearEnv(t)
	server := s3test.Start(t)
	for _, name := range []string{"put", "copy"} {
		for _, before := range []string{"PutObject", "CompleteMultipartUpload"} { // PutObject is that of the checksum
			t.Run(name+"/"+before, func(t *testing.T) {
				s, f := faulty(t, server)
				require.NoError(t, ways[name].prepare(s, testKey))
				other, _ := faulty(t, server)
				other.options.Bucket = s.options.Bucket
				f.start(once(before, func(server http.RoundTripper, r *http.Request) (*http.Response, error) {
					if _, err := other.Put(context.Background(), testKey, blobtest.Content([]byte("theirs"))); err != nil {
						return nil, err
					}
					return server.RoundTrip(r)
				}))
				require.ErrorIs(t, ways[name].run(s, testKey), blob.ErrExists)
				require.Equal(t, "theirs", string(read(t, s, testKey)))
				sum, err := s.readChecksum(context.Background(), s.ref(testKey))
				require.NoError(t, err)
				require.Equal(t, blobtest.Sum([]byte("theirs")), sum)
				require.Empty(t, server.Uploads(t, s.options.Bucket))
			})
		}
	}
}

// TestLostAnswersAreSettled: all answers to the completion are lost, perhaps
// because the context ended; the object is there, and that is what is said.
func TestLostAnswersAreSettled(t *testing.T) {
	s3test.ClearEnv(t)
	server := s3test.Start(t)
	for _, name := range []string{"put", "copy"} {
		t.Run(name, func(t *testing.T) {
			s, f := faulty(t, server)
			require.NoError(t, ways[name].prepare(s, testKey))
			f.start(on("CompleteMultipartUpload", answerLost))
			require.NoError(t, ways[name].run(s, testKey))
			f.start(nil)
			requireWhole(t, s, testKey)
		})
	}
}

// TestCancelledCopyLeavesNothing: the abort does not end with the context.
func TestCancelledCopyLeavesNothing(t *testing.T) {
	s3test.ClearEnv(t)
	server := s3test.Start(t)
	s, f := faulty(t, server)
	require.NoError(t, put(s, from(testKey)))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	f.start(on("UploadPartCopy", func(_ http.RoundTripper, r *http.Request) (*http.Response, error) {
		cancel()
		return nil, r.Context().Err()
	}))
	_, err := s.Copy(ctx, from(testKey), testKey)
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, server.Uploads(t, s.options.Bucket))
}

// TestDownloadIsResumed: a body that is cut off again and again is read to its end
// as long as some of it arrives.
func TestDownloadIsResumed(t *testing.T) {
	s3test.ClearEnv(t)
	server := s3test.Start(t)
	s, f := faulty(t, server)
	require.NoError(t, put(s, testKey))
	f.start(on("GetObject", cutAnswer(1000)))
	require.Equal(t, testContent, read(t, s, testKey))
	require.Equal(t, len(testContent)/1000, f.count("GetObject"))

	f.start(on("GetObject", cutAnswer(0)))
	o, err := s.Get(context.Background(), testKey)
	require.NoError(t, err)
	_, err = io.ReadAll(o)
	require.ErrorIs(t, err, blob.ErrUnavailable)
	require.NoError(t, o.Close())
}

// TestDamageIsNoticed: who reads everything does not get the last bytes of an
// object that is not what was put.
func TestDamageIsNoticed(t *testing.T) {
	s3test.ClearEnv(t)
	server := s3test.Start(t)
	s, f := faulty(t, server)
	require.NoError(t, put(s, testKey))
	f.start(on("GetObject", flipAnswer))
	o, err := s.Get(context.Background(), testKey)
	require.NoError(t, err)
	got, err := io.ReadAll(o)
	require.ErrorIs(t, err, blob.ErrDamaged)
	require.Less(t, len(got), len(testContent))
	_, err = o.Read(make([]byte, 1))
	require.ErrorIs(t, err, blob.ErrDamaged)
}

// TestReplacedWhileRead: parts of two objects are never taken for one.
func TestReplacedWhileRead(t *testing.T) {
	s3test.ClearEnv(t)
	server := s3test.Start(t)
	s, _ := faulty(t, server)
	require.NoError(t, put(s, testKey))
	o, err := s.Get(context.Background(), testKey)
	require.NoError(t, err)
	_, err = io.ReadFull(o, make([]byte, 10))
	require.NoError(t, err)
	require.NoError(t, s.Delete(context.Background(), testKey))
	_, err = s.Put(context.Background(), testKey, blobtest.Content(bytes.ToUpper(testContent)))
	require.NoError(t, err)
	_, err = o.Seek(20, io.SeekStart)
	require.NoError(t, err)
	_, err = o.Read(make([]byte, 10))
	require.ErrorIs(t, err, blob.ErrNotFound)
}

func TestReadOfAPart(t *testing.T) {
	s3test.ClearEnv(t)
	server := s3test.Start(t)
	s, f := faulty(t, server)
	require.NoError(t, put(s, testKey))
	f.start(nil)
	o, err := s.Get(context.Background(), testKey)
	require.NoError(t, err)
	defer o.Close()
	for _, at := range []int64{15_990, 0, 7_777} {
		_, err = o.Seek(at, io.SeekStart)
		require.NoError(t, err)
		part := make([]byte, 10)
		_, err = io.ReadFull(o, part)
		require.NoError(t, err)
		require.Equal(t, string(testContent[at:at+10]), string(part))
	}
	require.Equal(t, 3, f.count("GetObject"))
	_, err = o.Seek(-1, io.SeekStart)
	require.Error(t, err)
	_, err = o.Seek(10, io.SeekEnd)
	require.NoError(t, err)
	_, err = o.Read(make([]byte, 10))
	require.ErrorIs(t, err, io.EOF)
}

// TestSilentServer: a server that accepts and never answers is given up.
func TestSilentServer(t *testing.T) {
	s3test.ClearEnv(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	accepted := make(chan struct{})
	go func() {
		defer close(accepted)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = conn.Close() })
		}
	}()
	defer func() { require.NoError(t, l.Close()); <-accepted }()
	_, err = Open(context.Background(), Options{
		Bucket: "b", AccessKey: "a", SecretKey: "s", Endpoint: "http://" + l.Addr().String(),
		IdleTimeout: 20 * time.Millisecond, Attempts: 2, MaxBackoff: time.Millisecond,
	})
	require.ErrorIs(t, err, blob.ErrUnavailable)
}

func TestPresign(t *testing.T) {
	s3test.ClearEnv(t)
	server := s3test.StartTLS(t)
	s, _ := faulty(t, server)
	k := blob.Key{Folder: "c", Name: `ü "x"+1.snapshot`}
	require.NoError(t, put(s, k))
	url, err := s.Presign(context.Background(), k, time.Minute)
	require.NoError(t, err)
	require.NotContains(t, url, s3test.SecretKey)
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	require.NoError(t, err)
	a, err := s.transport.RoundTrip(r)
	require.NoError(t, err)
	defer a.Body.Close()
	got, err := io.ReadAll(a.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, a.StatusCode, string(got))
	require.Equal(t, testContent, got)
	require.True(t, strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment; filename"), a.Header)

	_, err = s.Presign(context.Background(), testKey, time.Minute)
	require.ErrorIs(t, err, blob.ErrNotFound)
	for _, expires := range []time.Duration{0, 8 * 24 * time.Hour} {
		_, err = s.Presign(context.Background(), k, expires)
		require.ErrorContains(t, err, fmt.Sprint(expires))
	}
}
