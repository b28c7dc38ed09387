package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// startReal serves a real store in a folder of its own.
func startReal(t *testing.T, environ ...string) *process {
	t.Helper()
	dir := t.TempDir()
	return startWith(t, openEngine, environ,
		"--storage-path", filepath.Join(dir, "storage"), "--snapshots-path", filepath.Join(dir, "snapshots"))
}

// request sends a request and returns the status of the answer and its body.
func (p *process) request(t *testing.T, method, path, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, p.url+path, strings.NewReader(body))
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	var b strings.Builder
	_, err = bufio.NewReader(response.Body).WriteTo(&b)
	require.NoError(t, err)
	return response.StatusCode, b.String()
}

// TestStopDoesNotWaitForAClientThatDoesNotRead: its connection ends by a shorter
// deadline, long before the time is over after which requests are cut off.
func TestStopDoesNotWaitForAClientThatDoesNotRead(t *testing.T) {
	p := startReal(t, "TIDEMARK__SHUTDOWN_TIMEOUT_SEC=10")
	status, body := p.request(t, "PUT", "/collections/c", "{}")
	require.Equal(t, http.StatusOK, status, body)
	for i := range 4 { // more than the buffers between hold
		status, body = p.request(t, "PUT", "/collections/c/points?wait=true",
			fmt.Sprintf(`{"points":[{"id":%d,"vector":{},"payload":{"a":"%s"}}]}`, i, strings.Repeat("x", 2<<20)))
		require.Equal(t, http.StatusOK, status, body)
	}

	conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.(*net.TCPConn).SetReadBuffer(4<<10))
	_, err = fmt.Fprintf(conn, "POST /collections/c/points/scroll HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\n{\"limit\":16}")
	require.NoError(t, err)
	_, err = conn.Read(make([]byte, 1)) // the answer has begun
	require.NoError(t, err)
	p.stop()
	require.Equal(t, exitOK, <-p.exited)
	require.NotContains(t, p.log.String(), "requests are cut off")
	require.Contains(t, p.log.String(), "msg=stopped")
}

// TestAStopLeavesTimeToClose: whatever a step uses up, the next one has some.
func TestAStopLeavesTimeToClose(t *testing.T) {
	whole, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	half, cancel := halfOf(whole)
	defer cancel()
	quarter, cancel := halfOf(half)
	defer cancel()
	left := func(ctx context.Context) time.Duration {
		deadline, ok := ctx.Deadline()
		require.True(t, ok)
		return time.Until(deadline)
	}
	require.InDelta(t, time.Hour/2, left(half), float64(time.Minute*10))
	require.InDelta(t, time.Hour/4, left(quarter), float64(time.Minute*10))

	forever, cancel := halfOf(t.Context())
	cancel()
	require.True(t, errors.Is(forever.Err(), context.Canceled))
}
