package vector

import (
	"encoding/binary"
	"math"
)

// The kernels for halves and bytes take four numbers at a time and keep four
// sums, so that an addition need not wait for the one before it. Sums of bytes
// are exact: a vector has at most 65536 numbers, whose products add up to less
// than 2^32.

// half returns the float16 in the low bits, which is finite. The bits of a half
// become those of a float32 whose exponent is too small by 112; the
// multiplication mends that, exactly, for subnormal halves too.
func half(bits uint32) float32 {
	f := math.Float32frombits((bits&0x7fff)<<13) * 0x1p112
	return math.Float32frombits(math.Float32bits(f) | (bits&0x8000)<<16)
}

// halves returns the four float16 at the start of data.
func halves(data []byte) (a, b, c, d float32) {
	w := binary.LittleEndian.Uint64(data)
	lo, hi := uint32(w), uint32(w>>32)
	return half(lo), half(lo >> 16), half(hi), half(hi >> 16)
}

func dot16(query []float32, data []byte) float32 {
	var a, b, c, d float32
	for len(query) >= 4 && len(data) >= 8 {
		w, x, y, z := halves(data)
		a, b, c, d = a+query[0]*w, b+query[1]*x, c+query[2]*y, d+query[3]*z
		query, data = query[4:], data[8:]
	}
	for i, q := range query {
		a += q * half(uint32(binary.LittleEndian.Uint16(data[2*i:])))
	}
	return (a + b) + (c + d)
}

func euclid16(query []float32, data []byte) float32 {
	var a, b, c, d float32
	for len(query) >= 4 && len(data) >= 8 {
		w, x, y, z := halves(data)
		w, x, y, z = query[0]-w, query[1]-x, query[2]-y, query[3]-z
		a, b, c, d = a+w*w, b+x*x, c+y*y, d+z*z
		query, data = query[4:], data[8:]
	}
	for i, q := range query {
		w := q - half(uint32(binary.LittleEndian.Uint16(data[2*i:])))
		a += w * w
	}
	return float32(math.Sqrt(float64((a + b) + (c + d))))
}

func manhattan16(query []float32, data []byte) float32 {
	var a, b, c, d float32
	for len(query) >= 4 && len(data) >= 8 {
		w, x, y, z := halves(data)
		a, b, c, d = a+abs(query[0]-w), b+abs(query[1]-x), c+abs(query[2]-y), d+abs(query[3]-z)
		query, data = query[4:], data[8:]
	}
	for i, q := range query {
		a += abs(q - half(uint32(binary.LittleEndian.Uint16(data[2*i:]))))
	}
	return (a + b) + (c + d)
}

func abs(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }

func dot8(query, data []byte) uint32 {
	var a, b, c, d uint32
	for len(query) >= 4 && len(data) >= 4 {
		a += uint32(query[0]) * uint32(data[0])
		b += uint32(query[1]) * uint32(data[1])
		c += uint32(query[2]) * uint32(data[2])
		d += uint32(query[3]) * uint32(data[3])
		query, data = query[4:], data[4:]
	}
	for i, q := range query {
		a += uint32(q) * uint32(data[i])
	}
	return a + b + c + d
}

// cosine8 divides by the lengths, because bytes are stored as they are. The
// cosine with a vector of length zero is 0.
func cosine8(query, data []byte, queryLength float64) float32 {
	squares := dot8(data, data)
	if squares == 0 || queryLength == 0 {
		return 0
	}
	return float32(float64(dot8(query, data)) / (queryLength * math.Sqrt(float64(squares))))
}

func euclid8(query, data []byte) float32 {
	var a, b, c, d uint32
	for len(query) >= 4 && len(data) >= 4 {
		w, x, y, z := gap(query[0], data[0]), gap(query[1], data[1]), gap(query[2], data[2]), gap(query[3], data[3])
		a, b, c, d = a+w*w, b+x*x, c+y*y, d+z*z
		query, data = query[4:], data[4:]
	}
	for i, q := range query {
		w := gap(q, data[i])
		a += w * w
	}
	return float32(math.Sqrt(float64(a + b + c + d)))
}

func manhattan8(query, data []byte) uint32 {
	var a, b, c, d uint32
	for len(query) >= 4 && len(data) >= 4 {
		a += gap(query[0], data[0])
		b += gap(query[1], data[1])
		c += gap(query[2], data[2])
		d += gap(query[3], data[3])
		query, data = query[4:], data[4:]
	}
	for i, q := range query {
		a += gap(q, data[i])
	}
	return a + b + c + d
}

// gap returns the distance of two bytes without a branch, which no processor
// could predict.
func gap(a, b byte) uint32 {
	d := int32(a) - int32(b)
	sign := d >> 31
	return uint32((d ^ sign) - sign)
}
