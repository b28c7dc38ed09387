package segments

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/x448/float16"
)

// CheckVector checks bytes from outside: it accepts exactly the stored forms of
// vectors that spec allows.
//
//	dense   Size numbers in the datatype
//	sparse  u32 count, indices u32 ascending, values in the datatype
//	multi   u32 rows, at least 1, then rows x Size numbers in the datatype
//
// All integers and numbers are little-endian, and all numbers are finite.
func CheckVector(spec VectorSpec, data []byte) error {
	numbers := data
	switch spec.Kind {
	case Dense:
		if spec.Stride() == 0 || len(data) != spec.Stride() {
			return fmt.Errorf("a vector of size %d in %v has %d bytes", spec.Size, spec.Datatype, len(data))
		}
	case Sparse:
		indices, values, err := splitSparse(spec.Datatype, data)
		if err != nil {
			return err
		}
		if err := checkIndices(indices); err != nil {
			return err
		}
		numbers = values
	case Multi:
		rows, body, err := splitMulti(spec.Datatype, spec.Size, data)
		if err != nil {
			return err
		}
		if rows == 0 {
			return errNoRows
		}
		numbers = body
	default:
		return fmt.Errorf("unknown kind of vector %d", spec.Kind)
	}
	return checkFinite(spec.Datatype, numbers)
}

func checkIndices(b []byte) error {
	for i := indexSize; i < len(b); i += indexSize {
		if x := binary.LittleEndian.Uint32(b[i:]); x <= binary.LittleEndian.Uint32(b[i-indexSize:]) {
			return fmt.Errorf("sparse index %d at %d does not ascend", x, i/indexSize)
		}
	}
	return nil
}

func checkFinite(dt Datatype, b []byte) error {
	if allFinite(dt, b) {
		return nil
	}
	switch dt {
	case Float32:
		for i := 0; i < len(b); i += 4 {
			if x := math.Float32frombits(binary.LittleEndian.Uint32(b[i:])); !isFinite(x) {
				return &ValueError{Index: i / 4, Value: x, Datatype: dt}
			}
		}
	case Float16:
		for i := 0; i < len(b); i += 2 {
			if h := float16.Frombits(binary.LittleEndian.Uint16(b[i:])); !h.IsFinite() {
				return &ValueError{Index: i / 2, Value: h.Float32(), Datatype: dt}
			}
		}
	}
	return nil
}

// allFinite looks at eight bytes at a time, four times in a row, as vectors are
// long. A number is not finite if all bits
// of its exponent are set: only then does 1 added to the exponent, with the sign
// cleared, carry into the place of the sign.
func allFinite(dt Datatype, b []byte) bool {
	var exponents, one, signs uint64
	switch dt {
	case Float32:
		exponents, one, signs = 0x7f800000_7f800000, 0x00800000_00800000, 0x80000000_80000000
	case Float16:
		exponents, one, signs = 0x7c00_7c00_7c00_7c00, 0x0400_0400_0400_0400, 0x8000_8000_8000_8000
	default:
		return true // integers are
	}
	carries := uint64(0)
	for ; len(b) >= 32; b = b[32:] {
		carries |= binary.LittleEndian.Uint64(b)&exponents + one
		carries |= binary.LittleEndian.Uint64(b[8:])&exponents + one
		carries |= binary.LittleEndian.Uint64(b[16:])&exponents + one
		carries |= binary.LittleEndian.Uint64(b[24:])&exponents + one
	}
	for ; len(b) >= 8; b = b[8:] {
		carries |= binary.LittleEndian.Uint64(b)&exponents + one
	}
	var rest [8]byte // zeros are finite
	copy(rest[:], b)
	carries |= binary.LittleEndian.Uint64(rest[:])&exponents + one
	return carries&signs == 0
}
