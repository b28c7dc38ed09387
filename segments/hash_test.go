package segments

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/zeebo/xxh3"
	"pgregory.net/rapid"
)

func drawHash(t *rapid.T) Hash {
	return Hash{rapid.Uint64().Draw(t, "hi"), rapid.Uint64().Draw(t, "lo")}
}

func TestSumsAreAGroup(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := drawHash(t), drawHash(t), drawHash(t)
		require.Equal(t, a.Add(b), b.Add(a))
		require.Equal(t, a.Add(b).Add(c), c.Add(b).Add(a))
		require.Equal(t, a, a.Add(b).Sub(b))
		require.Equal(t, a, hashAt(a.append(nil)))
	})
	require.Equal(t, Hash{1, 0}, Hash{0, ^uint64(0)}.Add(Hash{0, 1}), "the carry")
}

// The hashes are part of manifests, snapshots and marks: they must never change.
func TestHashesAreFixed(t *testing.T) {
	p := testPoint(testSchema(), 8, 70)
	require.Equal(t, "45a7d1670fb5c97fe4b3ca615e800a47", HashPoint(p.ID, p.Version, p.Payload).String())
	require.Equal(t, "f4eeafbaa645cf4ed26876f72424a8ca", HashVector(p.ID, p.Vectors[0].Data).String())
	require.Equal(t, "28082efa0bbc96968deed65d3d9738d1", content{p.ID: p}.sums(testSchema()).Digest().String())
}

func TestHashCoversEachPart(t *testing.T) {
	p := testObject(1, 3)
	base := HashPoint(NumberID(1), 2, p)
	require.NotEqual(t, base, HashPoint(NumberID(2), 2, p))
	require.NotEqual(t, base, HashPoint(NumberID(1), 3, p))
	require.NotEqual(t, base, HashPoint(NumberID(1), 2, testObject(2, 3)))
	require.NotEqual(t, base, HashPoint(NumberID(1), 2, nil))
	require.NotEqual(t, HashVector(NumberID(1), p), HashVector(NumberID(2), p))
	require.NotEqual(t, HashVector(NumberID(1), []byte{0}), HashVector(NumberID(1), []byte{0, 0}))
}

// Short and long inputs take different ways.
func TestHashDoesNotDependOnTheWay(t *testing.T) {
	for n := range 3 * hashBuffer {
		data := bytes.Repeat([]byte{byte(n)}, n)
		head := []byte{tagVector, 1, 2, 3}
		whole := binary.LittleEndian.AppendUint64(bytes.Clone(head), uint64(n))
		want := xxh3.Hash128(append(whole, data...))
		require.Equal(t, Hash{want.Hi, want.Lo}, hashWith(head, data), "length %d", n)
	}
}

func TestDigestCoversEachSumAndItsVector(t *testing.T) {
	s := Sums{Points: Hash{1, 2}, Vectors: []VectorSum{{VectorKey{1, 0}, Hash{3, 4}}, {VectorKey{1, 1}, Hash{5, 6}}}}
	base := s.Digest()
	for _, change := range []func(*Sums){
		func(s *Sums) { s.Points.Lo++ },
		func(s *Sums) { s.Vectors[1].Sum.Hi++ },
		func(s *Sums) { s.Vectors[0].Key.Ordinal = 7 },
		func(s *Sums) { s.Vectors[0].Sum, s.Vectors[1].Sum = s.Vectors[1].Sum, s.Vectors[0].Sum },
		func(s *Sums) { s.Vectors = s.Vectors[:1] },
	} {
		c := s.Clone()
		change(&c)
		require.NotEqual(t, base, c.Digest())
	}
	require.Equal(t, base, s.Digest(), "a clone shares nothing")
}

func TestDigestAsJSON(t *testing.T) {
	type document struct {
		D Digest
		S Sums
	}
	in := document{Digest{1, 2, 255}, Sums{Points: Hash{1, 2}, Vectors: []VectorSum{{VectorKey{3, 4}, Hash{5, 6}}}}}
	b, err := json.Marshal(in)
	require.NoError(t, err)
	var out document
	require.NoError(t, json.Unmarshal(b, &out))
	require.Equal(t, in, out)
	for _, bad := range []string{`{"D": ""}`, `{"D": "0"}`, `{"D": "zz02ff00000000000000000000000000"}`} {
		require.Error(t, json.Unmarshal([]byte(bad), &out))
	}
}
