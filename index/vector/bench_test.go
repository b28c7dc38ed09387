package vector

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/segments"
)

// benchBlock returns a scorer and a block of vectors that lie one after the
// other.
func benchBlock(tb testing.TB, dt segments.Datatype, d segments.Distance, size, rows int) (s *Scorer, data []byte, scores []float32) {
	tb.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	numbers := func() []float32 {
		v := make([]float32, size)
		for i := range v {
			v[i] = random.Float32() * 100
		}
		return v
	}
	s, err := NewScorer(spec(dt, d, size), numbers())
	require.NoError(tb, err)
	data = make([]byte, 0, rows*size*dt.Size())
	for range rows {
		v, err := segments.EncodeDense(dt, numbers())
		require.NoError(tb, err)
		data = append(data, v...)
	}
	return s, data, make([]float32, rows)
}

// BenchmarkScoreBlock scores 4096 vectors of 128 numbers, which fit into no
// first-level cache.
func BenchmarkScoreBlock(b *testing.B) {
	for _, dt := range datatypes {
		for _, d := range distances {
			b.Run(fmt.Sprintf("%v/%v", dt, d), func(b *testing.B) {
				s, data, scores := benchBlock(b, dt, d, 128, 4096)
				b.SetBytes(int64(len(data)))
				b.ReportAllocs()
				for b.Loop() {
					s.ScoreBlock(data, scores)
				}
			})
		}
	}
}

// BenchmarkScan is an exact query over 200,000 vectors of 128 float32 (100 MB),
// and the time that only reading them takes.
func BenchmarkScan(b *testing.B) {
	s, data, _ := benchBlock(b, segments.Float32, segments.Dot, 128, 200_000)
	b.Run("query", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		const rows = 64 // 32 KiB, the first-level cache
		var scores [rows]float32
		for b.Loop() {
			top := NewTopK(10, true, cmp.Compare[int])
			for first := 0; first < 200_000; first += rows {
				s.ScoreBlock(data[first*512:], scores[:])
				for i, score := range scores {
					if top.Wants(score) {
						top.Offer(score, first+i)
					}
				}
			}
		}
	})
	b.Run("read", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		numbers := s.floats(data)
		var sum float32
		for b.Loop() {
			for i := 0; i < len(numbers); i += 16 { // one of each cache line
				sum += numbers[i]
			}
		}
		_ = sum
	})
}

func BenchmarkTopK(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	scores := make([]float32, 100_000)
	for i := range scores {
		scores[i] = random.Float32()
	}
	for b.Loop() {
		top := NewTopK(100, true, cmp.Compare[int])
		for i, s := range scores {
			if top.Wants(s) {
				top.Offer(s, i)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(scores)), "ns/offer")
}
