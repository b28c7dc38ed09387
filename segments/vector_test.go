package segments

import (
	"bytes"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var (
	nan = float32(math.NaN())
	inf = float32(math.Inf(1))
)

func TestDenseValues(t *testing.T) {
	for _, tc := range []struct {
		name      string
		dt        Datatype
		in, want  []float32
		badIndex  int
		isRefused bool
	}{
		{name: "float32 is exact", dt: Float32, in: []float32{0.1, -3, 3.4e38}, want: []float32{0.1, -3, 3.4e38}},
		{name: "float32 NaN", dt: Float32, in: []float32{1, nan}, isRefused: true, badIndex: 1},
		{name: "float32 infinite", dt: Float32, in: []float32{-inf}, isRefused: true},
		{name: "float16 rounds", dt: Float16, in: []float32{0.1, 2049, 2051}, want: []float32{0.099975586, 2048, 2052}},
		{name: "float16 largest", dt: Float16, in: []float32{65519}, want: []float32{65504}},
		{name: "float16 overflows", dt: Float16, in: []float32{0, 0, 65520}, isRefused: true, badIndex: 2},
		{name: "float16 tiny is zero", dt: Float16, in: []float32{1e-9}, want: []float32{0}},
		{name: "uint8 truncates and saturates", dt: Uint8, in: []float32{1.9, -1, 300, 254.99, 255}, want: []float32{1, 0, 255, 254, 255}},
		{name: "uint8 NaN", dt: Uint8, in: []float32{nan}, isRefused: true},
		{name: "uint8 infinite", dt: Uint8, in: []float32{1, inf}, isRefused: true, badIndex: 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			data, err := EncodeDense(tc.dt, tc.in)
			if tc.isRefused {
				var bad *ValueError
				require.ErrorAs(t, err, &bad)
				require.Equal(t, tc.badIndex, bad.Index)
				return
			}
			require.NoError(t, err)
			got, err := DecodeDense(tc.dt, data, nil)
			require.NoError(t, err)
			require.Equal(t, tc.want, got)
			require.NoError(t, CheckVector(VectorSpec{Kind: Dense, Size: len(tc.in), Datatype: tc.dt}, data))
		})
	}
}

func TestMultiNamesThePlaceInAllRows(t *testing.T) {
	_, err := EncodeMulti(Float32, [][]float32{{1, 2}, {3, inf}})
	var bad *ValueError
	require.ErrorAs(t, err, &bad)
	require.Equal(t, 3, bad.Index)
	_, err = EncodeMulti(Float32, [][]float32{{1, 2}, {3}})
	require.Error(t, err)
	_, err = EncodeMulti(Float32, nil)
	require.Error(t, err)
}

func TestSparseIndicesAscend(t *testing.T) {
	for _, indices := range [][]uint32{{1, 1}, {2, 1}} {
		_, err := EncodeSparse(Float32, indices, []float32{1, 2})
		require.Error(t, err)
	}
	_, err := EncodeSparse(Float32, []uint32{1}, nil)
	require.Error(t, err)
	_, err = EncodeSparse(Float32, nil, nil)
	require.NoError(t, err, "a sparse vector may be empty")
}

func TestVectorsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.Float32Range(-60000, 60000)
		dt := rapid.SampledFrom([]Datatype{Float32, Float16, Uint8}).Draw(t, "datatype")
		size, count := rapid.IntRange(1, 5).Draw(t, "size"), rapid.IntRange(1, 4).Draw(t, "rows")
		rows := make([][]float32, count)
		for i := range rows {
			rows[i] = rapid.SliceOfN(value, size, size).Draw(t, "row")
		}
		data, err := EncodeMulti(dt, rows)
		require.NoError(t, err)
		require.NoError(t, CheckVector(VectorSpec{Kind: Multi, Size: size, Datatype: dt}, data))
		back, err := DecodeMulti(dt, size, data)
		require.NoError(t, err)
		again, err := EncodeMulti(dt, back)
		require.NoError(t, err)
		require.Equal(t, data, again, "what is stored is stored the same again")

		indices := rapid.SliceOfNDistinct(rapid.Uint32(), size, size, rapid.ID).Draw(t, "indices")
		sortUint32(indices)
		data, err = EncodeSparse(dt, indices, rows[0])
		require.NoError(t, err)
		require.NoError(t, CheckVector(VectorSpec{Kind: Sparse, Datatype: dt}, data))
		gotIndices, gotValues, err := DecodeSparse(dt, data)
		require.NoError(t, err)
		require.Equal(t, indices, gotIndices)
		require.Equal(t, back[0], gotValues)
	})
}

func sortUint32(v []uint32) {
	for i := range v {
		for j := i; j > 0 && v[j] < v[j-1]; j-- {
			v[j], v[j-1] = v[j-1], v[j]
		}
	}
}

func TestCheckVectorRefuses(t *testing.T) {
	dense := VectorSpec{Kind: Dense, Size: 2, Datatype: Float32}
	sparse := VectorSpec{Kind: Sparse, Datatype: Uint8}
	multi := VectorSpec{Kind: Multi, Size: 2, Datatype: Uint8}
	for name, tc := range map[string]struct {
		spec VectorSpec
		data []byte
	}{
		"dense too short":        {dense, make([]byte, 7)},
		"dense too long":         {dense, make([]byte, 12)},
		"dense infinite":         {dense, []byte{0, 0, 0x80, 0x7f, 0, 0, 0, 0}},
		"half NaN":               {VectorSpec{Kind: Dense, Size: 1, Datatype: Float16}, []byte{1, 0x7c}},
		"unknown datatype":       {VectorSpec{Kind: Dense, Size: 1, Datatype: 9}, nil},
		"unknown kind":           {VectorSpec{Kind: 9, Size: 1, Datatype: Uint8}, []byte{1}},
		"sparse without count":   {sparse, []byte{0, 0, 0}},
		"sparse count lies":      {sparse, []byte{2, 0, 0, 0, 1, 0, 0, 0, 5}},
		"sparse count huge":      {sparse, []byte{255, 255, 255, 255}},
		"sparse not ascending":   {sparse, []byte{2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 5, 5}},
		"multi without rows":     {multi, []byte{0, 0, 0, 0}},
		"multi count lies":       {multi, []byte{2, 0, 0, 0, 1, 1}},
		"multi count huge":       {multi, []byte{255, 255, 255, 255, 1, 1}},
		"multi rows of no width": {VectorSpec{Kind: Multi, Size: 0, Datatype: Uint8}, []byte{1, 0, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) { require.Error(t, CheckVector(tc.spec, tc.data)) })
	}
}

func FuzzCheckVector(f *testing.F) {
	for _, spec := range testSchema() {
		f.Add(uint8(spec.Kind), uint8(spec.Datatype), spec.Size, testVector(spec, 5))
	}
	f.Fuzz(func(t *testing.T, kind, datatype uint8, size int, data []byte) {
		spec := VectorSpec{Kind: VectorKind(kind), Datatype: Datatype(datatype), Size: size}
		if size < 0 || size > 1<<16 || CheckVector(spec, data) != nil {
			return
		}
		var again []byte
		var err error
		switch spec.Kind {
		case Dense:
			v, derr := DecodeDense(spec.Datatype, data, nil)
			require.NoError(t, derr)
			again, err = EncodeDense(spec.Datatype, v)
		case Sparse:
			indices, values, derr := DecodeSparse(spec.Datatype, data)
			require.NoError(t, derr)
			again, err = EncodeSparse(spec.Datatype, indices, values)
		default:
			rows, derr := DecodeMulti(spec.Datatype, size, data)
			require.NoError(t, derr)
			again, err = EncodeMulti(spec.Datatype, rows)
		}
		require.NoError(t, err)
		if !bytes.Equal(again, data) {
			t.Fatalf("%x was read as %x", data, again)
		}
	})
}
