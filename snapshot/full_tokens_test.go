package snapshot

import (
	"context"
	"net/url"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/segments"
)

// The tokens test takes so many snapshots unless the environment says otherwise.
const (
	tokenSnapshots    = 30
	tokenSnapshotsEnv = "TIDEMARK_TOKEN_SNAPSHOTS"
	tokens            = 40
)

// TestTokensMoveBetweenCollections moves tokens from one collection to another and
// back while snapshots of the whole storage are taken. Each move has a number, which
// stands in the token. A token is put where it goes before it is removed from where
// it was; half of the puts do not wait to be applied. So at every instant a token is
// in one collection, or in two with numbers that follow each other, of which the
// higher one counts. A snapshot that shows anything else is of no instant.
func TestTokensMoveBetweenCollections(t *testing.T) {
	rounds := tokenSnapshots
	if text := os.Getenv(tokenSnapshotsEnv); text != "" {
		n, err := strconv.Atoi(text)
		require.NoError(t, err)
		rounds = n
	}
	s := startServer(t, t.TempDir())
	defer s.stop()
	names := []string{"a", "b"}
	for _, name := range names {
		s.create(name)
	}
	for id := range uint64(tokens) {
		require.NoError(t, putToken(s.collection("a"), id, 0, true))
	}
	var stop atomic.Bool
	var moves atomic.Int64
	var movers sync.WaitGroup
	errs := make(chan error, tokens)
	for id := range uint64(tokens) {
		movers.Go(func() {
			errs <- s.move(id, names, &stop, &moves)
		})
	}
	ctx := context.Background()
	inBoth := 0
	for range rounds {
		before := moves.Load()
		info, err := s.manager.CreateFull(ctx, CreateOptions{})
		require.NoError(t, err)
		inBoth += s.requireTokens(ctx, info.Name)
		require.NoError(t, s.manager.DeleteFull(ctx, info.Name))
		require.Eventually(t, func() bool { return moves.Load() > before }, time.Minute, time.Millisecond, "the movers stand still")
	}
	stop.Store(true)
	movers.Wait()
	for range tokens {
		require.NoError(t, <-errs)
	}
	t.Logf("%d snapshots, %d moves; in %d cases a token was on its way and in both collections", rounds, moves.Load(), inBoth)
}

// move moves a token to and fro until it is to stop.
func (s *server) move(id uint64, names []string, stop *atomic.Bool, moves *atomic.Int64) error {
	for n := 0; !stop.Load(); n++ {
		from, to := s.collection(names[n%2]), s.collection(names[(n+1)%2])
		if err := putToken(to, id, n+1, n%4 < 2); err != nil {
			return err
		}
		if err := remove(from, id); err != nil {
			return err
		}
		moves.Add(1)
	}
	return nil
}

func putToken(c *tidemark.Collection, id uint64, move int, wait bool) error {
	op := &tidemark.Upsert{Points: []tidemark.PointInput{{ID: segments.NumberID(id), Vectors: []tidemark.NamedVector{{
		Vector: tidemark.VectorInput{Kind: segments.Dense, Dense: []float32{float32(move), 1, 2, 3}},
	}}}}}
	_, err := c.Write(context.Background(), []tidemark.Operation{op}, tidemark.WriteOptions{Wait: wait})
	return err
}

// requireTokens restores a snapshot under other names, which takes nothing from
// those who move, and returns how many tokens are in both collections.
func (s *server) requireTokens(ctx context.Context, name string) (inBoth int) {
	s.t.Helper()
	src := Source{Location: &url.URL{Path: name}}
	require.NoError(s.t, s.manager.RestoreFull(ctx, src, FullOptions{
		Collections: []string{"a", "b"}, Rename: map[string]string{"a": "old-a", "b": "old-b"},
	}))
	a, b := s.tokensOf(ctx, "old-a"), s.tokensOf(ctx, "old-b")
	for id := range uint64(tokens) {
		inA, okA := a[id]
		inB, okB := b[id]
		require.True(s.t, okA || okB, "token %d is in neither collection", id)
		if okA && okB {
			require.InDelta(s.t, inA, inB, 1, "token %d is in both, and not on its way", id)
			require.NotEqual(s.t, inA, inB)
			inBoth++
		}
	}
	return inBoth
}

// tokensOf returns the numbers of the moves of the tokens in a collection.
func (s *server) tokensOf(ctx context.Context, name string) map[uint64]float32 {
	s.t.Helper()
	v, err := s.collection(name).View(ctx)
	require.NoError(s.t, err)
	defer v.Release()
	found := make(map[uint64]float32)
	for id := range uint64(tokens) {
		row, ok, err := v.Get(segments.NumberID(id))
		require.NoError(s.t, err)
		if !ok {
			continue
		}
		data, _, err := row.Vector(v.Config.Schema[0].Key)
		require.NoError(s.t, err)
		vector, err := segments.DecodeDense(segments.Float32, data, nil)
		require.NoError(s.t, err)
		found[id] = vector[0]
	}
	return found
}
