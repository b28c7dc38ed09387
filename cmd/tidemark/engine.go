package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/tidemark-db/tidemark/config"
)

func openEngine(context.Context, config.Config, int64, *slog.Logger) (engine, error) {
	return nil, errors.New("not wired yet")
}
