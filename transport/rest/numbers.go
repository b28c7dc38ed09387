package rest

import (
	"bytes"
	"math"
	"strconv"

	"github.com/tidemark-db/tidemark/index/filter"
)

// appendFloat64 appends f as clients of the reference know floats: always with
// a point or an exponent, so that 1.0 stays a float.
func appendFloat64(dst []byte, f float64) []byte { return appendFloat(dst, f, 64) }

// appendFloat32 is appendFloat64 with the fewest digits that name a float32.
func appendFloat32(dst []byte, f float32) []byte { return appendFloat(dst, float64(f), 32) }

func appendFloat(dst []byte, f float64, bits int) []byte {
	start := len(dst)
	if abs := math.Abs(f); abs != 0 && (abs < 1e-5 || abs >= 1e16) {
		return strconv.AppendFloat(dst, f, 'e', -1, bits)
	}
	dst = strconv.AppendFloat(dst, f, 'f', -1, bits)
	if bytes.IndexByte(dst[start:], '.') < 0 {
		dst = append(dst, '.', '0')
	}
	return dst
}

func appendFloats(dst []byte, values []float32) []byte {
	dst = append(dst, '[')
	sep := false
	for _, f := range values {
		dst = appendFloat32(appendComma(dst, &sep), f)
	}
	return append(dst, ']')
}

func appendUints(dst []byte, values []uint32) []byte {
	dst = append(dst, '[')
	sep := false
	for _, n := range values {
		dst = strconv.AppendUint(appendComma(dst, &sep), uint64(n), 10)
	}
	return append(dst, ']')
}

// appendOrderValue appends an integer or a float.
func appendOrderValue(dst []byte, v filter.OrderValue) []byte {
	if i, ok := v.Int(); ok {
		return strconv.AppendInt(dst, i, 10)
	}
	return appendFloat64(dst, v.Float())
}
