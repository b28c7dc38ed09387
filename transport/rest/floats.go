package rest

import (
	"errors"
	"math"
	"strconv"
)

// errNotFinite says that a number is beyond what a float32 holds.
var errNotFinite = errors.New("is no finite 32-bit float")

// errNotNumbers says that an array holds something that is no number.
var errNotNumbers = errors.New("is no number")

// scanFloats appends the numbers of a JSON array to dst, each rounded to the
// nearest float32. raw is one value that is known to be valid JSON. On an error
// it also returns the index of the element that is wrong.
func scanFloats(dst []float32, raw []byte) (out []float32, index int, err error) {
	i := skipSpace(raw, 0)
	if i >= len(raw) || raw[i] != '[' {
		return dst, 0, errNotNumbers
	}
	i = skipSpace(raw, i+1)
	if i < len(raw) && raw[i] == ']' {
		return dst, 0, nil
	}
	for n := 0; ; n++ {
		f, end, err := scanFloat(raw, i)
		if err != nil {
			return dst, n, err
		}
		dst = append(dst, f)
		i = skipSpace(raw, end)
		if i >= len(raw) {
			return dst, n, errNotNumbers
		}
		switch raw[i] {
		case ',':
			i = skipSpace(raw, i+1)
		case ']':
			return dst, 0, nil
		default:
			return dst, n, errNotNumbers
		}
	}
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// pow10 holds the powers of ten that a float64 represents exactly, and
// tenths their inverses, which are rounded.
var (
	pow10 = [maxDigits + 1]float64{
		1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9,
		1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
	}
	tenths = [maxDigits + 1]float64{
		1e-0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9,
		1e-10, 1e-11, 1e-12, 1e-13, 1e-14, 1e-15, 1e-16, 1e-17, 1e-18, 1e-19,
	}
)

// maxDigits is how many decimal digits always fit a uint64.
const maxDigits = 19

// scanFloat reads the number at raw[i:] and returns it with the place where it
// ends.
//
// The digits are taken as an integer and scaled in float64. That is off by less
// than two units of the last of 53 bits, which cannot change the nearest
// float32 unless the exact value lies that close to the middle between two of
// them. There, and for numbers with an exponent and those that are very large,
// very small or very long, strconv decides.
func scanFloat(raw []byte, i int) (f float32, end int, err error) {
	start := i
	negative := i < len(raw) && raw[i] == '-'
	if negative {
		i++
	}
	first := i
	mantissa, i := scanDigits(raw, i, 0)
	digits, fraction := i-first, 0
	if digits == 0 {
		return 0, i, errNotNumbers
	}
	if i < len(raw) && raw[i] == '.' {
		first = i + 1
		mantissa, i = scanDigits(raw, first, mantissa)
		fraction = i - first
		if fraction == 0 {
			return 0, i, errNotNumbers
		}
	}
	if digits+fraction > maxDigits || i < len(raw) && raw[i]|0x20 == 'e' {
		return slowFloat(raw, start)
	}
	f, sure := roundFloat32(float64(mantissa) * tenths[fraction])
	if !sure {
		return slowFloat(raw, start)
	}
	if negative {
		f = -f
	}
	return f, i, nil
}

// scanDigits reads decimal digits and adds them to mantissa, which is of no use
// if there were more than maxDigits.
func scanDigits(raw []byte, i int, mantissa uint64) (uint64, int) {
	for ; i < len(raw); i++ {
		c := raw[i] - '0'
		if c > 9 {
			break
		}
		mantissa = mantissa*10 + uint64(c)
	}
	return mantissa, i
}

// roundFloat32 returns the float32 nearest to a value that d approximates, and
// whether that is certain. d must be off by less than slack units in its last
// place.
func roundFloat32(d float64) (f float32, sure bool) {
	const (
		discarded = 52 - 23 // bits of a float64 that a float32 has no room for
		middle    = 1 << (discarded - 1)
		slack     = 8
		smallest  = 0x1p-126 // below, float32 has fewer bits
		largest   = 0x1p+127
	)
	if d == 0 {
		return 0, true
	}
	if d < smallest || d > largest {
		return 0, false
	}
	rest := int64(math.Float64bits(d) & (1<<discarded - 1))
	if distance := rest - middle; distance < slack && distance > -slack {
		return 0, false
	}
	return float32(d), true
}

// slowFloat is scanFloat by way of strconv.
func slowFloat(raw []byte, start int) (f float32, end int, err error) {
	end = start
	for end < len(raw) && isNumberByte(raw[end]) {
		end++
	}
	v, err := strconv.ParseFloat(string(raw[start:end]), 32)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, end, errNotFinite
	case err != nil:
		return 0, end, errNotNumbers
	}
	return float32(v), end, nil
}

func isNumberByte(c byte) bool {
	return c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.' || c|0x20 == 'e'
}

// parseFloat64 returns a JSON number as a float64.
func parseFloat64(raw []byte) (float64, error) {
	i := 0
	negative := len(raw) > 0 && raw[0] == '-'
	if negative {
		i++
	}
	first := i
	mantissa, i := scanDigits(raw, i, 0)
	digits, fraction := i-first, 0
	if i < len(raw) && raw[i] == '.' {
		first = i + 1
		mantissa, i = scanDigits(raw, first, mantissa)
		fraction = i - first
	}
	// An integer below 2^53 and these powers of ten are exact, so that one
	// division rounds once.
	const exact = 1 << 53
	if i == len(raw) && digits+fraction <= maxDigits && mantissa < exact {
		f := float64(mantissa) / pow10[fraction]
		if negative {
			f = -f
		}
		return f, nil
	}
	return strconv.ParseFloat(string(raw), 64)
}
