package tidemark

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/tidemark-db/tidemark/index/filter"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/segments/payload"
	"github.com/tidemark-db/tidemark/wal"
)

// Event is one fact of a collection: the content of one record of its log. It
// holds resolved effects, never a query to be evaluated again.
type Event struct {
	Header
	Body EventBody
}

// Header is the part that all events share.
type Header struct {
	// Clock is the writer's clock.
	Clock time.Time
	// OperationID names the request that made the event.
	OperationID uuid.UUID
	// ConfigVersion is the Config.Version that the event was validated
	// against; 0 in the first event of a collection.
	ConfigVersion wal.Position
}

// EventBody is one of CreateEvent, PointsEvent, ConfigureEvent, MarkEvent and
// RestoreEvent.
type EventBody interface{ eventType() eventType }

// CreateEvent is the first event of a collection.
type CreateEvent struct {
	// Lineage is the identity of the history that begins here.
	Lineage uuid.UUID
	// Vectors get their keys from the position of the record and their place
	// in this list.
	Vectors  []segments.VectorSpec
	Indexes  map[string]filter.FieldIndex
	Settings json.RawMessage
}

// PointsEvent changes points. Its effects apply in order.
type PointsEvent struct{ Effects []Effect }

// ConfigureEvent changes the configuration: it drops, then adds.
type ConfigureEvent struct {
	// Settings replaces the settings unless it is nil.
	Settings    json.RawMessage
	DropVectors []segments.VectorKey
	// AddVectors get their keys as in CreateEvent.
	AddVectors  []segments.VectorSpec
	DropIndexes []string
	SetIndexes  map[string]filter.FieldIndex
}

// MarkEvent says which digest the collection had after the record at At was
// applied. It changes nothing: whoever replays the log compares.
type MarkEvent struct {
	At     wal.Position
	Digest segments.Digest
}

// RestoreEvent is the first event of a collection that was restored, and the
// first one after an undo: it says which state the collection goes on with. It changes nothing else: the state came
// with the manifest, and whoever has the state compares.
type RestoreEvent struct {
	// Lineage, Position and Digest are those of the state that was restored.
	Lineage  uuid.UUID
	Position wal.Position
	Digest   segments.Digest
}

type eventType uint8

const (
	eventCreate    eventType = 1
	eventPoints    eventType = 2
	eventConfigure eventType = 3
	eventMark      eventType = 4
	eventRestore   eventType = 5
)

func (*CreateEvent) eventType() eventType    { return eventCreate }
func (*PointsEvent) eventType() eventType    { return eventPoints }
func (*ConfigureEvent) eventType() eventType { return eventConfigure }
func (*MarkEvent) eventType() eventType      { return eventMark }
func (*RestoreEvent) eventType() eventType   { return eventRestore }

// Effect is one resolved change of points. Payloads and vector data of a
// decoded effect are views of the record's bytes.
type Effect interface{ effectType() effectType }

// PutPoint inserts a point or replaces it whole.
type PutPoint struct {
	ID      segments.PointID
	Payload payload.Object
	Vectors []segments.Vector // ascending by key
}

// RemovePoints removes points; those that do not exist are ignored.
type RemovePoints struct{ IDs []segments.PointID }

// PatchKind says what a PatchPayload does.
type PatchKind uint8

// The kinds of PatchPayload.
const (
	PatchMerge     PatchKind = 1 // merge Payload at the top level
	PatchMergeAt   PatchKind = 2 // merge Payload at Paths[0]
	PatchOverwrite PatchKind = 3 // replace the payload by Payload
	PatchRemove    PatchKind = 4 // remove Paths
	PatchClear     PatchKind = 5 // empty the payload
)

// PatchPayload changes the payload of points that exist.
type PatchPayload struct {
	Kind    PatchKind
	IDs     []segments.PointID
	Payload payload.Object
	Paths   []payload.Path
}

// PutVectors replaces some vectors of a point that exists.
type PutVectors struct {
	ID      segments.PointID
	Vectors []segments.Vector // ascending by key
}

// RemoveVectors removes some vectors of points that exist.
type RemoveVectors struct {
	IDs  []segments.PointID
	Keys []segments.VectorKey
}

type effectType uint8

const (
	effectPut           effectType = 1
	effectRemove        effectType = 2
	effectPatch         effectType = 3
	effectPutVectors    effectType = 4
	effectRemoveVectors effectType = 5
)

func (*PutPoint) effectType() effectType      { return effectPut }
func (*RemovePoints) effectType() effectType  { return effectRemove }
func (*PatchPayload) effectType() effectType  { return effectPatch }
func (*PutVectors) effectType() effectType    { return effectPutVectors }
func (*RemoveVectors) effectType() effectType { return effectRemoveVectors }
