package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// scriptServer starts a real server within the test, on a free port and with its
// data below the script's folder, and sets TIDEMARK_URL to where it listens:
// server [NAME=VALUE]... The variables are of its environment alone. It is stopped
// at the end, or by stop.
func scriptServer(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: server [NAME=VALUE...]")
	}
	ctx, cancel := context.WithCancel(context.Background())
	reader, writer := io.Pipe()
	exited := make(chan int, 1)
	log := &lockedBuffer{}
	a := &app{open: openEngine, environ: args, dir: ts.MkAbs("."), root: ts.MkAbs(".")}
	go func() {
		code := a.run(ctx, []string{
			"--http-port", "0", "--storage-path", ts.MkAbs("storage"), "--snapshots-path", ts.MkAbs("snapshots"),
		}, writer, log)
		writer.Close()
		exited <- code
	}()
	line, err := bufio.NewReader(reader).ReadString('\n')
	if err != nil {
		cancel()
		ts.Fatalf("the server did not start: %s", log.String())
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		_, _ = io.Copy(io.Discard, reader)
	}()
	_, url, _ := strings.Cut(strings.TrimSpace(line), " listens on ")
	ts.Setenv(envURL, url)
	ts.Defer(func() {
		cancel()
		code := <-exited
		<-drained
		if code != exitOK {
			ts.Logf("the server ended with %d:\n%s", code, log.String())
		}
	})
}

// scriptHTTP sends a request to the server and fails unless it succeeds:
// http METHOD PATH [BODY].
func scriptHTTP(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: http METHOD PATH [BODY]")
	}
	request, err := http.NewRequest(args[0], ts.Getenv(envURL)+args[1], strings.NewReader(strings.Join(args[2:], " ")))
	ts.Check(err)
	if len(args) > 2 {
		request.Header.Set("Content-Type", "application/json")
	}
	request.Header.Set("api-key", ts.Getenv(envKey))
	answer, err := http.DefaultClient.Do(request)
	ts.Check(err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	ts.Check(err)
	if answer.StatusCode/100 != 2 {
		ts.Fatalf("%s %s: %s %s", args[0], args[1], answer.Status, body)
	}
}

// scriptCapture sets a variable to what a pattern matches first in the output of
// the last command: capture NAME PATTERN.
func scriptCapture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: capture NAME PATTERN")
	}
	found := regexp.MustCompile("(?m)" + args[1]).FindString(ts.ReadFile("stdout"))
	if found == "" {
		ts.Fatalf("nothing in the output matches %s", args[1])
	}
	ts.Setenv(args[0], found)
}

// scriptFlip changes one bit in the middle of a file: flip FILE.
func scriptFlip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: flip FILE")
	}
	path := ts.MkAbs(args[0])
	content, err := os.ReadFile(path)
	ts.Check(err)
	content[len(content)/2] ^= 1
	ts.Check(os.Chmod(path, 0o600))
	ts.Check(os.WriteFile(path, content, 0o600))
}
