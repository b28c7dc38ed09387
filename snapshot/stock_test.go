package snapshot

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// stockBook remembers what was counted last.
type stockBook struct{ told chan Stock }

// keepStock lets the Manager of a house count.
func (h *house) keepStock() stockBook {
	b := stockBook{make(chan Stock, 1)}
	h.options.Stock = func(collection string, s Stock) {
		if collection != "c" {
			return
		}
		select {
		case <-b.told: // nobody wants to know that any more
		default:
		}
		b.told <- s
	}
	return b
}

// await returns the first count that is as wanted.
func (b stockBook) await(t *testing.T, wanted func(Stock) bool) Stock {
	t.Helper()
	for {
		select {
		case s := <-b.told:
			if wanted(s) {
				return s
			}
		case <-t.Context().Done():
			require.Fail(t, "it was not counted")
		case <-time.After(time.Minute):
			require.Fail(t, "it was not counted")
		}
	}
}

func holding(n int) func(Stock) bool { return func(s Stock) bool { return s.Snapshots == n } }

func TestStockIsCounted(t *testing.T) {
	h := newVerifier(t)
	book := h.keepStock()
	first := h.create(t)
	s := book.await(t, holding(1))
	require.Equal(t, Stock{Snapshots: 1, Bytes: first.Size, Newest: first.Created, NewestSize: first.Size, NewestPosition: 7}, s)

	h.engine.set("c", fakeCollection{config: `{"size":4}`, position: 9, salt: 3})
	second := h.create(t)
	s = book.await(t, holding(2))
	require.Equal(t, first.Size+second.Size, s.Bytes)
	require.EqualValues(t, 9, s.NewestPosition)

	require.NoError(t, h.Delete(context.Background(), "c", second.Name))
	require.EqualValues(t, 7, book.await(t, holding(1)).NewestPosition)
	require.NoError(t, h.Delete(context.Background(), "c", first.Name))
	require.Equal(t, Stock{}, book.await(t, holding(0)))

	// What somebody else put there is found when it is asked for.
	require.NoError(t, os.WriteFile(filepath.Join(h.dir, "c", "mine.snapshot"), []byte("junk"), 0o640))
	h.CountStored("c", "d", "c")
	s = book.await(t, holding(1))
	require.EqualValues(t, 4, s.Bytes)
	require.Zero(t, s.NewestPosition)
}

func TestStockKnowsDamage(t *testing.T) {
	h := newVerifier(t)
	book := h.keepStock()
	info := h.create(t)
	path := filepath.Join(h.dir, "c", info.Name)
	good := h.read(t, info.Name)
	bad := bytes.Clone(good)
	bad[len(bad)-4000] ^= 1
	require.NoError(t, os.WriteFile(path, bad, 0o640))
	_, err := h.verify(info.Name, LevelStructure)
	require.Error(t, err)
	s := book.await(t, func(s Stock) bool { return s.Damaged == 1 })
	require.Zero(t, s.Verified)

	require.NoError(t, os.WriteFile(path, good, 0o640))
	_, err = h.verify(info.Name, LevelState)
	require.NoError(t, err)
	s = book.await(t, func(s Stock) bool { return s.Damaged == 0 && !s.Verified.IsZero() })
	require.Equal(t, testNow, s.Verified)
}

// TestStockOfReceipts: damage is refuted by a later look that is no less close.
func TestStockOfReceipts(t *testing.T) {
	at := func(hour int, level Level, text string) Receipt {
		return Receipt{Level: level, At: testNow.Add(time.Duration(hour) * time.Hour), Error: text}
	}
	for name, tt := range map[string]struct {
		receipts []Receipt
		damaged  int
		verified int // hour
	}{
		"none":            {},
		"in order":        {receipts: []Receipt{at(1, LevelBytes, ""), at(2, LevelState, "")}, verified: 2},
		"damaged":         {receipts: []Receipt{at(1, LevelBytes, "bad"), at(2, LevelState, "bad")}, damaged: 1},
		"damaged since":   {receipts: []Receipt{at(1, LevelState, ""), at(2, LevelBytes, "bad")}, damaged: 1, verified: 1},
		"looked closer":   {receipts: []Receipt{at(1, LevelBytes, "bad"), at(2, LevelState, "")}, verified: 2},
		"looked less":     {receipts: []Receipt{at(2, LevelBytes, ""), at(1, LevelState, "bad")}, damaged: 1, verified: 2},
		"at another time": {receipts: []Receipt{at(2, LevelStructure, ""), at(1, LevelStructure, "bad")}, verified: 2},
	} {
		var s Stock
		s.count(tt.receipts)
		require.Equal(t, tt.damaged, s.Damaged, name)
		if tt.verified == 0 {
			require.Zero(t, s.Verified, name)
		} else {
			require.Equal(t, testNow.Add(time.Duration(tt.verified)*time.Hour), s.Verified, name)
		}
	}
}

// TestStockIsCountedOnceForManyChanges: what changes while one collection is
// counted is counted once afterwards.
func TestStockIsCountedOnceForManyChanges(t *testing.T) {
	h := newHouse(t)
	began, goOn, done := make(chan string, 10), make(chan struct{}), make(chan string, 10)
	h.store.onList = func(folder string) {
		began <- folder
		<-goOn
	}
	h.options.Stock = func(collection string, _ Stock) { done <- collection }
	h.CountStored("c")
	require.Equal(t, "c", <-began)
	for range 100 {
		h.CountStored("c")
		h.CountStored("d")
	}
	close(goOn)
	require.Equal(t, "c", <-done)
	require.Equal(t, "c", <-done)
	require.Equal(t, "d", <-done)
	h.Close(context.Background())
	require.Empty(t, done)
	h.CountStored("c") // says nothing after the end
	require.Empty(t, done)
}
