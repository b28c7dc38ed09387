package tidemark

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/index/filter"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/segments/payload"
)

// putWith applies a point with a payload.
func (c byHand) putWith(id uint64, o payload.Object) {
	c.apply(&PointsEvent{Effects: []Effect{&PutPoint{ID: num(id), Payload: o}}})
}

// TestResolvingLooksAgainAtWhatChanged: between the two looks of a removal by
// filter, points begin to match, cease to, change and match still, and go away,
// in a head or in what has become a segment by then.
func TestResolvingLooksAgainAtWhatChanged(t *testing.T) {
	for _, name := range []string{"in a head", "in a sealed head", "in a new segment"} {
		t.Run(name, func(t *testing.T) {
			c := newByHand(t)
			yes, no := object(t, "v", 1), object(t, "v", 2)
			for id := range uint64(5) {
				c.putWith(id, yes)
			}
			c.putWith(5, no)
			c.putWith(6, no)
			c.checkpoint()

			w := &write{c: c.Collection, ctx: t.Context(), config: c.config()}
			steps, err := w.config.plan([]Operation{&Delete{Selector: Selector{Filter: &filter.Filter{
				Must: []filter.Condition{&filter.Field{Key: mustPath(t, "v"), Match: filter.MatchInt(1)}},
			}}}})
			require.NoError(t, err)
			before, err := w.candidates(steps)
			require.NoError(t, err)
			require.Len(t, before[0].ids, 5)

			c.putWith(1, no)
			c.putWith(2, object(t, "v", 1, "w", 1))
			c.remove(3)
			c.putWith(5, yes)
			c.putWith(7, yes)
			if name != "in a head" {
				c.sealNow()
			}
			if name == "in a new segment" {
				c.writeManifest()
				require.NoError(t, c.committer.replace())
			}
			effects, err := w.effects(&steps[0], before[0])
			require.NoError(t, err)
			require.Equal(t, []Effect{&RemovePoints{IDs: []segments.PointID{num(0), num(2), num(4), num(5), num(7)}}}, effects)
		})
	}
}

// checkpoint makes a segment of everything.
func (c byHand) checkpoint() {
	c.sealNow()
	c.writeManifest()
	require.NoError(c.t, c.committer.replace())
}

// TestNothingComesBetweenTheSecondLookAndTheRecord: whoever decides what to write
// by looking at points keeps all other writers out while he looks.
func TestNothingComesBetweenTheSecondLookAndTheRecord(t *testing.T) {
	_, c, _ := newTestCollection(t)
	looked := false
	look := func(*View) ([]Effect, error) {
		looked = true
		if c.order.sem.TryAcquire(1) {
			c.order.unlockShared()
			t.Error("another writer could put a record in order")
		}
		return []Effect{&PutPoint{ID: num(1)}}, nil
	}
	w := &write{c: c, ctx: context.Background(), config: c.config(), lastEvent: []int{-1}}
	require.NoError(t, w.resolve([]step{{decided: look}}))
	_, err := w.finish()
	require.NoError(t, err)
	require.True(t, looked)
	require.True(t, c.order.sem.TryAcquire(orderLockAll), "the lock is free again")
	c.order.unlockExclusive()
	require.Equal(t, 1, mustView(t, c).Count())
}
