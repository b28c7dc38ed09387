package tidemark

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/wal"
)

// valueIn returns the value of a point in a frozen state, absent if it has none.
func valueIn(t testing.TB, f *Frozen, id uint64) int {
	row, ok, err := f.view.Get(num(id))
	require.NoError(t, err)
	if !ok {
		return absent
	}
	o, err := row.Payload()
	require.NoError(t, err)
	value, _ := o.Get("v")
	return int(value.Int())
}

func mustCut(t testing.TB, s *Store) *Cut {
	cut, err := s.Cut(testContext(t))
	require.NoError(t, err)
	t.Cleanup(cut.Release)
	return cut
}

func TestCutHasEverything(t *testing.T) {
	s := openTestStoreWith(t, memoryOptions(t))
	require.Empty(t, mustCut(t, s).Collections)
	createWith(t, s, "b", 1, 2)
	createWith(t, s, "a", 3)
	require.NoError(t, s.UpdateAliases(testContext(t), []AliasChange{{AliasCreate, "x", "b"}}))
	cut := mustCut(t, s)
	mustWrite(t, mustCollection(t, s, "a"), upsert(PointInput{ID: num(4)}))
	_, err := s.Drop(testContext(t), "b")
	require.NoError(t, err)
	require.Equal(t, []Alias{{"x", "b"}}, cut.Aliases)
	require.Len(t, cut.Collections, 2)
	for i, want := range []struct {
		name  string
		count int
	}{{"a", 1}, {"b", 2}} {
		f := cut.Collections[i]
		require.Equal(t, want.name, f.Collection())
		require.Equal(t, want.count, f.view.Count())
		require.NoError(t, prove(f.view))
		require.Same(t, f.view.Config, f.Config())
	}
	snap, err := copyFrozen(t, testContext(t), cut.Collections[1])
	require.NoError(t, err)
	require.NoError(t, restoreCopy(testContext(t), s, "b", snap))
	require.Equal(t, []uint64{1, 2}, idsOf(t, mustCollection(t, s, "b")))
	cut.Release()
	cut.Release()
	require.Empty(t, mustCollection(t, s, "a").pins.held)
}

func TestCutIsWholeOrFails(t *testing.T) {
	s, _, hold := heldRecovery(t)
	_, err := s.Cut(testContext(t))
	require.Equal(t, Unavailable, KindOf(err), "a collection recovers")
	close(hold)
	s.recovery.Wait()
	mustCut(t, s)
	require.NoError(t, s.Close(testContext(t)))
	_, err = s.Cut(testContext(t))
	require.Equal(t, Unavailable, KindOf(err))
}

// stalledLog is a log whose records become known to its reader only while it is
// let go: the applier lags behind what is durable and acknowledged.
type stalledLog struct {
	wal.Log
	turn chan struct{}
}

type stalledReader struct {
	wal.Reader
	turn chan struct{}
}

func (l *stalledLog) Tail(ctx context.Context, after wal.Position) (wal.Reader, error) {
	r, err := l.Log.Tail(ctx, after)
	return &stalledReader{r, l.turn}, err
}

func (r *stalledReader) Next(ctx context.Context) ([]wal.Record, error) {
	select {
	case <-r.turn:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return r.Reader.Next(ctx)
}

// stalledCollection returns a collection whose applier takes a group for each
// value that turn gets, and has taken its creation.
func stalledCollection(t *testing.T) (s *Store, c *Collection, turn chan struct{}) {
	turn = make(chan struct{}, 100)
	logs := newMemoryLogs()
	s = openTestStoreWith(t, Options{Dir: t.TempDir(), OpenLog: func(o LogOptions) (wal.Log, error) {
		l, err := logs.open(o)
		return &stalledLog{l, turn}, err
	}})
	t.Cleanup(func() { close(turn) }) // before the store is closed
	turn <- struct{}{}
	require.NoError(t, s.Create(testContext(t), "c", CreateSpec{}))
	return s, mustCollection(t, s, "c"), turn
}

func acknowledge(t testing.TB, c *Collection, id uint64) wal.Position {
	results, err := c.Write(testContext(t), []Operation{upsert(PointInput{ID: num(id)})}, WriteOptions{})
	require.NoError(t, err)
	return results[0].Position
}

// TestCutStandsAtTheMark: what was acknowledged and is not applied yet is in the
// cut; what comes later, in the same group of the applier, is not.
func TestCutStandsAtTheMark(t *testing.T) {
	s, c, turn := stalledCollection(t)
	acknowledge(t, c, 1)
	at := acknowledge(t, c, 2)
	_, marks, _, err := s.markAll()
	require.NoError(t, err)
	later := acknowledge(t, c, 3)
	_, more, _, err := s.markAll()
	require.NoError(t, err)
	last := acknowledge(t, c, 4)
	turn <- struct{}{} // all four are one group
	for want, m := range map[wal.Position]*cutMark{at: marks[0], later: more[0]} {
		p, err := m.wait(testContext(t))
		require.NoError(t, err)
		require.Equal(t, want, p.view.Through())
		p.release()
	}
	require.NoError(t, c.applied.wait(testContext(t), last))
	require.Equal(t, last, mustCut(t, s).Collections[0].Position())
}

func TestCutEndsWithItsContext(t *testing.T) {
	s, c, turn := stalledCollection(t)
	acknowledge(t, c, 1)
	ctx, cancel := context.WithCancel(testContext(t))
	cancel()
	_, err := s.Cut(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, c.marked.waiting)
	turn <- struct{}{}
	require.Equal(t, 1, mustView(t, c).Count())
}

func TestCutFailsWhenTheApplierHalts(t *testing.T) {
	s, c, turn := stalledCollection(t)
	require.NoError(t, c.enqueueMark(testContext(t), MarkEvent{At: 1, Digest: segments.Digest{1}}))
	acknowledge(t, c, 1)
	_, marks, _, err := s.markAll()
	require.NoError(t, err)
	turn <- struct{}{}
	_, err = marks[0].wait(testContext(t))
	require.Equal(t, Unavailable, KindOf(err))
	_, err = s.Cut(testContext(t))
	require.Equal(t, Unavailable, KindOf(err), "what was acknowledged will not be applied")
	require.ErrorContains(t, err, "cut collection c")
}

// TestTokensInCuts moves tokens between two collections while cuts are taken. A
// token is inserted with the next number before its old place is deleted, or the
// other way round; each step is acknowledged before the next begins. So each cut
// must show each token just once at its highest number, beside at most the copy
// before, and never the other kind at two places.
func TestTokensInCuts(t *testing.T) {
	s, err := openOnFiles(t, t.TempDir(), fsx.OS)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close(testContext(t))) }()
	createWith(t, s, "a")
	createWith(t, s, "b")
	places := []*Collection{mustCollection(t, s, "a"), mustCollection(t, s, "b")}
	const movers, perMover = 8, 4
	put := func(ctx context.Context, place int, token uint64, number int) error {
		op := upsert(PointInput{ID: num(token), Payload: object(t, "v", number)})
		_, err := places[place].Write(ctx, []Operation{op}, WriteOptions{Wait: rand.IntN(2) == 0})
		return err
	}
	remove := func(ctx context.Context, place int, token uint64) error {
		op := &Delete{Selector: Selector{IDs: []segments.PointID{num(token)}}}
		_, err := places[place].Write(ctx, []Operation{op}, WriteOptions{Wait: rand.IntN(2) == 0})
		return err
	}
	for token := range uint64(movers * perMover) {
		require.NoError(t, put(testContext(t), 0, token, 0))
	}
	ctx, stop := context.WithCancel(context.Background())
	var group sync.WaitGroup
	for m := range uint64(movers) {
		group.Go(func() {
			for number := 1; ctx.Err() == nil; number++ {
				for token := m * perMover; token < (m+1)*perMover; token++ {
					from, to := (number+1)%2, number%2
					var first, second error
					if insertsFirst(token) {
						first, second = put(context.Background(), to, token, number), remove(context.Background(), from, token)
					} else {
						first, second = remove(context.Background(), from, token), put(context.Background(), to, token, number)
					}
					if first != nil || second != nil {
						t.Error(first, second)
						return
					}
				}
			}
		})
	}
	seen := make(map[uint64]int)
	for range 60 {
		cut, err := s.Cut(testContext(t))
		require.NoError(t, err)
		for token := range uint64(movers * perMover) {
			a, b := valueIn(t, cut.Collections[0], token), valueIn(t, cut.Collections[1], token)
			newest, other := max(a, b), min(a, b)
			switch {
			case insertsFirst(token):
				require.NotEqual(t, absent, newest, "token %d is nowhere", token)
				require.Contains(t, []int{absent, newest - 1}, other, "token %d is at numbers %d and %d", token, a, b)
			default:
				require.Equal(t, absent, other, "token %d is at two places, numbers %d and %d", token, a, b)
			}
			require.True(t, newest == absent || newest >= seen[token], "token %d went back from %d to %d", token, seen[token], newest)
			seen[token] = max(seen[token], newest)
		}
		cut.Release()
	}
	stop()
	group.Wait()
}

func insertsFirst(token uint64) bool { return token%2 == 0 }

// pairState is a value in each of two collections.
type pairState [2]int

type pairInput struct {
	cut          bool
	place, value int
}

var pairModel = porcupine.Model{
	Init: func() any { return pairState{absent, absent} },
	Step: func(state, input, output any) (bool, any) {
		s, in := state.(pairState), input.(pairInput)
		if in.cut {
			return output.(pairState) == s, s
		}
		s[in.place] = in.value
		return true, s
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v -> %v", input, output) },
}

// TestCutsAreLinearizable: writes to two collections, with and without waiting for
// apply, and cuts of both, look as if they had come one after the other.
func TestCutsAreLinearizable(t *testing.T) {
	s := openTestStoreWith(t, memoryOptions(t))
	createWith(t, s, "a")
	for i := range 100 { // so that a cut takes its time between the two
		createWith(t, s, fmt.Sprintf("between %d", i))
	}
	createWith(t, s, "z")
	places := []*Collection{mustCollection(t, s, "a"), mustCollection(t, s, "z")}
	call := func(in pairInput) (out pairState) {
		if !in.cut {
			op := upsert(PointInput{ID: num(1), Payload: object(t, "v", in.value)})
			if _, err := places[in.place].Write(t.Context(), []Operation{op}, WriteOptions{Wait: rand.IntN(2) == 0}); err != nil {
				t.Error(err)
			}
			return out
		}
		cut, err := s.Cut(t.Context())
		if err != nil {
			t.Error(err)
			return out
		}
		defer cut.Release()
		return pairState{valueIn(t, cut.Collections[0], 1), valueIn(t, cut.Collections[len(cut.Collections)-1], 1)}
	}
	const clients, calls = 6, 100
	var mu sync.Mutex
	var history []porcupine.Operation
	start := time.Now()
	var group sync.WaitGroup
	for client := range clients {
		group.Go(func() {
			for i := range calls {
				in := pairInput{cut: rand.IntN(3) == 0, place: rand.IntN(2), value: client*calls + i}
				called := time.Since(start)
				out := call(in)
				returned := time.Since(start)
				mu.Lock()
				history = append(history, porcupine.Operation{ClientId: client, Input: in, Call: int64(called), Output: out, Return: int64(returned)})
				mu.Unlock()
			}
		})
	}
	group.Wait()
	require.Equal(t, porcupine.Ok, porcupine.CheckOperationsTimeout(pairModel, history, 30*time.Second))
}

// TestCutIsAnInstant: while one who makes something known is at it a cut waits, and
// while a cut is made nothing becomes known: no answer and no view.
func TestCutIsAnInstant(t *testing.T) {
	s := openTestStoreWith(t, memoryOptions(t))
	createWith(t, s, "c")
	c := mustCollection(t, s, "c")
	write := func(wait bool) func() error {
		return func() error {
			_, err := c.Write(context.Background(), []Operation{upsert(PointInput{ID: num(1)})}, WriteOptions{Wait: wait})
			return err
		}
	}
	cut := func() error {
		cut, err := s.Cut(context.Background())
		if err == nil {
			cut.Release()
		}
		return err
	}
	view := func() error { // published, whoever is answered
		if err := c.enqueueMark(context.Background(), MarkEvent{At: 1 << 40}); err != nil {
			return err
		}
		last, err := c.log.Last(context.Background())
		if err != nil {
			return err
		}
		return c.applied.wait(context.Background(), last)
	}
	lock := &s.shared.cut
	for name, tc := range map[string]struct {
		hold, free func()
		do         func() error
	}{
		"a cut":                         {lock.RLock, lock.RUnlock, cut},
		"an answer":                     {lock.Lock, lock.Unlock, write(false)},
		"an answer after apply":         {lock.Lock, lock.Unlock, write(true)},
		"a view that was not asked for": {lock.Lock, lock.Unlock, view},
	} {
		t.Run(name, func(t *testing.T) {
			var free atomic.Bool
			early := make(chan bool, 1)
			tc.hold()
			go func() {
				if err := tc.do(); err != nil {
					t.Error(err)
				}
				early <- !free.Load()
			}()
			for range 20_000 { // who does not wait for the lock has the time to be done
				runtime.Gosched()
			}
			free.Store(true)
			tc.free()
			require.False(t, <-early)
		})
	}
}

// TestMarkLiesWhereTheApplierStillComesBy: the applier is at work on a group, and
// its state may have passed what was acknowledged.
func TestMarkLiesWhereTheApplierStillComesBy(t *testing.T) {
	s, c, turn := stalledCollection(t)
	first := acknowledge(t, c, 1)
	last := acknowledge(t, c, 2)
	group := []wal.Record{{Position: first}, {Position: last}, {Position: last + 1}}
	require.Equal(t, 3, c.marked.begin(group))
	_, marks, _, err := s.markAll()
	require.NoError(t, err)
	require.Equal(t, last+1, marks[0].at)
	turn <- struct{}{}
	require.NoError(t, c.applied.wait(testContext(t), last))
	c.marked.cancel(marks[0])
}
