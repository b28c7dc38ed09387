package tidemark

import (
	"time"

	"github.com/tidemark-db/tidemark/index/filter"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/segments/payload"
	"github.com/tidemark-db/tidemark/wal"
)

// Operation is one change of points as a client asks for it. It may name
// points by a filter and vectors by their names; Collection.Write resolves it
// into an Event, which does neither.
type Operation interface{ isOperation() }

// Upsert inserts points or replaces them whole.
type Upsert struct {
	Points []PointInput
	Mode   UpsertMode
	// Filter, if not nil, lets only those existing points be replaced that it
	// matches; points that do not exist are inserted.
	Filter *filter.Filter
}

// UpsertMode restricts an Upsert.
type UpsertMode uint8

// The modes of Upsert.
const (
	UpsertAll  UpsertMode = iota // insert and replace
	InsertOnly                   // leave existing points alone
	UpdateOnly                   // skip points that do not exist
)

// Delete removes points. Ids that do not exist are ignored.
type Delete struct{ Selector Selector }

// SetPayload merges Payload into the payload of points, at the top level or at
// At. A null removes the key.
type SetPayload struct {
	Selector Selector
	Payload  payload.Object
	At       *payload.Path
}

// OverwritePayload replaces the payload of points.
type OverwritePayload struct {
	Selector Selector
	Payload  payload.Object
}

// DeletePayload removes keys from the payload of points.
type DeletePayload struct {
	Selector Selector
	Keys     []payload.Path
}

// ClearPayload empties the payload of points.
type ClearPayload struct{ Selector Selector }

// UpdateVectors replaces the named vectors of points and leaves their others.
type UpdateVectors struct {
	Points []PointVectors
	// Filter, if not nil, restricts the update to the points that it matches.
	Filter *filter.Filter
}

// DeleteVectors removes the named vectors from points.
type DeleteVectors struct {
	Selector Selector
	Names    []string
}

func (*Upsert) isOperation()           {}
func (*Delete) isOperation()           {}
func (*SetPayload) isOperation()       {}
func (*OverwritePayload) isOperation() {}
func (*DeletePayload) isOperation()    {}
func (*ClearPayload) isOperation()     {}
func (*UpdateVectors) isOperation()    {}
func (*DeleteVectors) isOperation()    {}

// Selector names points: by Filter if it is not nil, else by IDs.
type Selector struct {
	IDs    []segments.PointID
	Filter *filter.Filter
}

// PointInput is a point as a client sends it.
type PointInput struct {
	ID      segments.PointID
	Vectors []NamedVector
	Payload payload.Object
}

// PointVectors names the vectors of one point that UpdateVectors replaces.
type PointVectors struct {
	ID      segments.PointID
	Vectors []NamedVector
}

// NamedVector is a vector under the name that the collection knows it by; the
// unnamed vector has the name "".
type NamedVector struct {
	Name   string
	Vector VectorInput
}

// VectorInput is a vector in numbers, not yet normalised or rounded. Exactly
// one of the fields is used, as Kind says. A flat list given for a multi vector
// is a multi vector of one row.
type VectorInput struct {
	Kind   segments.VectorKind
	Dense  []float32
	Sparse SparseInput
	Multi  [][]float32
}

// SparseInput holds a sparse vector in any order of indices.
type SparseInput struct {
	Indices []uint32
	Values  []float32
}

// WriteOptions says how long a write waits.
type WriteOptions struct {
	// Wait lets the answer wait until the write is applied, not only durable.
	Wait bool
	// Timeout bounds the wait for apply; 0 is no bound. Durability is always
	// awaited.
	Timeout time.Duration
}

// Status says how far a write had come when it was answered.
type Status uint8

// The states of an answered write.
const (
	Acknowledged Status = iota // durable
	Completed                  // durable and applied
	WaitTimeout                // durable, not applied within the time given
)

// Result answers one operation: the position of the last record that holds a
// part of it.
type Result struct {
	Position wal.Position
	Status   Status
}
