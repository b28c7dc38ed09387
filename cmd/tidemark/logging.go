package main

import (
	"io"
	"log/slog"
	"strings"

	"github.com/tidemark-db/tidemark/config"
)

// newLogger returns the logger that the configuration asks for.
func newLogger(c config.Config, w io.Writer) *slog.Logger {
	if strings.EqualFold(c.LogLevel, "OFF") {
		return slog.New(slog.DiscardHandler)
	}
	o := &slog.HandlerOptions{Level: logLevel(c.LogLevel)}
	if c.Logger.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

func logLevel(name string) slog.Level {
	switch strings.ToUpper(name) {
	case "ERROR":
		return slog.LevelError
	case "WARN":
		return slog.LevelWarn
	case "DEBUG", "TRACE":
		return slog.LevelDebug
	default:
		return slog.LevelInfo
	}
}

// logConfiguration says what of the configuration is probably not as its author
// meant it.
func logConfiguration(logger *slog.Logger, loaded *config.Loaded) {
	for _, p := range loaded.Unknown {
		logger.Warn("unknown configuration key", slog.String("key", p.Key), slog.String("source", p.Source), slog.String("problem", p.Text))
	}
	for _, p := range loaded.Ignored {
		logger.Warn("configuration key without effect", slog.String("key", p.Key), slog.String("source", p.Source), slog.String("problem", p.Text))
	}
	s := loaded.Config.Service
	open := s.APIKey == nil && s.AltAPIKey == nil && s.ReadOnlyAPIKey == nil
	if open && !isLoopback(s.Host) {
		logger.Warn("no API key is set: whoever reaches this address may read and delete everything", slog.String("host", s.Host))
	}
}
