package waltest

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/wal"
)

func releases() []check {
	return []check{
		{"release keeps what lies above", func(t *testing.T, s Subject) {
			log := open(t, s, 0)
			Write(t, log, 0, 200)
			require.NoError(t, log.Release(t.Context(), 120))
			ReadTo(t, tail(t, log, 120), 120, 200)
			require.Equal(t, wal.Position(200), last(t, log))
		}},
		{"release of everything and more keeps the position", func(t *testing.T, s Subject) {
			log := open(t, s, 0)
			Write(t, log, 0, 200)
			require.NoError(t, log.Release(t.Context(), 100000))
			require.Equal(t, wal.Position(200), last(t, log))
			Write(t, log, 200, 3)
			ReadTo(t, tail(t, log, 200), 200, 203)
		}},
		{"what was released is served whole or refused", func(t *testing.T, s Subject) {
			log := open(t, s, 0)
			Write(t, log, 0, 200)
			behind := tail(t, log, 0)
			require.NoError(t, log.Release(t.Context(), 150))
			servedOrReleased(t, behind, 0, 200)
			if r, err := log.Tail(t.Context(), 0); err != nil {
				require.ErrorIs(t, err, wal.ErrReleased)
			} else {
				servedOrReleased(t, r, 0, 200)
				require.NoError(t, r.Close())
			}
		}},
		{"release survives a restart", func(t *testing.T, s Subject) {
			log := open(t, s, 0)
			Write(t, log, 0, 200)
			require.NoError(t, log.Release(t.Context(), 200))
			require.NoError(t, log.Close())
			log = open(t, s, 0)
			require.Equal(t, wal.Position(200), last(t, log))
			Write(t, log, 200, 1)
			ReadTo(t, tail(t, log, 200), 200, 201)
		}},
	}
}

// servedOrReleased reads until the end or until the log says that it no longer
// has the records; a gap or a wrong record fails.
func servedOrReleased(t *testing.T, r wal.Reader, after, to wal.Position) {
	t.Helper()
	if err := readTo(t.Context(), r, after, to); !errors.Is(err, wal.ErrReleased) {
		require.NoError(t, err)
	}
}

func endings() []check {
	return []check{
		{"records survive a restart", func(t *testing.T, s Subject) {
			var at wal.Position
			for range 4 {
				log := open(t, s, 0)
				require.Equal(t, at, last(t, log))
				ReadTo(t, tail(t, log, 0), 0, at)
				at = Write(t, log, at, 30)
				require.NoError(t, log.Close())
			}
		}},
		{"the base of an existing log is ignored", func(t *testing.T, s Subject) {
			require.NoError(t, open(t, s, 10).Close())
			log := open(t, s, 99)
			require.Equal(t, wal.Position(10), last(t, log))
			Write(t, log, 10, 1)
		}},
		{"close makes durable what was enqueued", func(t *testing.T, s Subject) {
			log := open(t, s, 0)
			pending := make([]wal.Pending, 20)
			for i := range pending {
				pending[i] = enqueue(t, log, Payload(wal.Position(i+1)))
			}
			require.NoError(t, log.Close())
			for i, p := range pending {
				at, err := p.Wait(t.Context())
				require.NoError(t, err)
				require.Equal(t, wal.Position(i+1), at)
			}
			ReadTo(t, tail(t, open(t, s, 0), 0), 0, 20)
		}},
		{"a closed log refuses everything", refusesWhenClosed},
		{"a reader gets what is durable, then that the log is closed", func(t *testing.T, s Subject) {
			log := open(t, s, 0)
			behind, waiting := tail(t, log, 0), tail(t, log, 40)
			ended := make(chan error)
			go func() {
				_, err := waiting.Next(t.Context())
				ended <- err
			}()
			Write(t, log, 0, 40)
			require.NoError(t, log.Close())
			require.ErrorIs(t, <-ended, wal.ErrClosed)
			ReadTo(t, behind, 0, 40)
			_, err := behind.Next(t.Context())
			require.ErrorIs(t, err, wal.ErrClosed)
		}},
		{"a poisoned log can be read, not written", poisoned},
	}
}

func refusesWhenClosed(t *testing.T, s Subject) {
	log := open(t, s, 0)
	Write(t, log, 0, 1)
	require.NoError(t, log.Close())
	require.NoError(t, log.Close(), "a second close")
	_, err := log.Enqueue(t.Context(), nil)
	require.ErrorIs(t, err, wal.ErrClosed)
	_, err = log.Tail(t.Context(), 0)
	require.ErrorIs(t, err, wal.ErrClosed)
	_, err = log.Last(t.Context())
	require.ErrorIs(t, err, wal.ErrClosed)
	require.ErrorIs(t, log.Release(t.Context(), 1), wal.ErrClosed)
	require.ErrorIs(t, log.Skip(t.Context(), 9), wal.ErrClosed)
}

func poisoned(t *testing.T, s Subject) {
	p, ok := s.(PoisonSubject)
	if !ok {
		t.Skip("this log cannot be made to fail")
	}
	log := open(t, s, 0)
	Write(t, log, 0, 10)
	r := tail(t, log, 0)
	p.Poison(t)
	at := failOnce(t, log)
	_, err := log.Enqueue(t.Context(), Payload(at))
	require.ErrorIs(t, err, wal.ErrPoisoned)
	_, err = log.Last(t.Context())
	require.ErrorIs(t, err, wal.ErrPoisoned)
	require.ErrorIs(t, log.Release(t.Context(), 5), wal.ErrPoisoned)
	require.ErrorIs(t, log.Skip(t.Context(), 50), wal.ErrPoisoned)
	ReadTo(t, r, 0, 10)
	_, err = r.Next(t.Context())
	require.ErrorIs(t, err, wal.ErrPoisoned)
	_ = log.Close() // it may say what had failed

	log = open(t, s, 0)
	got := last(t, log)
	require.Contains(t, []wal.Position{10, 11}, got, "what failed may be there or not")
	Write(t, log, got, 3)
	ReadTo(t, tail(t, log, 0), 0, got+3)
}

// failOnce writes a record into a log that cannot write and returns its
// position.
func failOnce(t *testing.T, log wal.Log) wal.Position {
	t.Helper()
	p, err := log.Enqueue(t.Context(), Payload(11))
	if err == nil {
		_, err = p.Wait(t.Context())
		require.ErrorIs(t, err, wal.ErrOutcomeUnknown)
	}
	require.ErrorIs(t, err, wal.ErrPoisoned)
	return 11
}
