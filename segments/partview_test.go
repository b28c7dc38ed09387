package segments

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/wal"
)

// requireDense checks that the blocks of a part hold exactly the vectors of its
// rows, in order.
func requireDense(t *testing.T, p PartView, spec VectorSpec) int {
	t.Helper()
	n, last := 0, -1
	require.NoError(t, eachDense(p.Vectors(spec.Key), func(b DenseBlock) error {
		require.Equal(t, spec.Stride(), b.Stride)
		require.Len(t, b.Data, len(b.Rows)*b.Stride)
		for i, row := range b.Rows {
			require.Greater(t, int(row), last)
			last = int(row)
			r, err := p.Row(row)
			require.NoError(t, err)
			data, ok, err := r.Vector(spec.Key)
			require.NoError(t, err)
			require.True(t, ok)
			require.Equal(t, data, b.Data[i*b.Stride:(i+1)*b.Stride])
			n++
		}
		return nil
	}))
	return n
}

func TestDenseBlocksOfAHead(t *testing.T) {
	schema := testSchema()
	s := newTestState(schema)
	want := map[VectorKey]int{}
	for n := range 3000 {
		p := testPoint(schema, n, wal.Position(n+1))
		applyTo(t, s, p.Version, []*Point{p}, nil)
		for _, v := range p.Vectors {
			want[v.Key]++
		}
	}
	v := s.Publish(3000)
	defer v.Release()
	require.Len(t, v.Parts(), 1)
	require.True(t, v.Parts()[0].InMemory())
	for _, spec := range schema {
		if spec.Kind == Dense {
			require.Equal(t, want[spec.Key], requireDense(t, v.Parts()[0], spec))
		}
	}
	stop := errors.New("stop")
	require.ErrorIs(t, eachDense(v.Parts()[0].Vectors(schema[0].Key), func(DenseBlock) error { return stop }), stop)
}

// Vectors that few rows have, and a vector that was added late.
func TestRareVectorsInAHead(t *testing.T) {
	schema := testSchema()
	s := newTestState(schema)
	want := content{}
	for n := range 4 * headChunkRows {
		p := &Point{ID: testID(n), Version: wal.Position(n + 1)}
		if n%(headChunkRows+200) == 99 {
			p.Vectors = []Vector{{Key: schema[0].Key, Data: testVector(schema[0], n)}}
		}
		if n == 3*headChunkRows {
			p.Vectors = append(p.Vectors, Vector{Key: schema[2].Key, Data: testVector(schema[2], n)})
		}
		want[p.ID] = p
		applyTo(t, s, p.Version, []*Point{p}, nil)
	}
	v := s.Publish(1)
	defer v.Release()
	requireContent(t, want, schema, v)
	require.Equal(t, 3, requireDense(t, v.Parts()[0], schema[0]))
}
