package vector

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"

	"github.com/viterin/vek/vek32"

	"github.com/tidemark-db/tidemark/segments"
)

// Scorer compares one query with the dense vectors of one kind. It is immutable
// and safe for concurrent use.
//
// Scores are those that clients see: for Cosine and Dot larger is better, for
// Euclid and Manhattan they are distances and smaller is better.
type Scorer struct {
	spec  segments.VectorSpec
	data  []byte    // the query in the datatype of the vectors
	query []float32 // the numbers in data
	norm  float64   // the length of the query; only of bytes under Cosine
	score func(*Scorer, []byte) float32
	// inPlace says that this machine has the byte order of stored vectors.
	inPlace bool
}

// NewScorer prepares a query for the dense vectors that spec describes. The
// query is treated as a vector that is written: normalised under Cosine, then
// brought into the datatype. A number that the datatype cannot hold is a
// *segments.ValueError.
func NewScorer(spec segments.VectorSpec, query []float32) (*Scorer, error) {
	if spec.Kind != segments.Dense {
		return nil, fmt.Errorf("a %v vector cannot be scored as a dense one", spec.Kind)
	}
	if len(query) != spec.Size || len(query) == 0 {
		return nil, fmt.Errorf("the query has %d numbers, the vectors have %d", len(query), spec.Size)
	}
	score := kernelOf(spec)
	if score == nil {
		return nil, fmt.Errorf("no way to score %v vectors by %v", spec.Datatype, spec.Distance)
	}
	if spec.Distance == segments.Cosine && spec.Datatype != segments.Uint8 {
		query = Normalise(query)
	}
	data, err := segments.EncodeDense(spec.Datatype, query)
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	rounded, err := segments.DecodeDense(spec.Datatype, data, make([]float32, 0, len(query)))
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	return &Scorer{
		spec: spec, data: data, query: rounded, norm: length(rounded), score: score,
		inPlace: binary.NativeEndian.Uint16([]byte{1, 0}) == 1,
	}, nil
}

// LargerIsBetter reports how scores are ordered.
func (s *Scorer) LargerIsBetter() bool { return LargerIsBetter(s.spec.Distance) }

// LargerIsBetter reports how the scores of a distance are ordered.
func LargerIsBetter(d segments.Distance) bool {
	return d == segments.Cosine || d == segments.Dot
}

// Passes reports whether a score is better than a threshold.
func (s *Scorer) Passes(score, threshold float32) bool {
	if s.LargerIsBetter() {
		return score > threshold
	}
	return score < threshold
}

// Score compares the query with one stored vector, which has the stride of the
// spec.
func (s *Scorer) Score(data []byte) float32 { return s.score(s, data) }

// ScoreBlock compares the query with len(scores) stored vectors that lie one
// after the other. Where several queries wait, let each of them score a block
// that fits into the cache before going to the next.
func (s *Scorer) ScoreBlock(data []byte, scores []float32) {
	stride := s.spec.Stride()
	if s.products() {
		s.dotBlock(s.floats(data[:len(scores)*stride]), scores)
		return
	}
	for i := range scores {
		scores[i] = s.score(s, data[i*stride:(i+1)*stride:(i+1)*stride])
	}
}

// products reports whether scores are dot products of float32.
func (s *Scorer) products() bool { return s.spec.Datatype == segments.Float32 && s.LargerIsBetter() }

// productBlock is the number of multiplications from which on the library would
// start goroutines for a product of matrices.
const productBlock = 100_000

// dotBlock multiplies the matrix of vectors with the query. It adds up in the
// order in which a dot product does, so the scores are the same to the last bit.
func (s *Scorer) dotBlock(vectors, scores []float32) {
	size := len(s.query)
	rows := max((productBlock-1)/size, 1)
	for len(scores) > 0 {
		n := min(rows, len(scores))
		vek32.MatMul_Into(scores[:n], vectors[:n*size], s.query, size)
		scores, vectors = scores[n:], vectors[n*size:]
	}
}

// Normalise returns v scaled to length 1. A vector of length zero, or of length
// 1 already, is returned as it is. The length is rounded before the division,
// as clients have seen it from the reference.
func Normalise(v []float32) []float32 {
	const unit = 1e-6 // what rounding to float32 may do to the square of the length
	l := length(v)
	if sum := l * l; sum < math.SmallestNonzeroFloat32 || math.Abs(sum-1) <= unit {
		return v
	}
	if l <= math.MaxFloat32 {
		l = float64(float32(l))
	}
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(float64(x) / l)
	}
	return out
}

func length(v []float32) float64 {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return math.Sqrt(sum)
}

// kernelOf returns nil for what is not known.
func kernelOf(spec segments.VectorSpec) func(*Scorer, []byte) float32 {
	type pair struct {
		segments.Datatype
		segments.Distance
	}
	switch (pair{spec.Datatype, spec.Distance}) {
	case pair{segments.Float32, segments.Cosine}, pair{segments.Float32, segments.Dot}:
		return func(s *Scorer, data []byte) float32 { return vek32.Dot(s.query, s.floats(data)) }
	case pair{segments.Float32, segments.Euclid}:
		return func(s *Scorer, data []byte) float32 { return vek32.Distance(s.query, s.floats(data)) }
	case pair{segments.Float32, segments.Manhattan}:
		return func(s *Scorer, data []byte) float32 { return vek32.ManhattanDistance(s.query, s.floats(data)) }
	case pair{segments.Float16, segments.Cosine}, pair{segments.Float16, segments.Dot}:
		return func(s *Scorer, data []byte) float32 { return dot16(s.query, data) }
	case pair{segments.Float16, segments.Euclid}:
		return func(s *Scorer, data []byte) float32 { return euclid16(s.query, data) }
	case pair{segments.Float16, segments.Manhattan}:
		return func(s *Scorer, data []byte) float32 { return manhattan16(s.query, data) }
	case pair{segments.Uint8, segments.Cosine}:
		return func(s *Scorer, data []byte) float32 { return cosine8(s.data, data, s.norm) }
	case pair{segments.Uint8, segments.Dot}:
		return func(s *Scorer, data []byte) float32 { return float32(dot8(s.data, data)) }
	case pair{segments.Uint8, segments.Euclid}:
		return func(s *Scorer, data []byte) float32 { return euclid8(s.data, data) }
	case pair{segments.Uint8, segments.Manhattan}:
		return func(s *Scorer, data []byte) float32 { return float32(manhattan8(s.data, data)) }
	}
	return nil
}

// floats returns the numbers of a float32 vector: a view of data where its
// place in memory and the byte order of the machine allow that, as they do for
// the blocks of heads and segments, else a copy.
func (s *Scorer) floats(data []byte) []float32 {
	const size = 4
	first := unsafe.Pointer(unsafe.SliceData(data))
	if s.inPlace && uintptr(first)%size == 0 {
		return unsafe.Slice((*float32)(first), len(data)/size)
	}
	out := make([]float32, len(data)/size)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[size*i:]))
	}
	return out
}
