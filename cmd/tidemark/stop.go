package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/tidemark-db/tidemark/config"
)

// A stop may take as long as the configuration grants, in all. Each step gets
// half of what is left, so that those that write to disk come last and still
// have time: requests are drained, the rest is cut off, jobs are ended, the
// store is closed.

// drainShare is the part of the grace for which a client may let a request
// wait: one that takes no answer must not use up the time of all.
const drainShare = 10

// stop stops serving and closes the engine. why is what ended serving, nil for a
// signal; it is what stop returns if everything goes well.
func (a *app) stop(ctx context.Context, c config.Config, e engine, s *servers, logger *slog.Logger, why error) error {
	grace := time.Duration(c.Tidemark.ShutdownTimeoutSec) * time.Second
	// It outlives ctx, by which the stop was asked for.
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	e.Drain(grace / drainShare)
	s.stop(stopping)
	if err := e.Close(stopping); err != nil {
		logger.Error("the store was not closed cleanly; the next start repairs it", slog.Any("error", err))
		if why == nil {
			why = fmt.Errorf("close the store: %w", err)
		}
		return why
	}
	logger.Info("stopped")
	return why
}

// halfOf returns a context that ends when half of the time is over that ctx has
// left.
func halfOf(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Until(deadline)/2)
}
