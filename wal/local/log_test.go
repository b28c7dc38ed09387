package local_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/wal"
	"github.com/tidemark-db/tidemark/wal/local"
	"github.com/tidemark-db/tidemark/wal/waltest"
)

type subject struct {
	dir     string
	options local.Options
	faults  *fsx.Faults // of the log opened last
}

func (s *subject) Open(t *testing.T, base wal.Position) wal.Log {
	o := s.options
	s.faults = fsx.NewFaults(fsx.OS)
	o.Base, o.FS = base, s.faults
	log, _, err := local.Open(s.dir, o)
	require.NoError(t, err)
	return log
}

func (s *subject) Poison(*testing.T) {
	s.faults.Inject(fsx.Rule{Kinds: []fsx.Kind{fsx.KindLogSync}})
}

func TestConformance(t *testing.T) {
	for name, o := range map[string]local.Options{
		"defaults":          {},
		"small generations": {SegmentBytes: 32 << 10, MaxGroupBytes: 8 << 10},
		"no memory":         {TailBytes: 1, SegmentBytes: 64 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			waltest.Run(t, func(t *testing.T) waltest.Subject {
				return &subject{dir: fastDir(t), options: o}
			})
		})
	}
}

// TestAWaitEndsWithItsContext: another writer holds the disk up. Whoever gives up
// waiting is told at once that the outcome is unknown, and the record stays.
func TestAWaitEndsWithItsContext(t *testing.T) {
	log, _ := mustOpen(t, fastDir(t), local.Options{})
	release := log.Hold()
	pending, err := log.Enqueue(t.Context(), []byte("x"))
	require.NoError(t, err)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = pending.Wait(ended)
	require.ErrorIs(t, err, wal.ErrOutcomeUnknown)
	require.ErrorIs(t, err, context.Canceled)
	release()
	p, err := pending.Wait(t.Context())
	require.NoError(t, err)
	require.Equal(t, wal.Position(1), p)
	require.NoError(t, log.Close())
}
