package local_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/wal"
	"github.com/tidemark-db/tidemark/wal/local"
	"github.com/tidemark-db/tidemark/wal/waltest"
)

// A loss of power while positions are skipped leaves the log before or behind
// the skip: it never claims to end at a position without a record, and can skip
// again, also behind a header that was written for nothing.
func TestCrashAroundASkip(t *testing.T) {
	dir := fastDir(t)
	rec, err := fsx.NewRecorder(fsx.OS, dir)
	require.NoError(t, err)
	log, _ := mustOpen(t, dir, local.Options{FS: rec})
	waltest.Write(t, log, 0, 3)
	written := rec.Len()
	require.NoError(t, log.Skip(t.Context(), 20))
	waltest.Write(t, log, 20, 1)
	skipped := rec.Len()
	require.NoError(t, log.Close())

	for state := range fsx.CrashStates(rec) {
		if state.After < written {
			continue
		}
		clone := fastDir(t)
		require.NoError(t, state.LayOut(clone))
		log, r, err := local.Open(clone, local.Options{From: 1, AtLeast: 3})
		require.NoError(t, err, "%d operations, survived: %s", state.After, state.Survival)
		require.Contains(t, []wal.Position{3, 21}, r.Last)
		if state.After >= skipped {
			require.Equal(t, wal.Position(21), r.Last)
		}
		last, err := log.Last(t.Context())
		require.NoError(t, err)
		require.Equal(t, r.Last, last)
		require.NoError(t, log.Skip(t.Context(), 40))
		waltest.Write(t, log, 40, 1)
		require.NoError(t, log.Close())

		report, err := local.Verify(clone)
		require.NoError(t, err)
		require.Empty(t, report.Damage)
		require.Equal(t, wal.Position(41), report.Last)
		log, _ = mustOpen(t, clone, local.Options{From: 1, AtLeast: 41})
		reader, err := log.Tail(t.Context(), r.Last)
		require.NoError(t, err)
		waltest.ReadTo(t, reader, 40, 41)
		require.NoError(t, reader.Close())
		require.NoError(t, log.Close())
	}
}
