package tidemark

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
)

// requireMerged waits for a merge, less long than the time after which the
// committer would look by itself.
func requireMerged(t *testing.T, s *Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(testContext(t), checkInterval/2)
	defer cancel()
	select {
	case err := <-s.options.Observer.(*merges).ended:
		require.NoError(t, err)
	case <-ctx.Done():
		require.Fail(t, "no merge began")
	}
}

// mergeDue makes n segments with some points that were replaced, which are the
// reason for a merge of each, or for one of all if they are many.
func mergeDue(t *testing.T, s *Store, name string, n uint64) *Collection {
	require.NoError(t, s.Create(testContext(t), name, CreateSpec{}))
	c, err := s.Collection(name)
	require.NoError(t, err)
	for i := range n {
		mustWrite(t, c, upsert(PointInput{ID: num(10 * i)}, PointInput{ID: num(10*i + 1)}))
		require.NoError(t, checkpointNow(testContext(t), c))
	}
	for i := range n {
		mustWrite(t, c, upsert(PointInput{ID: num(10 * i)}))
	}
	require.NoError(t, checkpointNow(testContext(t), c))
	return c
}

func TestMergeFollowsMerge(t *testing.T) {
	s, err := openOnFiles(t, t.TempDir(), fsx.OS)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close(testContext(t))) }()
	c := mergeDue(t, s, "c", 2)
	requireMerged(t, s)
	requireMerged(t, s)
	require.Equal(t, 4, mustView(t, c).Count())
}

// TestMergeOfAnIdleCollectionWaitsForTheTurn: what writes nothing more has its
// merge as soon as another collection's is over.
func TestMergeOfAnIdleCollectionWaitsForTheTurn(t *testing.T) {
	s, err := openOnFiles(t, t.TempDir(), fsx.OS)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close(testContext(t))) }()
	s.shared.merging <- struct{}{} // as another collection's merge does
	c := mergeDue(t, s, "c", 6)
	require.Empty(t, s.options.Observer.(*merges).ended)
	<-s.shared.merging
	requireMerged(t, s)
	require.Equal(t, 12, mustView(t, c).Count())
	select {
	case s.shared.merging <- struct{}{}: // the turn is given back
	case <-time.After(checkInterval / 2):
		require.Fail(t, "the turn is kept")
	}
}
