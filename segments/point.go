package segments

import (
	"github.com/tidemark-db/tidemark/segments/payload"
	"github.com/tidemark-db/tidemark/wal"
)

// Vector is one vector of a point in its stored form; see CheckVector.
type Vector struct {
	Key  VectorKey
	Data []byte
}

// Point is a point as one record left it.
type Point struct {
	ID PointID
	// Version is the position of the record that wrote the point last.
	Version wal.Position
	Payload payload.Object
	Vectors []Vector // ascending by key, each key once
}
