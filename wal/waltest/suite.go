package waltest

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/wal"
)

// Subject is a kind of log under test.
type Subject interface {
	// Open opens the log of this subject; its first record lies above base if
	// the log is new. It may be called again after Close of the log that it
	// returned before, and then finds the same records.
	Open(t *testing.T, base wal.Position) wal.Log
}

// PoisonSubject is a Subject whose logs can be made to fail.
type PoisonSubject interface {
	Subject
	// Poison makes all later writes of the log opened last fail.
	Poison(t *testing.T)
}

// Run checks that the logs which fresh returns keep the contract of wal.Log.
// Each call of fresh returns a subject without records.
func Run(t *testing.T, fresh func(t *testing.T) Subject) {
	t.Helper()
	for _, group := range [][]check{writes(), tails(), releases(), skips(), endings()} {
		for _, c := range group {
			t.Run(c.name, func(t *testing.T) { c.run(t, fresh(t)) })
		}
	}
}

type check struct {
	name string
	run  func(t *testing.T, s Subject)
}

// Payload is the record that the suite writes at position p: its length and
// content depend on p alone, so that a wrong record is seen at once.
func Payload(p wal.Position) []byte {
	b := fmt.Appendf(nil, "record %d ", p)
	for i := range int(p*37) % 900 {
		b = append(b, byte(int(p)+i))
	}
	return b
}

// Write appends n records after position last and waits for each.
func Write(t testing.TB, log wal.Log, last wal.Position, n int) wal.Position {
	t.Helper()
	require.NoError(t, write(t.Context(), log, last, n))
	return last + wal.Position(n)
}

// write is Write for goroutines other than the test's.
func write(ctx context.Context, log wal.Log, last wal.Position, n int) error {
	for p := last + 1; p <= last+wal.Position(n); p++ {
		pending, err := log.Enqueue(ctx, Payload(p))
		if err != nil {
			return err
		}
		at, err := pending.Wait(ctx)
		if err != nil {
			return err
		}
		if at != p {
			return fmt.Errorf("position %d instead of %d", at, p)
		}
	}
	return nil
}

// ReadTo reads with r, which stands at after, until position to and checks
// that the records are those of Payload, without a gap.
func ReadTo(t testing.TB, r wal.Reader, after, to wal.Position) {
	t.Helper()
	require.NoError(t, readTo(t.Context(), r, after, to))
}

// readTo is ReadTo for goroutines other than the test's. It returns the error
// of Next as it is.
func readTo(ctx context.Context, r wal.Reader, after, to wal.Position) error {
	for after < to {
		records, err := r.Next(ctx)
		if err != nil {
			return err
		}
		if len(records) == 0 {
			return fmt.Errorf("no records after %d and no error", after)
		}
		for _, rec := range records {
			after++
			if rec.Position != after {
				return fmt.Errorf("record %d where %d is next", rec.Position, after)
			}
			if !bytes.Equal(Payload(after), rec.Payload) {
				return fmt.Errorf("record %d has a wrong payload of %d bytes", after, len(rec.Payload))
			}
		}
	}
	return nil
}

func enqueue(t testing.TB, log wal.Log, payload []byte) wal.Pending {
	t.Helper()
	p, err := log.Enqueue(t.Context(), payload)
	require.NoError(t, err)
	return p
}

func tail(t testing.TB, log wal.Log, after wal.Position) wal.Reader {
	t.Helper()
	r, err := log.Tail(t.Context(), after)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

func last(t testing.TB, log wal.Log) wal.Position {
	t.Helper()
	p, err := log.Last(t.Context())
	require.NoError(t, err)
	return p
}

func open(t *testing.T, s Subject, base wal.Position) wal.Log {
	t.Helper()
	log := s.Open(t, base)
	t.Cleanup(func() { _ = log.Close() }) // most checks close it themselves
	return log
}

func cancelled(t testing.TB) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// together runs n functions at once and waits for them.
func together(n int, f func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(i) })
	}
	all.Wait()
}
