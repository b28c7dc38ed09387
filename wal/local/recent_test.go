package local_test

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/wal"
	"github.com/tidemark-db/tidemark/wal/local"
	"github.com/tidemark-db/tidemark/wal/waltest"
)

// TestReadersThatKeepUpNeedNoFile lets the files be unreadable: what was just
// committed comes from memory, as far as the budget for that goes.
func TestReadersThatKeepUpNeedNoFile(t *testing.T) {
	for name, tc := range map[string]struct {
		tailBytes int
		fails     error
	}{
		"within the budget": {1 << 20, nil},
		"beyond the budget": {3 * block, syscall.EIO},
	} {
		t.Run(name, func(t *testing.T) {
			faults := fsx.NewFaults(fsx.OS)
			log, _ := mustOpen(t, fastDir(t), local.Options{FS: faults, TailBytes: tc.tailBytes})
			defer func() { require.NoError(t, log.Close()) }()
			r, err := log.Tail(t.Context(), 0)
			require.NoError(t, err)
			defer func() { require.NoError(t, r.Close()) }()
			faults.Inject(fsx.Rule{Kinds: []fsx.Kind{fsx.KindOpen, fsx.KindRead}})
			for range 2 { // one after the other: the reader keeps up
				waltest.Write(t, log, last(t, log), 1)
				_, err := r.Next(t.Context())
				require.NoError(t, err)
			}
			for range 8 { // it is left behind by eight groups
				waltest.Write(t, log, last(t, log), 1)
			}
			_, err = r.Next(t.Context())
			require.ErrorIs(t, err, tc.fails)
			faults.Clear()
		})
	}
}

func last(t *testing.T, log wal.Log) wal.Position {
	p, err := log.Last(t.Context())
	require.NoError(t, err)
	return p
}

// TestReadersOutliveWhatTheyHaveRead releases the generation in which a reader
// stands, all of which it has been given, while what follows is in the files
// only: the reader goes on there, for nothing that it needs is gone.
func TestReadersOutliveWhatTheyHaveRead(t *testing.T) {
	for name, tailBytes := range map[string]int{
		"the last group came from memory": 3 * block,
		"the last group came from a file": 1,
	} {
		t.Run(name, func(t *testing.T) {
			// Each group gets a generation of its own.
			log, _ := mustOpen(t, fastDir(t), local.Options{SegmentBytes: 1, TailBytes: tailBytes})
			defer func() { require.NoError(t, log.Close()) }()
			r, err := log.Tail(t.Context(), 0)
			require.NoError(t, err)
			defer func() { require.NoError(t, r.Close()) }()
			next := func() wal.Position {
				records, err := r.Next(t.Context())
				require.NoError(t, err)
				return records[len(records)-1].Position
			}
			waltest.Write(t, log, 0, 1)
			require.Equal(t, wal.Position(1), next())
			waltest.Write(t, log, 1, 8) // more than memory is kept for
			require.NoError(t, log.Quiesce(t.Context()))
			require.NoError(t, log.Release(t.Context(), 1))
			require.Equal(t, wal.Position(2), next())
			require.NoError(t, log.Release(t.Context(), 3)) // the reader needs 3
			_, err = r.Next(t.Context())
			require.ErrorIs(t, err, wal.ErrReleased)
		})
	}
}
