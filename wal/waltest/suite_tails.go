package waltest

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/wal"
)

func tails() []check {
	return []check{
		{"a tail begins behind any position", func(t *testing.T, s Subject) {
			log := open(t, s, 0)
			Write(t, log, 0, 30)
			for _, after := range []wal.Position{0, 1, 13, 29} {
				ReadTo(t, tail(t, log, after), after, 30)
			}
		}},
		{"a tail from before the base begins with the oldest record", func(t *testing.T, s Subject) {
			log := open(t, s, 100)
			Write(t, log, 100, 3)
			ReadTo(t, tail(t, log, 4), 100, 103)
		}},
		{"a tail at the end waits for what comes", func(t *testing.T, s Subject) {
			log := open(t, s, 0)
			Write(t, log, 0, 5)
			r := tail(t, log, 5)
			done := make(chan error)
			go func() { done <- readTo(t.Context(), r, 5, 25) }()
			Write(t, log, 5, 20)
			require.NoError(t, <-done)
		}},
		{"a tail from above the end skips what comes before", func(t *testing.T, s Subject) {
			log := open(t, s, 0)
			r := tail(t, log, 7)
			Write(t, log, 0, 12)
			ReadTo(t, r, 7, 12)
		}},
		{"a tail that falls far behind catches up", func(t *testing.T, s Subject) {
			log := open(t, s, 0)
			r := tail(t, log, 0)
			Write(t, log, 0, 3)
			ReadTo(t, r, 0, 3)
			Write(t, log, 3, 400)
			ReadTo(t, r, 3, 403)
			Write(t, log, 403, 5)
			ReadTo(t, r, 403, 408)
		}},
		{"tails do not disturb each other", func(t *testing.T, s Subject) {
			log := open(t, s, 0)
			readers := []wal.Reader{tail(t, log, 0), tail(t, log, 0), tail(t, log, 0)}
			Write(t, log, 0, 10)
			ReadTo(t, readers[0], 0, 10)
			Write(t, log, 10, 100)
			ReadTo(t, readers[1], 0, 110)
			require.NoError(t, readers[1].Close())
			ReadTo(t, readers[2], 0, 110)
			ReadTo(t, readers[0], 10, 110)
		}},
		{"next ends with its context and can be called again", func(t *testing.T, s Subject) {
			log := open(t, s, 0)
			r := tail(t, log, 0)
			_, err := r.Next(cancelled(t))
			require.ErrorIs(t, err, context.Canceled)
			Write(t, log, 0, 1)
			ReadTo(t, r, 0, 1)
		}},
		{"closing a reader ends its next", func(t *testing.T, s Subject) {
			r := tail(t, open(t, s, 0), 0)
			got := make(chan error)
			go func() {
				_, err := r.Next(t.Context())
				got <- err
			}()
			require.NoError(t, r.Close())
			require.ErrorIs(t, <-got, wal.ErrClosed)
			require.NoError(t, r.Close(), "a second close")
		}},
		{"writers and readers run together", readersAndWriters},
	}
}

func readersAndWriters(t *testing.T, s Subject) {
	log := open(t, s, 0)
	const total = 300
	errs := make([]error, 4)
	together(len(errs), func(i int) {
		if i == 0 {
			errs[i] = write(t.Context(), log, 0, total)
			return
		}
		after := wal.Position(i)
		r, err := log.Tail(t.Context(), after)
		if err == nil {
			err = errors.Join(readTo(t.Context(), r, after, total), r.Close())
		}
		errs[i] = err
	})
	require.NoError(t, errors.Join(errs...))
}
