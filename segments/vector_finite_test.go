package segments

import (
	"encoding/binary"
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/x448/float16"
	"pgregory.net/rapid"
)

// Numbers are judged as if one after the other, whatever their number.
func TestFiniteNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dt := rapid.SampledFrom([]Datatype{Float32, Float16, Uint8}).Draw(t, "datatype")
		n := rapid.IntRange(0, 40).Draw(t, "numbers")
		special := rapid.SampledFrom([]uint32{0x7f800000, 0xff800000, 0x7f7fffff, 0xffffffff, 0x80000000, 0x7c00, 0xfc00, 0x7bff, 0xfbff, 0xffff})
		specials := map[int]uint32{} // few, so that each place is the only one now and then
		for range rapid.IntRange(0, 2).Draw(t, "specials") {
			specials[rapid.IntRange(0, max(n-1, 0)).Draw(t, "place")] = special.Draw(t, "special")
		}
		var data []byte
		bad := -1
		for i := range n {
			x, ok := specials[i]
			if !ok {
				x = uint32(i) * 0x0123_0123 % 0x7b00
			}
			finite := true
			switch dt {
			case Float32:
				f := float64(math.Float32frombits(x))
				finite = !math.IsNaN(f) && !math.IsInf(f, 0)
				data = binary.LittleEndian.AppendUint32(data, x)
			case Float16:
				finite = float16.Frombits(uint16(x)).IsFinite()
				data = binary.LittleEndian.AppendUint16(data, uint16(x))
			default:
				data = append(data, byte(x))
			}
			if !finite && bad < 0 {
				bad = i
			}
		}
		err := checkFinite(dt, data)
		if bad < 0 {
			require.NoError(t, err)
			return
		}
		var value *ValueError
		require.True(t, errors.As(err, &value))
		require.Equal(t, bad, value.Index)
	})
}
