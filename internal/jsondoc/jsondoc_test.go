package jsondoc

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

type note struct {
	Text string `json:"text"`
}

func TestRoundTrip(t *testing.T) {
	for _, format := range []int{1, 2, 13} {
		data, err := Encode(format, note{"a <b> \u00fc"})
		require.NoError(t, err)
		var n note
		got, err := Decode(data, 13, &n)
		require.NoError(t, err)
		require.Equal(t, format, got)
		require.Equal(t, note{"a <b> \u00fc"}, n)
	}
}

func TestFormOfTheFirstFormat(t *testing.T) {
	data, err := Encode(1, note{"x"})
	require.NoError(t, err)
	require.Equal(t, `{"format":1,"sha256":"fcd1ccec08db6f78a81fee6c26da9e6b8d0d3ba58b4403713fffebcfaa6cf119","document":{"text":"x"}}`+"\n", string(data))
}

// TestEveryFlipIsNoticed: no changed bit is taken for another document, nor for
// one of a later format, which would send its owner to look for a later version.
func TestEveryFlipIsNoticed(t *testing.T) {
	for _, format := range []int{1, 2, 3} {
		whole, err := Encode(format, note{"x"})
		require.NoError(t, err)
		for i := range whole {
			for bit := range 8 {
				flipped := bytes.Clone(whole)
				flipped[i] ^= 1 << bit
				_, err := Decode(flipped, 2, new(note))
				require.ErrorIs(t, err, ErrDamaged, "byte %d, bit %d of format %d: %q", i, bit, format, flipped)
			}
			_, err := Decode(whole[:i], 2, new(note))
			require.ErrorIs(t, err, ErrDamaged, "cut at %d", i)
		}
	}
}

func TestALaterFormatIsNamed(t *testing.T) {
	data, err := Encode(3, note{"x"})
	require.NoError(t, err)
	var newer *NewerFormatError
	_, err = Decode(data, 2, new(note))
	require.ErrorAs(t, err, &newer)
	require.Equal(t, NewerFormatError{Format: 3, Known: 2}, *newer)
}
