// Package s3test runs a real S3 server, versitygw, for tests: a process on a free
// port of the loopback interface, with its data in a directory of the test, ended
// by the test that started it.
package s3test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"
)

// The keys of every Server.
const (
	AccessKey = "tidemark-test"
	SecretKey = "tidemark-test-secret"
	Region    = "us-east-1"
)

// Server is a running versitygw.
type Server struct {
	// URL is its endpoint.
	URL string
	// CA is the PEM of the certificate that it uses with TLS; nil without.
	CA []byte
	// Dir holds the files of its buckets.
	Dir string

	buckets atomic.Int32
	output  lockedBuffer
}

// Start starts a server that ends with the test.
func Start(t testing.TB) *Server { return start(t, nil) }

// StartTLS starts a server that speaks TLS with a certificate of an authority of
// its own.
func StartTLS(t testing.TB) *Server {
	c := newCertificate(t)
	return start(t, &c)
}

// ClearEnv takes the AWS settings of the environment away from a test.
func ClearEnv(t testing.TB) {
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "") // to have it restored
			require.NoError(t, os.Unsetenv(name))
		}
	}
	none := filepath.Join(t.TempDir(), "none")
	t.Setenv("AWS_CONFIG_FILE", none)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", none)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

// binary builds versitygw, in the version that its module pins, into Go's build
// cache.
var binary = sync.OnceValues(func() (string, error) {
	_, here, _, _ := runtime.Caller(0)
	module := filepath.Join(filepath.Dir(here), "../../../../internal/tools/versitygw")
	cmd := exec.Command("go", "tool", "-n", "versitygw")
	cmd.Dir = module
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-buildvcs=false")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("build versitygw: %w\n%s", err, stderr.String())
	}
	return strings.TrimSpace(string(out)), nil
})

func start(t testing.TB, c *certificate) *Server {
	t.Helper()
	path, err := binary()
	require.NoError(t, err)
	s := &Server{Dir: t.TempDir()}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("output of versitygw:\n%s", s.output.String())
		}
	})
	for range 5 { // somebody else may take the port that was free
		if s.run(t, path, c) {
			return s
		}
	}
	t.Fatalf("versitygw does not start:\n%s", s.output.String())
	return nil
}

// run starts a process and reports whether it listens.
func (s *Server) run(t testing.TB, path string, c *certificate) bool {
	address := freeAddress(t)
	args := []string{
		"--port", address, "--access", AccessKey, "--secret", SecretKey, "--region", Region,
		"--quiet", "--keep-alive", "--iam-cache-disable",
	}
	s.URL = "http://" + address
	if c != nil {
		args = append(args, "--cert", c.certFile, "--key", c.keyFile)
		s.URL, s.CA = "https://"+address, c.pem
	}
	cmd := exec.Command(path, append(args, "posix", "--sidecar", t.TempDir(), s.Dir)...)
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"HOME=" + cmd.Dir, "PATH=" + os.Getenv("PATH")}
	cmd.Stdout, cmd.Stderr = &s.output, &s.output
	require.NoError(t, cmd.Start())
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = cmd.Wait() // how it ended does not matter
	}()
	stop := func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		select {
		case <-exited:
		case <-time.After(5 * time.Second):
			_ = cmd.Process.Kill()
			<-exited
		}
	}
	if !listens(address, exited) {
		stop()
		return false
	}
	t.Cleanup(stop)
	return true
}

func freeAddress(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// listens waits until an address accepts connections or the process has ended.
func listens(address string, exited <-chan struct{}) bool {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		if conn, err := net.Dial("tcp", address); err == nil {
			_ = conn.Close()
			return true
		}
		select {
		case <-exited:
			return false
		case <-ticker.C:
		}
	}
}

// NewBucket makes an empty bucket and returns its name.
func (s *Server) NewBucket(t testing.TB) string {
	t.Helper()
	bucket := fmt.Sprintf("bucket-%d", s.buckets.Add(1))
	_, err := s.Client(t).CreateBucket(context.Background(), &s3.CreateBucketInput{Bucket: &bucket})
	require.NoError(t, err)
	return bucket
}

// lockedBuffer is a buffer for several goroutines.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// String returns what was written.
func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
