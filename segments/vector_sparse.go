package segments

import (
	"encoding/binary"
	"fmt"
)

// indexSize is the length of a sparse index.
const indexSize = 4

// EncodeSparse returns the stored form of a sparse vector: the number of
// entries as a u32, the indices as u32, the values as EncodeDense has them.
// Indices must ascend, each once.
func EncodeSparse(dt Datatype, indices []uint32, values []float32) ([]byte, error) {
	if len(indices) != len(values) {
		return nil, fmt.Errorf("%d indices but %d values", len(indices), len(values))
	}
	b := make([]byte, 0, countSize+len(indices)*(indexSize+dt.Size()))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(indices)))
	for i, x := range indices {
		if i > 0 && x <= indices[i-1] {
			return nil, fmt.Errorf("index %d at %d does not ascend", x, i)
		}
		b = binary.LittleEndian.AppendUint32(b, x)
	}
	return appendNumbers(b, dt, values, 0)
}

// DecodeSparse reads a sparse vector.
func DecodeSparse(dt Datatype, data []byte) (indices []uint32, values []float32, err error) {
	raw, numbers, err := splitSparse(dt, data)
	if err != nil {
		return nil, nil, err
	}
	indices = make([]uint32, 0, len(raw)/indexSize)
	for ; len(raw) > 0; raw = raw[indexSize:] {
		indices = append(indices, binary.LittleEndian.Uint32(raw))
	}
	values, err = DecodeDense(dt, numbers, make([]float32, 0, len(indices)))
	return indices, values, err
}

// splitSparse returns the bytes of the indices and those of the values.
func splitSparse(dt Datatype, data []byte) (indices, values []byte, err error) {
	n, body, ok := splitCount(data)
	if !ok || dt.Size() == 0 || n*uint64(indexSize+dt.Size()) != uint64(len(body)) {
		return nil, nil, fmt.Errorf("%d bytes are no sparse vector in %v", len(data), dt)
	}
	return body[:n*indexSize], body[n*indexSize:], nil
}
