// Command tidemark serves a store of points over the API of Qdrant, and holds
// the tools for those who operate it. It is the only package that knows all
// others: it reads the configuration and fills their options.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

func main() {
	os.Exit(untilSignal(func(ctx context.Context) int {
		return Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	}))
}

// untilSignal calls run with a context that ends at the first signal, which asks
// for a graceful stop. Before it ends, the default is put back in place, so that
// a second signal ends the process at once.
func untilSignal(run func(context.Context) int) int {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	var waiting sync.WaitGroup
	waiting.Go(func() {
		select {
		case <-signals:
		case <-ctx.Done():
		}
		signal.Stop(signals)
		cancel()
	})
	defer waiting.Wait()
	defer cancel()
	return run(ctx)
}

// Run runs the command with args and returns its exit code. When ctx ends, a
// server stops gracefully.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	a := &app{open: openEngine, environ: os.Environ(), dir: ".", root: "/"}
	return a.run(ctx, args, stdout, stderr)
}

// app is what the commands share.
type app struct {
	open    opener
	environ []string
	dir     string // in which ./config is looked for
	root    string // in which ./etc, ./proc and ./sys are looked for
	flags   flags
	start   startFlags
}

func (a *app) run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := a.newRootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err != nil {
		fmt.Fprintf(stderr, "tidemark: %v\n", err)
	}
	if advice := adviceOf(err); advice != "" {
		fmt.Fprintf(stderr, "Try: %s\n", advice)
	}
	if exitCode(err) == exitUsage {
		fmt.Fprintln(stderr, "See 'tidemark --help'.")
	}
	return exitCode(err)
}
