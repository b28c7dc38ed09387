package segments

import (
	"bytes"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func drawID(t *rapid.T, label string) PointID {
	if rapid.Bool().Draw(t, label+" is uuid") {
		var u uuid.UUID
		copy(u[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, label))
		return UUIDID(u)
	}
	return NumberID(rapid.Uint64().Draw(t, label))
}

func TestPointIDOrderIsThatOfItsBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawID(t, "a"), drawID(t, "b")
		x, err := a.AppendBinary(nil)
		require.NoError(t, err)
		y, err := b.AppendBinary(nil)
		require.NoError(t, err)
		require.Len(t, x, PointIDSize)
		require.Equal(t, bytes.Compare(x, y), a.Compare(b))
		require.Equal(t, a == b, a.Compare(b) == 0)
		if a.IsUUID() != b.IsUUID() {
			require.Equal(t, a.IsUUID(), a.Compare(b) > 0, "numbers come first")
		}
		back, rest, err := DecodePointID(append(x, 7))
		require.NoError(t, err)
		require.Equal(t, a, back)
		require.Equal(t, []byte{7}, rest)
	})
}

func TestPointIDText(t *testing.T) {
	u := uuid.MustParse("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
	require.Equal(t, "6ba7b810-9dad-11d1-80b4-00c04fd430c8", UUIDID(u).String())
	require.Equal(t, u, UUIDID(u).UUID())
	require.Equal(t, "18446744073709551615", NumberID(^uint64(0)).String())
	require.Equal(t, PointID{}, NumberID(0), "the zero id is the lowest")
}

func TestDecodePointIDRefuses(t *testing.T) {
	for name, b := range map[string][]byte{
		"nothing":      nil,
		"short":        make([]byte, PointIDSize-1),
		"unknown kind": append([]byte{2}, make([]byte, 16)...),
		"large number": append([]byte{0, 1}, make([]byte, 15)...),
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := DecodePointID(b)
			require.Error(t, err)
		})
	}
}

func FuzzDecodePointID(f *testing.F) {
	f.Add(NumberID(7).append(nil))
	f.Add(testID(3).append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		id, rest, err := DecodePointID(b)
		if err == nil && !bytes.Equal(append(id.append(nil), rest...), b) {
			t.Fatalf("%x was read as %v", b, id)
		}
	})
}
