package vector

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/x448/float16"
	"pgregory.net/rapid"

	"github.com/tidemark-db/tidemark/segments"
)

var (
	datatypes = []segments.Datatype{segments.Float32, segments.Float16, segments.Uint8}
	distances = []segments.Distance{segments.Cosine, segments.Dot, segments.Euclid, segments.Manhattan}
)

func spec(dt segments.Datatype, d segments.Distance, size int) segments.VectorSpec {
	return segments.VectorSpec{Kind: segments.Dense, Size: size, Datatype: dt, Distance: d}
}

// naive computes in float64, number by number.
func naive(d segments.Distance, q, v []float32) float64 {
	var dot, qq, vv, squares, absolute float64
	for i := range q {
		a, b := float64(q[i]), float64(v[i])
		dot, qq, vv = dot+a*b, qq+a*a, vv+b*b
		squares, absolute = squares+(a-b)*(a-b), absolute+math.Abs(a-b)
	}
	switch d {
	case segments.Cosine:
		if qq == 0 || vv == 0 {
			return 0
		}
		return dot / math.Sqrt(qq*vv)
	case segments.Dot:
		return dot
	case segments.Euclid:
		return math.Sqrt(squares)
	default:
		return absolute
	}
}

// TestScoresAgreeWithArithmetic compares every kernel with float64, at sizes
// around the widths that kernels work in.
func TestScoresAgreeWithArithmetic(t *testing.T) {
	for _, dt := range datatypes {
		for _, d := range distances {
			t.Run(fmt.Sprintf("%v %v", dt, d), func(t *testing.T) {
				rapid.Check(t, func(rt *rapid.T) {
					size := rapid.IntRange(1, 70).Draw(rt, "size")
					numbers := rapid.SliceOfN(rapid.Float32Range(-300, 300), size, size)
					query, v := numbers.Draw(rt, "query"), numbers.Draw(rt, "vector")
					s, err := NewScorer(spec(dt, d, size), query)
					require.NoError(rt, err)

					if d == segments.Cosine && dt != segments.Uint8 {
						v = Normalise(v)
					}
					data, err := segments.EncodeDense(dt, v)
					require.NoError(rt, err)
					stored, err := segments.DecodeDense(dt, data, nil)
					require.NoError(rt, err)
					want := naive(d, s.query, stored)
					if d == segments.Cosine && dt != segments.Uint8 {
						want = naive(segments.Dot, s.query, stored)
					}
					var tolerance float64
					for i := range stored { // of the terms that are summed, not of the sum
						a, b := math.Abs(float64(s.query[i])), math.Abs(float64(stored[i]))
						tolerance += a*b + a + b
					}
					require.InDelta(rt, want, s.Score(data), 1e-5*tolerance+1e-6)
				})
			})
		}
	}
}

// TestRecordedScores are those that the reference answered for the query [1, 0]
// over the vectors [n, 10-n] under Cosine, as float32 to the last bit.
func TestRecordedScores(t *testing.T) {
	s, err := NewScorer(spec(segments.Float32, segments.Cosine, 2), []float32{1, 0})
	require.NoError(t, err)
	for i, want := range []float32{
		0.11043152, 0.24253564, 0.3939193, 0.5547002, 0.70710677, 0.8320503, 0.91914505, 0.97014254, 0.99388367,
	} {
		n := float32(i + 1)
		data, err := segments.EncodeDense(segments.Float32, Normalise([]float32{n, 10 - n}))
		require.NoError(t, err)
		require.Equal(t, want, s.Score(data), n)
	}
}

func TestHalvesAreExact(t *testing.T) {
	for bits := range 1 << 16 {
		h := float16.Frombits(uint16(bits))
		if !h.IsFinite() {
			continue
		}
		require.Equal(t, math.Float32bits(h.Float32()), math.Float32bits(half(0xabcd0000|uint32(bits))), "%#04x", bits)
	}
}

// TestLargestBytes: sums of bytes do not overflow at the greatest dimension.
func TestLargestBytes(t *testing.T) {
	const size = 65536
	ones, zeros := make([]byte, size), make([]byte, size)
	for i := range ones {
		ones[i] = 255
	}
	require.EqualValues(t, size*255*255, dot8(ones, ones))
	require.EqualValues(t, size*255, manhattan8(ones, zeros))
	require.Equal(t, float32(256*255), euclid8(ones, zeros))
	require.Equal(t, float32(256*255), euclid8(zeros, ones))
	require.InDelta(t, 1, cosine8(ones, ones, 256*255), 1e-6)
}

// TestBytesUnderCosine: bytes have no room for a normalised query.
func TestBytesUnderCosine(t *testing.T) {
	s, err := NewScorer(spec(segments.Uint8, segments.Cosine, 2), []float32{30, 40})
	require.NoError(t, err)
	require.InDelta(t, 1, s.Score([]byte{6, 8}), 1e-6)
	require.InDelta(t, 0.96, s.Score([]byte{80, 60}), 1e-6)
}

func TestZeroVectorsUnderCosine(t *testing.T) {
	for _, dt := range datatypes {
		zero, err := segments.EncodeDense(dt, []float32{0, 0})
		require.NoError(t, err)
		one, err := segments.EncodeDense(dt, []float32{1, 0})
		require.NoError(t, err)
		for _, query := range [][]float32{{0, 0}, {1, 0}} {
			s, err := NewScorer(spec(dt, segments.Cosine, 2), query)
			require.NoError(t, err)
			require.Zero(t, s.Score(zero), "%v", dt)
			require.Equal(t, query[0], s.Score(one), "%v", dt)
		}
	}
}

// TestScoreBlock: a block is scored as its vectors are, wherever it begins in
// memory.
func TestScoreBlock(t *testing.T) {
	for _, dt := range datatypes {
		for _, d := range distances {
			const size, rows = 5, 7
			s, err := NewScorer(spec(dt, d, size), []float32{1, 2, 3, 4, 5})
			require.NoError(t, err)
			var data []byte
			for row := range rows {
				v, err := segments.EncodeDense(dt, []float32{float32(row), 2, 1, 0, float32(3 * row)})
				require.NoError(t, err)
				data = append(data, v...)
			}
			var want [rows]float32
			s.ScoreBlock(data, want[:])
			stride := size * dt.Size()
			for row := range rows {
				require.Equal(t, want[row], s.Score(data[row*stride:(row+1)*stride]))
			}
			for shift := range 4 {
				shifted := append(make([]byte, shift, shift+len(data)), data...)[shift:]
				var got [rows]float32
				s.ScoreBlock(shifted, got[:])
				require.Equal(t, want, got, "%v %v, %d bytes off", dt, d, shift)
			}
			s.inPlace = false // as on a machine with the other byte order
			var got [rows]float32
			s.ScoreBlock(data, got[:])
			require.Equal(t, want, got)
		}
	}
}

// TestScoreBlockOfManyNumbers: a block is multiplied as a matrix, piece by piece
// so that no library starts goroutines for it, and each score is that of the
// vector alone, to the last bit.
func TestScoreBlockOfManyNumbers(t *testing.T) {
	for _, shape := range []struct{ size, rows int }{{1, 3000}, {31, 9}, {33, 9}, {100, 1000}, {128, 4096}, {40_000, 7}, {65_536, 5}} {
		for _, d := range distances {
			s, data, scores := benchBlock(t, segments.Float32, d, shape.size, shape.rows)
			for i := range scores {
				scores[i] = float32(math.NaN()) // what was there before
			}
			s.ScoreBlock(data, scores)
			for i, score := range scores {
				want := s.Score(data[i*shape.size*4 : (i+1)*shape.size*4])
				require.Equal(t, math.Float32bits(want), math.Float32bits(score), "%v %v %d", shape, d, i)
			}
		}
	}
}

func TestPasses(t *testing.T) {
	for d, larger := range map[segments.Distance]bool{
		segments.Cosine: true, segments.Dot: true, segments.Euclid: false, segments.Manhattan: false,
	} {
		s, err := NewScorer(spec(segments.Float32, d, 1), []float32{1})
		require.NoError(t, err)
		require.Equal(t, larger, s.LargerIsBetter())
		require.Equal(t, larger, s.Passes(2, 1))
		require.Equal(t, !larger, s.Passes(1, 2))
		require.False(t, s.Passes(1, 1), "a threshold itself does not pass")
	}
}

func TestNewScorerRefuses(t *testing.T) {
	_, err := NewScorer(spec(segments.Float32, segments.Dot, 2), []float32{1})
	require.Error(t, err)
	_, err = NewScorer(spec(segments.Float32, segments.Dot, 0), nil)
	require.Error(t, err)
	_, err = NewScorer(spec(segments.Float32, 99, 1), []float32{1})
	require.Error(t, err)
	_, err = NewScorer(segments.VectorSpec{Kind: segments.Multi, Size: 1, Datatype: segments.Float32, Distance: segments.Dot}, []float32{1})
	require.Error(t, err)

	var value *segments.ValueError
	_, err = NewScorer(spec(segments.Float16, segments.Dot, 2), []float32{1, 1e6})
	require.ErrorAs(t, err, &value)
	require.Equal(t, 1, value.Index)
	_, err = NewScorer(spec(segments.Float32, segments.Dot, 1), []float32{float32(math.NaN())})
	require.ErrorAs(t, err, &value)
}

func TestNormalise(t *testing.T) {
	require.Equal(t, []float32{0.6, 0.8}, Normalise([]float32{3, 4}))
	require.Equal(t, []float32{0, 0}, Normalise([]float32{0, 0}))
	huge := Normalise([]float32{3e38, 3e38}) // whose length no float32 holds
	require.InDelta(t, math.Sqrt2/2, huge[0], 1e-6)
	given := []float32{0.6, 0.8}
	require.Equal(t, given, Normalise(given))
	v := []float32{3, 4}
	Normalise(v)
	require.Equal(t, []float32{3, 4}, v, "the vector itself stays")
}

func TestScoringDoesNotAllocate(t *testing.T) {
	for _, dt := range datatypes {
		for _, d := range distances {
			s, data, scores := benchBlock(t, dt, d, 128, 8)
			require.Zero(t, testing.AllocsPerRun(10, func() { s.ScoreBlock(data, scores) }), "%v %v", dt, d)
		}
	}
}
