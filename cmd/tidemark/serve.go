package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/tidemark-db/tidemark/config"
)

// engine is the store with its transports, as far as serving needs to know it.
type engine interface {
	http.Handler
	// Ready reports whether recovery is done and Drain was not called.
	Ready() bool
	// Drain makes Ready and /readyz say no. Requests are still answered, but a
	// client that neither takes nor sends anything for patience is cut off.
	Drain(patience time.Duration)
	// RestoreAtStart restores archives from files before anything is served. It
	// waits for the end of recovery. If a collection exists that may not be
	// replaced, nothing has changed.
	RestoreAtStart(ctx context.Context, r startRestores) error
	// Close finishes what was begun, flushes it and frees the data directory.
	// It is called once, after the last request was answered or given up.
	Close(ctx context.Context) error
}

// opener opens the engine. Recovery goes on in the background.
type opener func(ctx context.Context, c config.Config, memory budgets, logger *slog.Logger) (engine, error)

func (a *app) runServe(c *cobra.Command, _ []string) error {
	restores, err := a.start.restores()
	if err != nil {
		return err
	}
	loaded, err := a.load()
	if err != nil {
		return err
	}
	logger := newLogger(loaded.Config, c.ErrOrStderr())
	logConfiguration(logger, loaded)
	return a.serve(c.Context(), loaded.Config, restores, logger, c.OutOrStdout())
}

// minProcs is the least GOMAXPROCS: an fdatasync keeps its P, and with as many
// Ps as cores a few of them would leave nobody to answer reads.
const minProcs = 8

// serve opens the store and serves it until ctx ends, then stops gracefully:
// readiness off, requests drained, everything flushed and closed. The line that
// says where it listens goes to stdout, all else to the logger.
func (a *app) serve(ctx context.Context, c config.Config, restores startRestores, logger *slog.Logger, stdout io.Writer) error {
	if runtime.GOMAXPROCS(0) < minProcs {
		runtime.GOMAXPROCS(minProcs)
	}
	memory := shareMemory(c.Tidemark, memoryBytes(a.root, goMemoryLimit()))
	logger.Info("starting", slog.String("version", version), slog.String("commit", commit),
		slog.Int64("budget_bytes", memory.writes), slog.Int64("read_memory_bytes", memory.reads))

	listeners, err := listen(ctx, c)
	if err != nil {
		return err
	}
	defer listeners.close()
	e, err := a.open(ctx, c, memory, logger)
	if err != nil {
		return fmt.Errorf("open the store: %w", err)
	}
	if err := restoreAtStart(ctx, e, restores, time.Duration(c.Tidemark.ShutdownTimeoutSec)*time.Second); err != nil {
		return err
	}

	servers := newServers(c, e, listeners, logger)
	servers.start()
	fmt.Fprintf(stdout, "tidemark %s listens on http://%s\n", version, listeners.http.Addr())

	notify := newNotifier(a.environ)
	if a.untilReady(ctx, e, servers.failed) {
		logger.Info("ready")
		logFailure(logger, notify.send(stateReady))
	}
	select {
	case <-ctx.Done():
		logger.Info("stopping")
	case err = <-servers.failed:
		logger.Error("stopping: a server failed", slog.Any("error", err))
	}
	logFailure(logger, notify.send(stateStopping))
	return a.stop(ctx, c, e, servers, logger, err)
}

// untilReady waits for the end of recovery; it returns false if it was told to
// stop first. What failed stays in the channel for the caller.
func (a *app) untilReady(ctx context.Context, e engine, failed chan error) bool {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !e.Ready() {
		select {
		case <-ctx.Done():
			return false
		case err := <-failed:
			failed <- err
			return false
		case <-tick.C:
		}
	}
	return true
}

func goMemoryLimit() int64 {
	if limit := debug.SetMemoryLimit(-1); limit > 0 {
		return limit
	}
	return math.MaxInt64
}

func logFailure(logger *slog.Logger, err error) {
	if err != nil {
		logger.Warn("a step failed that others do not depend on", slog.Any("error", err))
	}
}
