package snapshot

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tidemark-db/tidemark/snapshot/blob"
)

func TestSnapshotNames(t *testing.T) {
	for collection, want := range map[string]string{
		"my-collection": "my-collection-42-2026-11-24-10-53-37-4711.snapshot",
		"ü b%":          "ü b%-42-2026-11-24-10-53-37-4711.snapshot",
		"a/b":           "a_b-42-2026-11-24-10-53-37-4711.snapshot",
		".hidden":       "_hidden-42-2026-11-24-10-53-37-4711.snapshot",
	} {
		require.Equal(t, want, snapshotName(collection, 42, testNow, 4711, 1))
		require.Equal(t, strings.TrimSuffix(want, ".snapshot")+"-2.snapshot", snapshotName(collection, 42, testNow, 4711, 2))
	}
	rapid.Check(t, func(t *rapid.T) {
		collection := rapid.StringN(1, 255, -1).Draw(t, "collection")
		name := snapshotName(collection, 1<<53-1, testNow, 1<<53-1, maxNumber)
		require.True(t, blob.ValidName(name), "%q", name)
	})
}

// TestPace writes at the rate while writes wait, and at once otherwise.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		busy := true
		p := &pace{rate: 1000, busy: func() bool { return busy }}
		var out bytes.Buffer
		w := p.writer(context.Background(), &out)
		began := time.Now()
		for range 10 {
			_, err := w.Write(make([]byte, 500))
			require.NoError(t, err)
		}
		require.Equal(t, 4500*time.Millisecond, time.Since(began), "the first goes at once")
		busy = false
		began = time.Now()
		_, err := w.Write(make([]byte, 1_000_000))
		require.NoError(t, err)
		require.Zero(t, time.Since(began))
		require.Equal(t, 1_005_000, out.Len())

		busy = true
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		w = p.writer(ctx, &out)
		_, err = w.Write(make([]byte, 10_000))
		require.NoError(t, err)
		_, err = w.Write([]byte("x"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestPacedReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pace{rate: 1000, busy: func() bool { return true }}
		began := time.Now()
		src := iotest.OneByteReader(bytes.NewReader(make([]byte, 2000)))
		n, err := io.Copy(io.Discard, p.reader(context.Background(), src))
		require.NoError(t, err)
		require.EqualValues(t, 2000, n)
		require.Equal(t, 1999*time.Millisecond, time.Since(began))
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, err = p.reader(ctx, src).Read(make([]byte, 1))
		require.ErrorIs(t, err, context.Canceled)
	})
}

// TestTurns holds one key once, and no more keys than there are slots.
func TestTurns(t *testing.T) {
	turns := newTurns(2)
	var mu sync.Mutex
	held, total, most := map[string]int{}, 0, 0
	var group sync.WaitGroup
	for i := range 60 {
		key := string(rune('a' + i%4))
		group.Go(func() {
			release, err := turns.take(context.Background(), key)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			held[key]++
			total++
			most = max(most, total)
			if held[key] > 1 || total > 2 {
				t.Errorf("%s is held %d times, %d in all", key, held[key], total)
			}
			mu.Unlock()
			mu.Lock()
			held[key]--
			total--
			mu.Unlock()
			release()
		})
	}
	group.Wait()
	require.Empty(t, turns.keys)
	require.Empty(t, turns.slots)
}

// TestTurnsGivenUp frees the key of one who did not get a slot.
func TestTurnsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(1)
		release, err := turns.take(context.Background(), "a")
		require.NoError(t, err)
		var group sync.WaitGroup
		defer group.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		group.Go(func() { // has the key, waits for the slot
			if _, err := turns.take(ctx, "b"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("took a slot that was taken: %v", err)
			}
		})
		synctest.Wait()
		group.Go(func() { // waits for the key
			release, err := turns.take(context.Background(), "b")
			if err == nil {
				release()
			}
		})
		synctest.Wait()
		time.Sleep(2 * time.Second) //nolint:forbidigo // the time of the bubble, which ends the first
		release()
	})
}

// TestTurnsInOrder serves who came first, and forgets who gave up.
func TestTurnsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(1)
		release, err := turns.take(context.Background(), "k")
		require.NoError(t, err)
		var order []int
		var group sync.WaitGroup
		for i := range 5 {
			ctx, cancel := context.WithCancel(context.Background())
			group.Go(func() {
				defer cancel()
				release, err := turns.take(ctx, "k")
				if err == nil {
					order = append(order, i)
					release()
				}
			})
			synctest.Wait() // it waits now
			if i == 2 {
				cancel()
				synctest.Wait()
			}
		}
		release()
		group.Wait()
		require.Equal(t, []int{0, 1, 3, 4}, order)
		require.Empty(t, turns.keys)
	})
}
