package main

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// child starts the server with the fake store as a process of its own. It
// returns where it listens and the lines of its log.
func child(t *testing.T) (cmd *exec.Cmd, url string, log *bufio.Scanner) {
	t.Helper()
	cmd = exec.CommandContext(t.Context(), "fake-tidemark", "--http-port", "0")
	cmd.Dir = t.TempDir()
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	_, url, _ = strings.Cut(strings.TrimSpace(line), " listens on ")
	return cmd, url, bufio.NewScanner(stderr)
}

// waitFor reads the log up to a message.
func waitFor(t *testing.T, log *bufio.Scanner, message string) {
	t.Helper()
	for log.Scan() {
		if strings.Contains(log.Text(), "msg="+message) {
			return
		}
	}
	t.Fatalf("the log ended without %q", message)
}

func TestFirstSignalStopsGracefully(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		cmd, _, log := child(t)
		waitFor(t, log, "ready")
		require.NoError(t, cmd.Process.Signal(signal))
		waitFor(t, log, "stopped")
		require.NoError(t, cmd.Wait(), "exit code 0 after %s", signal)
	}
}

func TestSecondSignalEndsTheProcessAtOnce(t *testing.T) {
	cmd, url, log := child(t)
	waitFor(t, log, "ready")
	answered := make(chan error, 1)
	go func() {
		response, err := http.Get(url + "/slow") // holds the stop up
		if err == nil {
			_, err = io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
		answered <- err
	}()
	waitFor(t, log, "slow") // the request has begun
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	waitFor(t, log, "stopping")
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	var exit *exec.ExitError
	require.True(t, errors.As(cmd.Wait(), &exit))
	require.Equal(t, syscall.SIGTERM, exit.Sys().(syscall.WaitStatus).Signal())
	require.Error(t, <-answered)
}
