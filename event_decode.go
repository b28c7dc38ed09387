package tidemark

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tidemark-db/tidemark/index/filter"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/segments/payload"
	"github.com/tidemark-db/tidemark/wal"
)

const eventHeaderSize = 40

// maxEventCount bounds what one event may claim to hold, well above what a
// writer is allowed to put in.
const maxEventCount = 1 << 24

var errEventEnd = errors.New("it ends too early")

// UnknownEventError says that a record was written by a later version.
type UnknownEventError struct {
	Version, Type uint8
	Flags         uint16
}

// Error implements error.
func (e *UnknownEventError) Error() string {
	return fmt.Sprintf("unknown event (version %d, type %d, flags %#x): use the version that wrote it", e.Version, e.Type, e.Flags)
}

// DecodeEvent reads what AppendEvent wrote. The event's payloads, vectors and
// settings are views of b. A nil event without an error stands for one of a
// later version that its writer allows to be skipped.
func DecodeEvent(b []byte) (*Event, error) {
	if len(b) < eventHeaderSize {
		return nil, fmt.Errorf("decode event: %w", errEventEnd)
	}
	version, typ, flags := b[0], eventType(b[1]), binary.LittleEndian.Uint16(b[2:])
	known := typ >= eventCreate && typ <= eventRestore
	if version == eventVersion && !known && flags == flagIgnorable {
		return nil, nil
	}
	if version != eventVersion || !known || flags&^flagIgnorable != 0 {
		return nil, &UnknownEventError{Version: version, Type: uint8(typ), Flags: flags}
	}
	e := &Event{Header: decodeHeader(b)}
	extensions := uint64(binary.LittleEndian.Uint32(b[36:]))
	r := &eventReader{b: b[eventHeaderSize:]}
	r.take(extensions) // none is known yet, all are optional by definition
	e.Body = r.body(typ)
	if r.err == nil && len(r.b) > 0 {
		r.err = fmt.Errorf("%d bytes too many", len(r.b))
	}
	if r.err != nil {
		return nil, fmt.Errorf("decode event of type %d: %w", typ, r.err)
	}
	return e, nil
}

func decodeHeader(b []byte) Header {
	h := Header{
		Clock:         time.UnixMicro(int64(binary.LittleEndian.Uint64(b[4:]))).UTC(),
		ConfigVersion: wal.Position(binary.LittleEndian.Uint64(b[28:])),
	}
	copy(h.OperationID[:], b[12:28])
	return h
}

// eventReader reads from the front of b until the first error.
type eventReader struct {
	b   []byte
	err error
}

func (r *eventReader) body(t eventType) EventBody {
	switch t {
	case eventCreate:
		c := &CreateEvent{}
		copy(c.Lineage[:], r.take(16))
		c.Vectors, c.Indexes, c.Settings = r.specs(), r.indexes(), r.bytes()
		return c
	case eventPoints:
		return &PointsEvent{Effects: r.effects()}
	case eventConfigure:
		return r.configure()
	case eventMark:
		m := &MarkEvent{At: r.position()}
		copy(m.Digest[:], r.take(uint64(len(m.Digest))))
		return m
	default:
		e := &RestoreEvent{}
		copy(e.Lineage[:], r.take(16))
		e.Position = r.position()
		copy(e.Digest[:], r.take(uint64(len(e.Digest))))
		return e
	}
}

func (r *eventReader) position() wal.Position {
	if p := r.take(8); r.err == nil {
		return wal.Position(binary.LittleEndian.Uint64(p))
	}
	return 0
}

func (r *eventReader) configure() *ConfigureEvent {
	c := &ConfigureEvent{}
	switch r.byte() {
	case 0:
	case 1:
		c.Settings = r.bytes()
	default:
		r.fail(errors.New("settings are neither absent nor present"))
	}
	c.DropVectors, c.AddVectors = r.keys(), r.specs()
	for range r.count(1) {
		c.DropIndexes = append(c.DropIndexes, string(r.bytes()))
	}
	c.SetIndexes = r.indexes()
	return c
}

func (r *eventReader) fail(err error) {
	if r.err == nil {
		r.err = err
		r.b = nil
	}
}

func (r *eventReader) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.fail(errEventEnd)
		return nil
	}
	p := r.b[:n:n]
	r.b = r.b[n:]
	return p
}

func (r *eventReader) byte() byte {
	if p := r.take(1); len(p) == 1 {
		return p[0]
	}
	return 0
}

func (r *eventReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail(errors.New("a number is not whole"))
		return 0
	}
	r.b = r.b[n:]
	return v
}

// count reads the number of things that follow, each at least size bytes long,
// so that damaged bytes cannot ask for more memory than they are worth.
func (r *eventReader) count(size uint64) int {
	n := r.uvarint()
	if n > maxEventCount || n*size > uint64(len(r.b)) {
		r.fail(errEventEnd)
		return 0
	}
	return int(n)
}

func (r *eventReader) bytes() []byte { return r.take(r.uvarint()) }

func (r *eventReader) id() segments.PointID {
	id, rest, err := segments.DecodePointID(r.b)
	if err != nil {
		r.fail(err)
		return id
	}
	r.b = rest
	return id
}

func (r *eventReader) ids() []segments.PointID {
	n := r.count(segments.PointIDSize)
	ids := make([]segments.PointID, 0, n)
	for range n {
		ids = append(ids, r.id())
	}
	return ids
}

func (r *eventReader) key() segments.VectorKey {
	p, o := r.uvarint(), r.uvarint()
	if o > 1<<32-1 || p > uint64(wal.MaxPosition) {
		r.fail(errors.New("a vector key is out of range"))
	}
	return segments.VectorKey{Position: wal.Position(p), Ordinal: uint32(o)}
}

func (r *eventReader) keys() []segments.VectorKey {
	n := r.count(2)
	keys := make([]segments.VectorKey, 0, n)
	for range n {
		keys = append(keys, r.key())
	}
	return keys
}

func (r *eventReader) vectors() []segments.Vector {
	n := r.count(3)
	vs := make([]segments.Vector, 0, n)
	for i := range n {
		v := segments.Vector{Key: r.key(), Data: r.bytes()}
		if i > 0 && vs[i-1].Key.Compare(v.Key) >= 0 {
			r.fail(errors.New("vectors are out of order"))
			return nil
		}
		vs = append(vs, v)
	}
	return vs
}

func (r *eventReader) specs() []segments.VectorSpec {
	n := r.count(5)
	specs := make([]segments.VectorSpec, 0, n)
	for range n {
		s := segments.VectorSpec{Name: string(r.bytes())}
		s.Kind, s.Datatype, s.Distance = segments.VectorKind(r.byte()), segments.Datatype(r.byte()), segments.Distance(r.byte())
		s.Size = int(min(r.uvarint(), 1<<31))
		if err := checkSpec(s); err != nil && r.err == nil {
			r.fail(err)
		}
		specs = append(specs, s)
	}
	return specs
}

func (r *eventReader) indexes() map[string]filter.FieldIndex {
	n := r.count(2)
	m := make(map[string]filter.FieldIndex, n)
	for range n {
		path, doc := string(r.bytes()), r.bytes()
		var idx filter.FieldIndex
		if r.err == nil {
			if err := json.Unmarshal(doc, &idx); err != nil {
				r.fail(fmt.Errorf("index of %q: %w", path, err))
			}
		}
		m[path] = idx
	}
	return m
}

func (r *eventReader) payload() payload.Object {
	p := r.bytes()
	if len(p) == 0 || r.err != nil {
		return nil
	}
	if err := payload.Validate(p); err != nil {
		r.fail(err)
	}
	return payload.Object(p)
}

func (r *eventReader) paths() []payload.Path {
	n := r.count(1)
	ps := make([]payload.Path, 0, n)
	for range n {
		p, err := payload.ParsePath(string(r.bytes()))
		if err != nil && r.err == nil {
			r.fail(err)
		}
		ps = append(ps, p)
	}
	return ps
}

func (r *eventReader) effects() []Effect {
	n := r.count(2)
	effects := make([]Effect, 0, n)
	for range n {
		if r.err != nil {
			return nil
		}
		effects = append(effects, r.effect())
	}
	return effects
}

func (r *eventReader) effect() Effect {
	switch t := effectType(r.byte()); t {
	case effectPut:
		return &PutPoint{ID: r.id(), Payload: r.payload(), Vectors: r.vectors()}
	case effectRemove:
		return &RemovePoints{IDs: r.ids()}
	case effectPatch:
		return r.patch()
	case effectPutVectors:
		return &PutVectors{ID: r.id(), Vectors: r.vectors()}
	case effectRemoveVectors:
		return &RemoveVectors{IDs: r.ids(), Keys: r.keys()}
	default:
		r.fail(fmt.Errorf("unknown effect %d", t))
		return nil
	}
}

func (r *eventReader) patch() *PatchPayload {
	p := &PatchPayload{Kind: PatchKind(r.byte())}
	p.IDs, p.Payload, p.Paths = r.ids(), r.payload(), r.paths()
	switch {
	case p.Kind < PatchMerge || p.Kind > PatchClear:
		r.fail(fmt.Errorf("unknown patch of payload %d", p.Kind))
	case p.Kind == PatchMergeAt && len(p.Paths) != 1:
		r.fail(errors.New("a merge needs exactly one path"))
	}
	return p
}
