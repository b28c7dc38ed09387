package s3

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/snapshot/blob"
	"github.com/tidemark-db/tidemark/snapshot/blob/s3/s3test"
)

func TestProbeLeavesNothing(t *testing.T) {
	s3test.ClearEnv(t)
	server := s3test.Start(t)
	s := open(t, testOptions(t, server))
	requireNothing(t, server, s)
}

func TestTryLeavesNothingAndSweepsNothing(t *testing.T) {
	s3test.ClearEnv(t)
	server := s3test.Start(t)
	o := testOptions(t, server)
	var swept atomic.Bool
	o.Wrap = func(inner http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodGet && r.URL.Query().Has("uploads") {
				swept.Store(true)
			}
			return inner.RoundTrip(r)
		})
	}
	require.NoError(t, Try(t.Context(), o))
	require.False(t, swept.Load())
	require.Empty(t, server.Keys(t, o.Bucket))
	require.Empty(t, server.Uploads(t, o.Bucket))

	o.Bucket = "another"
	require.ErrorContains(t, Try(t.Context(), o), "another")
}

// says answers like a server that refuses.
func says(status int, code string, header ...string) fault {
	return func(_ http.RoundTripper, r *http.Request) (*http.Response, error) {
		a := answer(r, status, `<?xml version="1.0"?><Error><Code>`+code+`</Code><Message>No.</Message></Error>`)
		for i := 0; i+1 < len(header); i += 2 {
			a.Header.Set(header[i], header[i+1])
		}
		if r.Method == http.MethodHead {
			a.Body, a.ContentLength = http.NoBody, 0
		}
		return a, nil
	}
}

// unconditional is a server that completes every upload but the first, whatever
// the condition.
func unconditional() func(string, int) fault {
	first := true
	return func(operation string, _ int) fault {
		if operation != "CompleteMultipartUpload" {
			return nil
		}
		if first {
			first = false
			return nil
		}
		return func(_ http.RoundTripper, r *http.Request) (*http.Response, error) {
			return answer(r, http.StatusOK, `<CompleteMultipartUploadResult><ETag>"x"</ETag></CompleteMultipartUploadResult>`), nil
		}
	}
}

// otherBytes is a server that returns something else.
func otherBytes(server http.RoundTripper, r *http.Request) (*http.Response, error) {
	a, err := server.RoundTrip(r)
	if err == nil && a.ContentLength > 0 {
		_ = a.Body.Close()
		a.Body = io.NopCloser(strings.NewReader(strings.Repeat("?", int(a.ContentLength))))
	}
	return a, err
}

// TestOpenSaysWhatIsWrong names what an operator can mend, and keeps secrets.
func TestOpenSaysWhatIsWrong(t *testing.T) {
	s3test.ClearEnv(t)
	server, secure := s3test.Start(t), s3test.StartTLS(t)
	plain := func(change func(*Options)) func(t *testing.T) Options {
		return func(t *testing.T) Options {
			o := testOptions(t, server)
			change(&o)
			return o
		}
	}
	behind := func(choose func(string, int) fault) func(t *testing.T) Options {
		return plain(func(o *Options) {
			o.Attempts = 1
			o.Wrap = func(transport http.RoundTripper) http.RoundTripper { return &faults{server: transport, choose: choose} }
		})
	}
	for want, options := range map[string]func(t *testing.T) Options{
		"the bucket is not named":                                                 plain(func(o *Options) { o.Bucket = "" }),
		"access key and secret key must be given both":                            plain(func(o *Options) { o.SecretKey = "" }),
		`the endpoint URL "127.0.0.1:7070" must look like https://host:port`:      plain(func(o *Options) { o.Endpoint = "127.0.0.1:7070" }),
		"the endpoint URL may hold no credentials":                                plain(func(o *Options) { o.Endpoint = "http://a:b@127.0.0.1" }),
		`the checksum mode "never" is neither when_supported nor when_required`:   plain(func(o *Options) { o.Checksums = "never" }),
		`the prefix "a//b" has a part that is empty`:                              plain(func(o *Options) { o.Prefix = "a//b" }),
		"the prefix has 401 bytes":                                                plain(func(o *Options) { o.Prefix = strings.Repeat("a", 401) }),
		`the storage class "COLD" is not known`:                                   plain(func(o *Options) { o.StorageClass = "COLD" }),
		"the file of certificates holds none in PEM form":                         plain(func(o *Options) { o.CA = []byte("x") }),
		"cannot write a test object: the bucket does not exist":                   plain(func(o *Options) { o.Bucket = "missing-bucket" }),
		"cannot write a test object: the server does not know the access key":     plain(func(o *Options) { o.AccessKey = "nobody" }),
		"cannot write a test object: the secret key does not belong":              plain(func(o *Options) { o.SecretKey = "wrong-secret" }),
		"cannot write a test object: nothing listens at the endpoint":             plain(func(o *Options) { o.Endpoint = "http://127.0.0.1:1"; o.Attempts = 1 }),
		"cannot write a test object: the endpoint serves plain HTTP":              plain(func(o *Options) { o.Endpoint = strings.Replace(o.Endpoint, "http", "https", 1); o.Attempts = 1 }),
		"cannot write a test object: no credentials were found":                   plain(func(o *Options) { o.AccessKey, o.SecretKey = "", "" }),
		"cannot write a test object: the server's certificate is of an authority": func(t *testing.T) Options { o := testOptions(t, secure); o.CA = nil; return o },
		"cannot write a test object: perhaps the server speaks TLS": func(t *testing.T) Options {
			o := testOptions(t, secure)
			o.Endpoint = strings.Replace(o.Endpoint, "https", "http", 1)
			return o
		},
		"cannot write a test object: the keys do not permit it: grant s3:PutObject":     behind(on("CreateMultipartUpload", says(403, "AccessDenied"))),
		"cannot read a test object: the keys do not permit it: grant s3:GetObject":      behind(on("GetObject", says(403, "AccessDenied"))),
		"cannot list a test object: the keys do not permit it: grant s3:ListBucket":     behind(on("ListObjectsV2", says(403, "AccessDenied"))),
		"cannot delete a test object: the keys do not permit it: grant s3:DeleteObject": behind(on("DeleteObject", says(403, "AccessDenied"))),
		"the bucket lies in region eu-west-1, not in us-east-1":                         behind(on("CreateMultipartUpload", says(301, "PermanentRedirect", "x-amz-bucket-region", "eu-west-1"))),
		"this machine's clock differs too much":                                         behind(on("CreateMultipartUpload", says(403, "RequestTimeTooSkewed"))),
		"objects of the storage class cannot be read at once":                           behind(on("GetObject", says(403, "InvalidObjectState"))),
		"the server lacks what is needed":                                               behind(on("UploadPart", says(501, "NotImplemented"))),
		"the server ignores the condition If-None-Match: *":                             behind(unconditional()),
		"the object is damaged":                                                         behind(on("GetObject", otherBytes)),
	} {
		t.Run(want, func(t *testing.T) {
			o := options(t)
			s, err := Open(context.Background(), o)
			if err == nil {
				require.NoError(t, s.Close())
			}
			require.ErrorContains(t, err, want)
			if o.SecretKey != "" {
				require.NotContains(t, err.Error(), o.SecretKey)
			}
		})
	}
}

// TestCertificatesOfTheEnvironment: AWS_CA_BUNDLE is honoured, as by other programs.
func TestCertificatesOfTheEnvironment(t *testing.T) {
	s3test.ClearEnv(t)
	server := s3test.StartTLS(t)
	o := testOptions(t, server)
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, o.CA, 0o600))
	t.Setenv("AWS_CA_BUNDLE", file)
	require.NoError(t, put(open(t, o), testKey), "both")
	o.CA = nil
	require.NoError(t, put(open(t, o), blob.Key{Name: "y.snapshot"}))
}

// TestKeysOfTheEnvironment: without keys, those of the usual sources are taken.
func TestKeysOfTheEnvironment(t *testing.T) {
	s3test.ClearEnv(t)
	server := s3test.Start(t)
	o := testOptions(t, server)
	o.AccessKey, o.SecretKey, o.Region = "", "", ""
	t.Setenv("AWS_ACCESS_KEY_ID", s3test.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", s3test.SecretKey)
	require.NoError(t, put(open(t, o), testKey))
}
