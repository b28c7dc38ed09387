package tidemark

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/segments/payload"
)

func manyIDs(n int) []segments.PointID {
	ids := make([]segments.PointID, n)
	for i := range ids {
		ids[i] = num(uint64(i))
	}
	return ids
}

// TestEventsStayWithinTheirLimits prevents a small request about many or large
// points that becomes gigabytes of rows when it is applied, and at each replay.
func TestEventsStayWithinTheirLimits(t *testing.T) {
	const megabyte = 1 << 20
	path, err := payload.ParsePath("abcdefgh")
	require.NoError(t, err)
	paths := make([]payload.Path, 5*megabyte/16)
	for i := range paths {
		paths[i] = path
	}
	repeat := func(n int, e Effect) (out []Effect) {
		for range n {
			out = append(out, e)
		}
		return out
	}
	for name, tc := range map[string]struct {
		effects []Effect
		rowSize int // of each point that is there
		events  int // at least
	}{
		"many rows":                    {[]Effect{&RemovePoints{IDs: manyIDs(250_000)}}, 0, 3},
		"many rows, one by one":        {repeat(250, &RemovePoints{IDs: manyIDs(1000)}), 0, 3},
		"large when encoded":           {repeat(20, &PatchPayload{Kind: PatchRemove, IDs: manyIDs(1), Paths: paths}), 0, 2},
		"large rows":                   {[]Effect{&PatchPayload{Kind: PatchClear, IDs: manyIDs(200)}}, megabyte, 4},
		"large rows that lose vectors": {[]Effect{&RemoveVectors{IDs: manyIDs(200)}}, megabyte, 4},
		"large rows that get vectors":  {repeat(200, &PutVectors{ID: num(1)}), megabyte, 4},
	} {
		t.Run(name, func(t *testing.T) {
			d := &drafts{sizeOf: func(segments.PointID) int { return tc.rowSize }}
			var want, got []segments.PointID
			for _, e := range tc.effects {
				want = append(want, namedBy(e)...)
				d.add(e)
			}
			require.GreaterOrEqual(t, len(d.list), tc.events)
			for _, draft := range d.list {
				rows, encoded := 0, 0
				for _, e := range draft.effects {
					ids := namedBy(e)
					rows += len(ids)
					got = append(got, ids...)
					if p, ok := e.(*PatchPayload); ok {
						encoded += len(p.Paths) * len("abcdefgh")
					}
				}
				require.LessOrEqual(t, rows, MaxEventRows)
				require.LessOrEqual(t, rows*tc.rowSize, MaxEventRowBytes)
				require.LessOrEqual(t, encoded, MaxEventBytes)
			}
			require.True(t, slices.Equal(want, got), "in order, and nothing is lost")
		})
	}
}

// namedBy returns the points that an effect changes.
func namedBy(e Effect) []segments.PointID {
	switch e := e.(type) {
	case *RemovePoints:
		return e.IDs
	case *PatchPayload:
		return e.IDs
	case *RemoveVectors:
		return e.IDs
	case *PutVectors:
		return []segments.PointID{e.ID}
	}
	return nil
}

// TestLargeRequestsAnswerTheirLastPosition: what does not fit into one event is
// answered with the position of the last.
func TestLargeRequestsAnswerTheirLastPosition(t *testing.T) {
	_, c, _ := newTestCollection(t)
	before := c.applied.position()
	results := mustWrite(t, c,
		upsert(PointInput{ID: num(1)}),
		&Delete{Selector: Selector{IDs: manyIDs(MaxEventRows + 1)}},
		upsert(PointInput{ID: num(2)}),
	)
	last, err := c.log.Last(testContext(t))
	require.NoError(t, err)
	require.Greater(t, last, before+1)
	require.Equal(t, before+1, results[0].Position)
	require.Equal(t, last, results[2].Position)
	require.Greater(t, results[1].Position, before+1)
	require.Equal(t, 1, mustView(t, c).Count())
}

// TestPointsStayWithinTheirLimit: neither an insertion nor a patch makes a point
// larger than one may be. A patch leaves it as it was and says so.
func TestPointsStayWithinTheirLimit(t *testing.T) {
	_, c, _ := newTestCollection(t)
	large := func(key string, n int) payload.Object { return object(t, key, string(make([]byte, n))) }
	_, err := c.Write(t.Context(), []Operation{upsert(PointInput{ID: num(1), Payload: large("a", MaxPointBytes)})}, WriteOptions{Wait: true})
	require.Equal(t, BadInput, KindOf(err))
	mustWrite(t, c, upsert(PointInput{ID: num(1), Payload: large("a", MaxPointBytes/2)}, PointInput{ID: num(2)}))
	before := mustGet(t, mustView(t, c), num(1))
	patch := &SetPayload{Selector: Selector{IDs: []segments.PointID{num(1), num(2)}}, Payload: large("b", MaxPointBytes/2)}
	_, err = c.Write(t.Context(), []Operation{patch}, WriteOptions{Wait: true})
	require.Equal(t, BadInput, KindOf(err))
	require.ErrorContains(t, err, "point 1")
	v := mustView(t, c)
	require.Equal(t, before.Version, mustGet(t, v, num(1)).Version)
	require.Equal(t, patch.Payload, mustGet(t, v, num(2)).Payload, "the others are changed")
}
