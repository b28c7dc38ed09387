package waltest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/wal"
)

func skips() []check {
	return []check{
		{"no record gets a position that was skipped", func(t *testing.T, s Subject) {
			log := open(t, s, 0)
			Write(t, log, 0, 5)
			require.NoError(t, log.Skip(t.Context(), 100))
			require.NoError(t, log.Skip(t.Context(), 50), "fewer changes nothing")
			require.Equal(t, wal.Position(5), last(t, log), "there is no record yet")
			Write(t, log, 100, 5)
			require.NoError(t, log.Skip(t.Context(), 105), "the present end changes nothing")
			Write(t, log, 105, 5)
			readOver(t, tail(t, log, 0), 5, 100, 110)
			readOver(t, tail(t, log, 3), 5, 100, 110)
			ReadTo(t, tail(t, log, 70), 100, 110)
		}},
		{"what was enqueued before a skip keeps its position", func(t *testing.T, s Subject) {
			log := open(t, s, 0)
			before := enqueue(t, log, Payload(1))
			require.NoError(t, log.Skip(t.Context(), 9))
			after := enqueue(t, log, Payload(10))
			for want, p := range map[wal.Position]wal.Pending{1: before, 10: after} {
				got, err := p.Wait(t.Context())
				require.NoError(t, err)
				require.Equal(t, want, got)
			}
			readOver(t, tail(t, log, 0), 1, 9, 10)
		}},
		{"a reader that waits goes on behind a skip", func(t *testing.T, s Subject) {
			log := open(t, s, 0)
			Write(t, log, 0, 3)
			r := tail(t, log, 0)
			ReadTo(t, r, 0, 3)
			require.NoError(t, log.Skip(t.Context(), 20))
			Write(t, log, 20, 3)
			ReadTo(t, r, 20, 23)
		}},
		{"a skip that no record followed is forgotten by a restart", func(t *testing.T, s Subject) {
			log := open(t, s, 0)
			Write(t, log, 0, 3)
			require.NoError(t, log.Skip(t.Context(), 20))
			require.NoError(t, log.Close())
			log = open(t, s, 0)
			require.Equal(t, wal.Position(3), last(t, log))
			Write(t, log, 3, 1)
		}},
		{"a skip survives a restart, and the release of what lies before it", func(t *testing.T, s Subject) {
			log := open(t, s, 0)
			Write(t, log, 0, 3)
			require.NoError(t, log.Skip(t.Context(), 20))
			Write(t, log, 20, 3)
			require.NoError(t, log.Release(t.Context(), 3))
			ReadTo(t, tail(t, log, 3), 20, 23)
			require.NoError(t, log.Close())
			log = open(t, s, 0)
			require.Equal(t, wal.Position(23), last(t, log))
			ReadTo(t, tail(t, log, 3), 20, 23)
			Write(t, log, 23, 1)
		}},
		{"an empty log can begin with a skip", func(t *testing.T, s Subject) {
			log := open(t, s, 7)
			require.NoError(t, log.Skip(t.Context(), 20))
			require.NoError(t, log.Skip(t.Context(), 30))
			require.Equal(t, wal.Position(7), last(t, log))
			Write(t, log, 30, 1)
			ReadTo(t, tail(t, log, 7), 30, 31)
		}},
		{"no position is left behind the highest", func(t *testing.T, s Subject) {
			log := open(t, s, 0)
			require.ErrorIs(t, log.Skip(t.Context(), wal.MaxPosition), wal.ErrExhausted)
			Write(t, log, 0, 1)
		}},
	}
}

// readOver reads from the first record on, over the positions in (end, skipped].
func readOver(t *testing.T, r wal.Reader, end, skipped, to wal.Position) {
	t.Helper()
	var got []wal.Position
	for len(got) == 0 || got[len(got)-1] < to {
		records, err := r.Next(t.Context())
		require.NoError(t, err)
		for _, rec := range records {
			require.Equal(t, Payload(rec.Position), rec.Payload)
			require.False(t, rec.Position > end && rec.Position <= skipped, "position %d was skipped", rec.Position)
			got = append(got, rec.Position)
		}
	}
	require.Contains(t, got, end)
	require.Equal(t, int(to-skipped), len(got)-indexOf(got, end)-1, "all behind the gap")
	require.IsIncreasing(t, got)
}

func indexOf(ps []wal.Position, p wal.Position) int {
	for i := range ps {
		if ps[i] == p {
			return i
		}
	}
	return -1
}
