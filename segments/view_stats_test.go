package segments

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/wal"
)

// Numbers of a view whose rows lie in a segment, a sealed head and the active
// one, and die in each.
func TestViewCountsWithoutLookingAtRows(t *testing.T) {
	schema := testSchema()[:1]
	all := func(n int) *Point {
		spec := schema[0]
		return &Point{ID: testID(n), Version: wal.Position(n + 1), Vectors: []Vector{{Key: spec.Key, Data: testVector(spec, n)}}}
	}
	dir := t.TempDir()
	written := writeTestSegment(t, dir, 1, schema, []*Point{all(0), all(1), all(2), all(3)})
	s := stateOf(schema, openTestSegment(t, dir+"/"+written.Name))
	count := func() (heads, dead, vectors, points int) {
		v := s.Publish(100)
		defer v.Release()
		return v.HeadCount(), v.DeadRows(), v.VectorCount(schema[0].Key), v.Count()
	}
	require.Equal(t, []int{0, 0, 4, 4}, list(count()))
	applyTo(t, s, 10, []*Point{all(4), all(5)}, []PointID{testID(0)})
	require.Equal(t, []int{1, 1, 5, 5}, list(count()))
	require.True(t, s.Seal(10))
	applyTo(t, s, 11, []*Point{all(6)}, []PointID{testID(1), testID(4)})
	require.Equal(t, []int{2, 2, 4, 4}, list(count()))
}

func list(n ...int) []int { return n }

// Where only some rows have a vector, the dead are taken to have it as often as
// the others.
func TestVectorCountOfRareVectors(t *testing.T) {
	schema := testSchema()[:1]
	s := newTestState(schema)
	for n := range 10 {
		p := &Point{ID: testID(n), Version: 1}
		if n%2 == 0 {
			p.Vectors = []Vector{{Key: schema[0].Key, Data: testVector(schema[0], n)}}
		}
		applyTo(t, s, 1, []*Point{p}, nil)
	}
	applyTo(t, s, 2, nil, []PointID{testID(0), testID(2), testID(3), testID(5)})
	v := s.Publish(2)
	defer v.Release()
	require.Equal(t, 3, v.VectorCount(schema[0].Key), "of 6 points one half")
	require.Zero(t, v.VectorCount(VectorKey{9, 9}))
}
