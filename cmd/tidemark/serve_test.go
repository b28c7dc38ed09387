package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// process is a server that runs within the test.
type process struct {
	url    string
	stop   context.CancelFunc
	exited chan int
	log    *lockedBuffer
}

// start serves the engine on a free port and waits until it says where.
func start(t *testing.T, e *fakeEngine, environ []string, args ...string) *process {
	t.Helper()
	return startWith(t, openFake(e), environ, args...)
}

// startWith is start for an engine that open opens, in a folder of its own.
func startWith(t *testing.T, open opener, environ []string, args ...string) *process {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	p := &process{stop: cancel, exited: make(chan int, 1), log: &lockedBuffer{}}
	a := &app{open: open, environ: environ, dir: t.TempDir(), root: t.TempDir()}
	go func() {
		code := a.run(ctx, append(args, "--http-port", "0"), writer, p.log)
		writer.Close()
		p.exited <- code
	}()
	line, err := bufio.NewReader(reader).ReadString('\n')
	require.NoError(t, err, "%s", p.log)
	_, p.url, _ = strings.Cut(strings.TrimSpace(line), " listens on ")
	require.Contains(t, p.url, "http://127.0.0.1:")
	go func() { _, _ = io.Copy(io.Discard, reader) }()
	return p
}

func TestGracefulStop(t *testing.T) {
	e := newFakeEngine()
	p := start(t, e, nil)
	require.Equal(t, http.StatusOK, get(t, p.url+"/readyz"))
	require.GreaterOrEqual(t, runtime.GOMAXPROCS(0), minProcs)

	answered := make(chan int, 1)
	go func() { answered <- get(t, p.url+"/slow") }()
	<-e.begun
	p.stop()
	<-e.drained
	close(e.finish)
	require.Equal(t, http.StatusOK, <-answered, "a request that had begun is answered")
	require.Equal(t, exitOK, <-p.exited)
	require.Equal(t, []string{"open", "drain", "answer", "close"}, e.history())
	require.Contains(t, p.log.String(), "msg=stopped")
}

func TestRequestsAreCutOffAtTheLimit(t *testing.T) {
	e := newFakeEngine()
	p := start(t, e, []string{"TIDEMARK__SHUTDOWN_TIMEOUT_SEC=1"})
	failed := make(chan error, 1)
	go func() {
		response, err := http.Get(p.url + "/slow")
		if err == nil {
			response.Body.Close()
		}
		failed <- err
	}()
	<-e.begun
	p.stop()
	require.Error(t, <-failed)
	require.Equal(t, exitOK, <-p.exited)
	require.Equal(t, []string{"open", "drain", "cut off", "close"}, e.history())
	require.Contains(t, p.log.String(), "requests are cut off")
}

func TestServiceManagerIsNotified(t *testing.T) {
	// Names of sockets are short: the test's own folder may be too long.
	dir, err := os.MkdirTemp("", "nfy")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	require.NoError(t, err)
	defer conn.Close()

	e := newFakeEngine()
	e.recovered.Store(false)
	p := start(t, e, []string{"NOTIFY_SOCKET=" + socket})
	require.Equal(t, http.StatusServiceUnavailable, get(t, p.url+"/readyz"))
	e.note("recovered")
	e.recovered.Store(true)
	require.Equal(t, "READY=1", receive(t, conn))
	p.stop()
	require.Equal(t, "STOPPING=1", receive(t, conn))
	require.Equal(t, exitOK, <-p.exited)
}

// TestStopDuringRecovery: a server that is told to stop before it was ready
// never says that it is.
func TestStopDuringRecovery(t *testing.T) {
	e := newFakeEngine()
	e.recovered.Store(false)
	p := start(t, e, nil)
	p.stop()
	require.Equal(t, exitOK, <-p.exited)
	require.NotContains(t, p.log.String(), "msg=ready")
	require.Equal(t, []string{"open", "drain", "close"}, e.history())
}

func TestCloseThatFailsIsAFailure(t *testing.T) {
	e := newFakeEngine()
	e.closeErr = errors.New("disk full")
	p := start(t, e, nil)
	p.stop()
	require.Equal(t, exitFailure, <-p.exited)
	require.Contains(t, p.log.String(), "close the store: disk full")
}

func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	e := newFakeEngine()
	a := &app{open: openFake(e), dir: t.TempDir(), root: t.TempDir()}
	var stderr bytes.Buffer
	port := fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
	require.Equal(t, exitFailure, a.run(t.Context(), []string{"--http-port", port}, io.Discard, &stderr))
	require.Contains(t, stderr.String(), "choose another port with --http-port")
	require.Empty(t, e.history(), "the store is not opened in vain")
}

func TestProfilesAreServedOnLoopbackOnly(t *testing.T) {
	port := freePort(t)
	e := newFakeEngine()
	p := start(t, e, []string{"TIDEMARK__PPROF_PORT=" + port})
	require.Equal(t, http.StatusOK, get(t, "http://127.0.0.1:"+port+"/debug/pprof/cmdline"))
	require.Equal(t, http.StatusNotFound, get(t, p.url+"/debug/pprof/cmdline"))
	p.stop()
	require.Equal(t, exitOK, <-p.exited)
}

func TestBudgetsReachTheEngine(t *testing.T) {
	e := newFakeEngine()
	p := start(t, e, []string{"TIDEMARK__BUDGET_MB=300", "TIDEMARK__READ_MEMORY_MB=200"})
	p.stop()
	require.Equal(t, exitOK, <-p.exited)
	require.Equal(t, budgets{writes: 300 << 20, reads: 200 << 20}, e.memory)
}

func TestOpenServerWithoutKeyIsWarnedAbout(t *testing.T) {
	const warning = "no API key is set"
	tests := []struct {
		name    string
		environ []string
		want    bool
	}{
		{"loopback", nil, false},
		{"every network", []string{"QDRANT__SERVICE__HOST=0.0.0.0"}, true},
		{"every network with a key", []string{"QDRANT__SERVICE__HOST=0.0.0.0", "QDRANT__SERVICE__API_KEY=k"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := &app{environ: tt.environ, dir: t.TempDir(), root: t.TempDir()}
			a.newRootCommand()
			loaded, err := a.load()
			require.NoError(t, err)
			var log bytes.Buffer
			logConfiguration(newLogger(loaded.Config, &log), loaded)
			require.Equal(t, tt.want, strings.Contains(log.String(), warning), "%s", log.String())
		})
	}
}

func get(t *testing.T, url string) int {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Errorf("get %s: %v", url, err)
		return 0
	}
	defer response.Body.Close()
	return response.StatusCode
}

func receive(t *testing.T, conn *net.UnixConn) string {
	t.Helper()
	buffer := make([]byte, 256)
	n, err := conn.Read(buffer)
	require.NoError(t, err)
	return string(buffer[:n])
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
}

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
