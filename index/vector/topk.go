package vector

import (
	"cmp"
	"math"
	"slices"
)

// Hit is an item with its score.
type Hit[T any] struct {
	Score float32
	Item  T
}

// TopK keeps the best k of the items that it is offered. Equal scores are
// ordered by the items, so that the result does not depend on the order of the
// offers. It is not safe for concurrent use: give each goroutine its own and
// Merge them.
type TopK[T any] struct {
	k       int
	larger  bool // larger scores are better
	compare func(a, b T) int
	heap    []Hit[T] // the worst first
}

// NewTopK returns an empty TopK. compare orders the items of equal scores, the
// better ones first. Memory grows with what is kept, not with k.
func NewTopK[T any](k int, largerIsBetter bool, compare func(a, b T) int) *TopK[T] {
	return &TopK[T]{k: k, larger: largerIsBetter, compare: compare}
}

// Wants reports whether an item with this score can still be among the best; so
// it need not be looked up if it cannot. Scores that are not finite never are:
// no client can read them.
func (t *TopK[T]) Wants(score float32) bool {
	switch f := float64(score); {
	case math.IsNaN(f) || math.IsInf(f, 0) || t.k <= 0:
		return false
	case len(t.heap) < t.k:
		return true
	}
	return t.compareScores(score, t.heap[0].Score) <= 0
}

// Next returns the index of the first score that Wants would take, and
// len(scores) if there is none.
func (t *TopK[T]) Next(scores []float32) int {
	for i := 0; i < len(scores); i++ {
		if len(t.heap) >= t.k && len(t.heap) > 0 {
			i += t.skip(scores[i:])
		}
		if i < len(scores) && t.Wants(scores[i]) {
			return i
		}
	}
	return len(scores)
}

// skip returns the number of scores at the beginning that are worse than all
// that is kept. Nearly all scores of a scan end in one of these loops.
func (t *TopK[T]) skip(scores []float32) int {
	worst := t.heap[0].Score
	if t.larger {
		for i, score := range scores {
			if score >= worst {
				return i
			}
		}
		return len(scores)
	}
	for i, score := range scores {
		if score <= worst {
			return i
		}
	}
	return len(scores)
}

// Offer adds an item unless there are k better ones.
func (t *TopK[T]) Offer(score float32, item T) {
	if !t.Wants(score) {
		return
	}
	hit := Hit[T]{score, item}
	if len(t.heap) < t.k {
		t.heap = append(t.heap, hit)
		t.up(len(t.heap) - 1)
		return
	}
	if t.compareHits(hit, t.heap[0]) < 0 {
		t.heap[0] = hit
		t.down()
	}
}

// Merge offers everything that other keeps.
func (t *TopK[T]) Merge(other *TopK[T]) {
	for _, hit := range other.heap {
		t.Offer(hit.Score, hit.Item)
	}
}

// Hits returns what is kept, the best first. The TopK is empty afterwards.
func (t *TopK[T]) Hits() []Hit[T] {
	hits := t.heap
	t.heap = nil
	slices.SortFunc(hits, t.compareHits)
	return hits
}

// compareScores is negative if a is better.
func (t *TopK[T]) compareScores(a, b float32) int {
	if t.larger {
		return cmp.Compare(b, a)
	}
	return cmp.Compare(a, b)
}

// compareHits is negative if a is better.
func (t *TopK[T]) compareHits(a, b Hit[T]) int {
	if c := t.compareScores(a.Score, b.Score); c != 0 {
		return c
	}
	return t.compare(a.Item, b.Item)
}

// worse reports whether the hit at i is worse than that at j.
func (t *TopK[T]) worse(i, j int) bool { return t.compareHits(t.heap[i], t.heap[j]) > 0 }

func (t *TopK[T]) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !t.worse(i, parent) {
			return
		}
		t.heap[i], t.heap[parent] = t.heap[parent], t.heap[i]
		i = parent
	}
}

func (t *TopK[T]) down() {
	for i := 0; ; {
		worst := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(t.heap); child++ {
			if t.worse(child, worst) {
				worst = child
			}
		}
		if worst == i {
			return
		}
		t.heap[i], t.heap[worst] = t.heap[worst], t.heap[i]
		i = worst
	}
}
