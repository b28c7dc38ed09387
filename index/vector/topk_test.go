package vector

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestTopKAgreesWithSorting: whatever the order of offers and however they are
// spread over several TopK, the result is the beginning of the sorted list.
func TestTopKAgreesWithSorting(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		k := rapid.IntRange(0, 20).Draw(rt, "k")
		larger := rapid.Bool().Draw(rt, "larger")
		scores := rapid.SliceOfN(rapid.Map(rapid.IntRange(-9, 9), func(i int) float32 { return float32(i) }), 0, 60).Draw(rt, "scores")

		var all []Hit[int]
		tops := []*TopK[int]{NewTopK(k, larger, cmp.Compare[int]), NewTopK(k, larger, cmp.Compare[int])}
		for _, i := range rapid.Permutation(indices(len(scores))).Draw(rt, "order") {
			all = append(all, Hit[int]{scores[i], i})
			tops[rapid.IntRange(0, 1).Draw(rt, "part")].Offer(scores[i], i)
		}
		slices.SortFunc(all, func(a, b Hit[int]) int {
			c := cmp.Compare(a.Score, b.Score)
			if larger {
				c = -c
			}
			return cmp.Or(c, cmp.Compare(a.Item, b.Item))
		})
		tops[0].Merge(tops[1])
		require.Equal(rt, append([]Hit[int]{}, all[:min(k, len(all))]...), append([]Hit[int]{}, tops[0].Hits()...))
	})
}

// TestTopKOfMany makes the heap deep and replaces most of what it held. It looks
// into the heap too, because a misplaced hit changes few results.
func TestTopKOfMany(t *testing.T) {
	const n, k = 1000, 60
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 2))
		top := NewTopK(k, false, cmp.Compare[int])
		for _, i := range random.Perm(n) {
			top.Offer(float32(i/2), i) // each score twice
			for child := 1; child < len(top.heap); child++ {
				if top.worse(child, (child-1)/2) {
					t.Fatalf("seed %d: hit %d is worse than its parent", seed, child)
				}
			}
		}
		for i, hit := range top.Hits() {
			require.Equal(t, Hit[int]{float32(i / 2), i}, hit)
		}
	}
}

func indices(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

func TestWants(t *testing.T) {
	top := NewTopK(2, true, cmp.Compare[int])
	top.Offer(1, 1)
	require.True(t, top.Wants(-5), "there is room")
	top.Offer(2, 2)
	require.False(t, top.Wants(0.5))
	require.True(t, top.Wants(1), "an equal score may win by its item")
	require.True(t, top.Wants(3))

	for _, s := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		require.False(t, top.Wants(float32(s)))
		top.Offer(float32(s), 9)
	}
	require.Equal(t, []Hit[int]{{2, 2}, {1, 1}}, top.Hits())
	require.Empty(t, top.Hits(), "it is empty afterwards")
	require.False(t, NewTopK(0, true, cmp.Compare[int]).Wants(1))
}

// TestNextAgreesWithWants: what Next passes over, Wants refuses, whatever is
// kept and in which order scores come.
func TestNextAgreesWithWants(t *testing.T) {
	special := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))}
	rapid.Check(t, func(rt *rapid.T) {
		top := NewTopK(rapid.IntRange(0, 4).Draw(rt, "k"), rapid.Bool().Draw(rt, "larger"), cmp.Compare[int])
		score := rapid.OneOf(rapid.Float32Range(-3, 3), rapid.Map(rapid.IntRange(-3, 3), func(i int) float32 { return float32(i) }), rapid.SampledFrom(special))
		for i, kept := range rapid.SliceOfN(score, 0, 6).Draw(rt, "kept") {
			top.Offer(kept, i)
		}
		scores := rapid.SliceOfN(score, 0, 20).Draw(rt, "scores")
		want := slices.IndexFunc(scores, top.Wants)
		if want < 0 {
			want = len(scores)
		}
		require.Equal(rt, want, top.Next(scores))
	})
}
