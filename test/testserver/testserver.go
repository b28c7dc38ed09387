// Package testserver runs the real binary for tests that drive it from
// outside: on a free port of the loopback interface, with its data in a
// directory of the test, ended by the test that started it.
package testserver

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binaryVariable names a binary that exists already.
const binaryVariable = "TIDEMARK_BINARY"

// Build compiles the binary into a directory of the test and returns its path.
// TIDEMARK_BINARY names one that exists already.
func Build(t testing.TB) string {
	t.Helper()
	if path := os.Getenv(binaryVariable); path != "" {
		return path
	}
	path, err := build(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func build(dir string) (string, error) {
	path := filepath.Join(dir, "tidemark")
	build := exec.Command("go", "build", "-o", path, "github.com/tidemark-db/tidemark/cmd/tidemark")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the server: %w\n%s", err, out)
	}
	return path, nil
}

// Main runs the tests of a package with one binary for all of them and returns
// the exit code. TestMain calls it.
func Main(m *testing.M) int {
	if os.Getenv(binaryVariable) != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "tidemark-binary-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir) // a leftover in the temporary directory harms nobody
	path, err := build(dir)
	if err == nil {
		err = os.Setenv(binaryVariable, path)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// Server is a data directory and the process that serves it, if one runs.
type Server struct {
	// Args are those of the next start.
	Args []string

	t      testing.TB
	binary string
	dir    string
	port   int
	env    []string

	cmd    *exec.Cmd
	exited chan struct{}
	output *lockedBuffer
}

// New prepares a server over dir; env are further settings. It ends with the
// test.
func New(t testing.TB, binary, dir string, env ...string) *Server {
	t.Helper()
	s := &Server{t: t, binary: binary, dir: dir, port: FreePort(t), env: env, output: &lockedBuffer{}}
	t.Cleanup(func() {
		s.Kill()
		if t.Failed() {
			t.Logf("output of the server:\n%s", s.output.tail())
		}
	})
	return s
}

// FreePort returns a port of the loopback interface on which nobody listens now.
func FreePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// URL is the address of the REST API.
func (s *Server) URL() string { return "http://127.0.0.1:" + strconv.Itoa(s.port) }

// PID is the id of the process that was started last.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Start starts the process and waits until it is ready.
func (s *Server) Start(ctx context.Context) error {
	s.cmd = exec.Command(s.binary, s.Args...)
	s.cmd.Dir = s.dir
	s.cmd.Env = append(os.Environ(),
		"QDRANT__SERVICE__HOST=127.0.0.1",
		"QDRANT__SERVICE__HTTP_PORT="+strconv.Itoa(s.port),
		"QDRANT__STORAGE__STORAGE_PATH="+filepath.Join(s.dir, "storage"),
		"QDRANT__STORAGE__SNAPSHOTS_PATH="+filepath.Join(s.dir, "snapshots"),
	)
	s.cmd.Env = append(s.cmd.Env, s.env...)
	s.cmd.Stdout, s.cmd.Stderr = s.output, s.output
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", s.binary, err)
	}
	s.exited = make(chan struct{})
	go func() {
		defer close(s.exited)
		_ = s.cmd.Wait() // how it ended is in ProcessState
	}()
	return s.waitReady(ctx)
}

// waitReady asks until the server says that it is ready.
func (s *Server) waitReady(ctx context.Context) error {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		if resp, err := http.Get(s.URL() + "/readyz"); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ticker.C:
		case <-s.exited:
			return fmt.Errorf("the server ended: %v\n%s", s.cmd.ProcessState, s.output.tail())
		case <-ctx.Done():
			return fmt.Errorf("the server did not become ready: %w\n%s", ctx.Err(), s.output.tail())
		}
	}
}

// ExitCode is that of a process that has ended by itself: Start says when.
func (s *Server) ExitCode() int { return s.cmd.ProcessState.ExitCode() }

// Kill ends the process as a crash would, with SIGKILL.
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

// Stop asks the process to end, waits for it, and returns its exit code.
func (s *Server) Stop() int {
	s.end(syscall.SIGTERM)
	return s.cmd.ProcessState.ExitCode()
}

func (s *Server) end(signal syscall.Signal) {
	if s.cmd == nil || s.cmd.Process == nil {
		return
	}
	_ = s.cmd.Process.Signal(signal) // it may have ended already
	<-s.exited
}

// lockedBuffer keeps what a process printed.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// tail returns the last lines.
func (b *lockedBuffer) tail() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	lines := strings.Split(b.buf.String(), "\n")
	return strings.Join(lines[max(0, len(lines)-40):], "\n")
}
