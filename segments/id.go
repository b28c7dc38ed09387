package segments

import (
	"encoding/binary"
	"errors"
	"strconv"

	"github.com/google/uuid"
)

// PointID is the id of a point: a number or a UUID. Numbers come first, in
// their order, then UUIDs in the order of their bytes. The zero PointID is the
// number 0, the lowest id. Ids are compared with == or Compare.
type PointID struct {
	hi, lo uint64
	kind   idKind
}

type idKind uint8

const (
	numberKind idKind = 0
	uuidKind   idKind = 1
)

// PointIDSize is the length of an encoded PointID.
const PointIDSize = 1 + idBytes

// idBytes is the length of an encoded id whose kind is known.
const idBytes = 16

// NumberID returns the id that is the number n.
func NumberID(n uint64) PointID { return PointID{lo: n} }

// UUIDID returns the id that is the UUID u.
func UUIDID(u uuid.UUID) PointID {
	return PointID{hi: binary.BigEndian.Uint64(u[:8]), lo: binary.BigEndian.Uint64(u[8:]), kind: uuidKind}
}

// IsUUID reports whether the id is a UUID.
func (id PointID) IsUUID() bool { return id.kind == uuidKind }

// Number returns the number of an id that is no UUID.
func (id PointID) Number() uint64 { return id.lo }

// UUID returns the UUID of an id that is one.
func (id PointID) UUID() uuid.UUID {
	var u uuid.UUID
	id.put(u[:])
	return u
}

// Compare orders ids: numbers ascending, then UUIDs by their bytes.
func (id PointID) Compare(other PointID) int {
	switch {
	case id == other:
		return 0
	case id.less(other):
		return -1
	}
	return 1
}

func (id PointID) less(other PointID) bool {
	if id.kind != other.kind {
		return id.kind < other.kind
	}
	if id.hi != other.hi {
		return id.hi < other.hi
	}
	return id.lo < other.lo
}

// String returns the number in decimal or the UUID in its usual form.
func (id PointID) String() string {
	if id.kind == uuidKind {
		return id.UUID().String()
	}
	return strconv.FormatUint(id.lo, 10)
}

// AppendBinary appends the PointIDSize bytes of the id: kind, then 16 bytes,
// big-endian. Encoded ids compare as the ids do. The error is always nil.
func (id PointID) AppendBinary(b []byte) ([]byte, error) {
	return id.append(b), nil
}

func (id PointID) append(b []byte) []byte {
	b = append(b, byte(id.kind))
	b = binary.BigEndian.AppendUint64(b, id.hi)
	return binary.BigEndian.AppendUint64(b, id.lo)
}

// put writes the id without its kind.
func (id PointID) put(b []byte) {
	binary.BigEndian.PutUint64(b, id.hi)
	binary.BigEndian.PutUint64(b[8:], id.lo)
}

// idAt reads what put wrote.
func idAt(kind idKind, b []byte) PointID {
	return PointID{hi: binary.BigEndian.Uint64(b), lo: binary.BigEndian.Uint64(b[8:]), kind: kind}
}

var errPointID = errors.New("the bytes are no point id")

// DecodePointID reads an id from the start of b and returns what follows it.
func DecodePointID(b []byte) (id PointID, rest []byte, err error) {
	if len(b) < PointIDSize || b[0] > byte(uuidKind) {
		return PointID{}, nil, errPointID
	}
	id = idAt(idKind(b[0]), b[1:])
	if id.kind == numberKind && id.hi != 0 {
		return PointID{}, nil, errPointID
	}
	return id, b[PointIDSize:], nil
}
