package tidemark

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/index/filter"
	"github.com/tidemark-db/tidemark/segments"
)

// TestNearestAgainstSorting compares with what sorting all points gives.
func TestNearestAgainstSorting(t *testing.T) {
	_, c, _ := newTestCollection(t)
	const points = 2000
	scores := make(map[uint64]float32)
	query := []float32{0.5, -1}
	for i := range uint64(points) {
		v := []float32{float32(rand.IntN(20)), float32(rand.IntN(20))}
		in := PointInput{ID: num(i), Payload: object(t, "even", int(i%2))}
		if i%3 != 0 {
			in.Vectors = []NamedVector{dense("", v...)}
			scores[i] = query[0]*v[0] + query[1]*v[1]
		}
		mustWrite(t, c, upsert(in))
	}
	mustWrite(t, c, &Delete{Selector: Selector{IDs: []segments.PointID{num(1), num(2)}}})
	delete(scores, 1)
	delete(scores, 2)
	even := &filter.Filter{Must: []filter.Condition{&filter.Field{Key: mustPath(t, "even"), Match: filter.MatchInt(0)}}}
	threshold := float32(-3)
	excluded := num(4)
	for _, tc := range []struct {
		name string
		q    NearestQuery
		keep func(id uint64, score float32) bool
	}{
		{"all", NearestQuery{Limit: 10}, func(uint64, float32) bool { return true }},
		{"more than there are", NearestQuery{Limit: 2 * points}, func(uint64, float32) bool { return true }},
		{"offset", NearestQuery{Limit: 10, Offset: 7}, func(uint64, float32) bool { return true }},
		{"offset beyond the end", NearestQuery{Limit: 10, Offset: 2 * points}, func(uint64, float32) bool { return true }},
		{"filter", NearestQuery{Limit: 50, Filter: even}, func(id uint64, _ float32) bool { return id%2 == 0 }},
		{"threshold", NearestQuery{Limit: points, Threshold: &threshold}, func(_ uint64, s float32) bool { return s > threshold }},
		{"without itself", NearestQuery{Limit: points, Exclude: &excluded}, func(id uint64, _ float32) bool { return id != 4 }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.q.Vector = query
			v := mustView(t, c)
			got, err := v.Nearest(t.Context(), tc.q)
			require.NoError(t, err)
			var want []uint64
			for id, score := range scores {
				if tc.keep(id, score) {
					want = append(want, id)
				}
			}
			slices.SortFunc(want, func(a, b uint64) int {
				if scores[a] != scores[b] {
					if scores[a] > scores[b] {
						return -1
					}
					return 1
				}
				return int(a) - int(b)
			})
			want = want[min(tc.q.Offset, len(want)):]
			want = want[:min(tc.q.Limit, len(want))]
			ids := make([]uint64, len(got))
			for i, row := range got {
				ids[i] = row.ID().Number()
				require.Equal(t, scores[ids[i]], row.Score)
			}
			require.Equal(t, append([]uint64{}, want...), ids)
		})
	}
}

func TestNearestRefuses(t *testing.T) {
	_, c, _ := newTestCollection(t)
	for _, tc := range []struct {
		q    NearestQuery
		kind Kind
		text string
	}{
		{NearestQuery{Using: "zz", Vector: []float32{1}}, BadInput, "Not existing vector name error: zz"},
		{NearestQuery{Vector: []float32{1}}, BadInput, "Vector dimension error: expected dim: 2, got 1"},
		{NearestQuery{Using: "s", Vector: []float32{1}}, NotImplemented, "nearest over the sparse vector 's' is not implemented, only over dense vectors"},
	} {
		_, err := mustView(t, c).Nearest(t.Context(), tc.q)
		require.EqualError(t, err, tc.text)
		require.Equal(t, tc.kind, KindOf(err))
	}
}
