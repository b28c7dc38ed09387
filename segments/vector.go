package segments

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/x448/float16"
)

// ValueError says which number of a vector its datatype cannot hold.
type ValueError struct {
	Index    int // of the number, counted through all rows
	Value    float32
	Datatype Datatype
}

// Error implements error.
func (e *ValueError) Error() string {
	return fmt.Sprintf("value %v at index %d is not a finite number in %v", e.Value, e.Index, e.Datatype)
}

// EncodeDense returns the stored form of a dense vector: its numbers,
// little-endian, in the datatype. float16 rounds to the nearest, ties to even;
// uint8 cuts off fractions and saturates. A number that is not finite after
// that is a *ValueError.
func EncodeDense(dt Datatype, v []float32) ([]byte, error) {
	return appendNumbers(make([]byte, 0, len(v)*dt.Size()), dt, v, 0)
}

// EncodeMulti returns the stored form of a multi vector: the number of rows as
// a u32, then the rows, all of the same length, as EncodeDense has them.
func EncodeMulti(dt Datatype, rows [][]float32) ([]byte, error) {
	if len(rows) == 0 || len(rows[0]) == 0 {
		return nil, errNoRows
	}
	width := len(rows[0])
	b := make([]byte, 0, countSize+len(rows)*width*dt.Size())
	b = binary.LittleEndian.AppendUint32(b, uint32(len(rows)))
	for i, row := range rows {
		if len(row) != width {
			return nil, fmt.Errorf("row %d has %d numbers, the first has %d", i, len(row), width)
		}
		var err error
		if b, err = appendNumbers(b, dt, row, i*width); err != nil {
			return nil, err
		}
	}
	return b, nil
}

var errNoRows = errors.New("a multi vector has at least one row and no empty ones")

// countSize is the length of the count that begins sparse and multi vectors.
const countSize = 4

// appendNumbers appends v in the datatype. The first number has index base in
// error messages.
func appendNumbers(b []byte, dt Datatype, v []float32, base int) ([]byte, error) {
	switch dt {
	case Float32, Float16, Uint8:
	default:
		return nil, fmt.Errorf("unknown datatype %d", dt)
	}
	for i, x := range v {
		if !isFinite(x) {
			return nil, &ValueError{Index: base + i, Value: x, Datatype: dt}
		}
		switch dt {
		case Float32:
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
		case Float16:
			h := float16.Fromfloat32(x)
			if !h.IsFinite() {
				return nil, &ValueError{Index: base + i, Value: x, Datatype: dt}
			}
			b = binary.LittleEndian.AppendUint16(b, h.Bits())
		default:
			b = append(b, toUint8(x))
		}
	}
	return b, nil
}

func isFinite(x float32) bool { return math.Float32bits(x)&0x7f800000 != 0x7f800000 }

func toUint8(x float32) byte {
	switch {
	case x <= 0:
		return 0
	case x >= 255:
		return 255
	}
	return byte(x)
}

// DecodeDense reads a dense vector, or rows of a multi vector, and appends its
// numbers to dst.
func DecodeDense(dt Datatype, data []byte, dst []float32) ([]float32, error) {
	size := dt.Size()
	if size == 0 || len(data)%size != 0 {
		return nil, fmt.Errorf("%d bytes are no numbers of datatype %v", len(data), dt)
	}
	switch dt {
	case Float32:
		for ; len(data) > 0; data = data[4:] {
			dst = append(dst, math.Float32frombits(binary.LittleEndian.Uint32(data)))
		}
	case Float16:
		for ; len(data) > 0; data = data[2:] {
			dst = append(dst, float16.Frombits(binary.LittleEndian.Uint16(data)).Float32())
		}
	default:
		for _, x := range data {
			dst = append(dst, float32(x))
		}
	}
	return dst, nil
}

// DecodeMulti reads a multi vector whose rows have size numbers each.
func DecodeMulti(dt Datatype, size int, data []byte) ([][]float32, error) {
	rows, body, err := splitMulti(dt, size, data)
	if err != nil {
		return nil, err
	}
	flat, err := DecodeDense(dt, body, make([]float32, 0, rows*size))
	if err != nil {
		return nil, err
	}
	out := make([][]float32, rows)
	for i := range out {
		out[i] = flat[i*size : (i+1)*size : (i+1)*size]
	}
	return out, nil
}

// splitMulti returns the number of rows and the bytes of all rows.
func splitMulti(dt Datatype, size int, data []byte) (rows int, body []byte, err error) {
	n, body, ok := splitCount(data)
	if stride := uint64(size) * uint64(dt.Size()); !ok || stride == 0 || n*stride != uint64(len(body)) {
		return 0, nil, fmt.Errorf("%d bytes are no multi vector of size %d in %v", len(data), size, dt)
	}
	return int(n), body, nil
}

func splitCount(data []byte) (n uint64, body []byte, ok bool) {
	if len(data) < countSize {
		return 0, nil, false
	}
	return uint64(binary.LittleEndian.Uint32(data)), data[countSize:], true
}
