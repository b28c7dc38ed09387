package segments

import (
	"github.com/tidemark-db/tidemark/segments/payload"
	"github.com/tidemark-db/tidemark/wal"
)

// part is where rows lie: a head as of one moment, or a segment. Rows are
// numbered from 0. Its methods may be called concurrently.
type part interface {
	rows() int
	// hash returns the row's hash, see HashPoint.
	hash(row uint32) (Hash, error)
	payload(row uint32) (payload.Object, error)
	// vector returns the stored form; false if the row has no such vector.
	vector(row uint32, key VectorKey) ([]byte, bool, error)
	// vectorSize returns the length of the stored form.
	vectorSize(row uint32, key VectorKey) (int, bool, error)
	// vectorHash returns the hash of a vector, see HashVector.
	vectorHash(row uint32, key VectorKey) (Hash, bool, error)
	// size estimates the bytes of payload and vectors.
	size(row uint32) int
}

// Row names one row of a part. It is a small value. Its content may be read as
// long as the view that it came from is retained; what was read stays valid.
type Row struct {
	part    part
	n       uint32
	id      PointID
	version wal.Position
}

// ID returns the id of the point.
func (r Row) ID() PointID { return r.id }

// Version returns the position of the record that wrote the row.
func (r Row) Version() wal.Position { return r.version }

// Payload returns the payload. It must not be modified.
func (r Row) Payload() (payload.Object, error) { return r.part.payload(r.n) }

// Vector returns the stored form of a vector, and false if the point does not
// have it. It must not be modified.
func (r Row) Vector(key VectorKey) ([]byte, bool, error) { return r.part.vector(r.n, key) }

// Hash returns the hash of the row without its vectors.
func (r Row) Hash() (Hash, error) { return r.part.hash(r.n) }

// VectorHash returns the hash of a vector, and false if the point does not
// have it.
func (r Row) VectorHash(key VectorKey) (Hash, bool, error) { return r.part.vectorHash(r.n, key) }

// Size estimates the bytes of payload and vectors together.
func (r Row) Size() int { return r.part.size(r.n) }
