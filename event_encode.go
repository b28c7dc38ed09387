package tidemark

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"sort"

	"github.com/tidemark-db/tidemark/index/filter"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/segments/payload"
)

// eventVersion is the version of the binary form that AppendEvent writes; see
// docs/format/event.md.
const eventVersion = 1

// flagIgnorable marks an event that a reader which does not know its type may
// skip. All other unknown flags and types are refused.
const flagIgnorable = 1 << 0

// AppendEvent appends the binary form of e to b.
func AppendEvent(b []byte, e *Event) ([]byte, error) {
	b = append(b, eventVersion, byte(e.Body.eventType()))
	b = binary.LittleEndian.AppendUint16(b, 0) // flags
	b = binary.LittleEndian.AppendUint64(b, uint64(e.Clock.UnixMicro()))
	b = append(b, e.OperationID[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(e.ConfigVersion))
	b = binary.LittleEndian.AppendUint32(b, 0) // extensions
	switch body := e.Body.(type) {
	case *CreateEvent:
		return appendCreate(b, body)
	case *PointsEvent:
		return appendEffects(b, body.Effects), nil
	case *ConfigureEvent:
		return appendConfigure(b, body)
	case *MarkEvent:
		b = binary.LittleEndian.AppendUint64(b, uint64(body.At))
		return append(b, body.Digest[:]...), nil
	case *RestoreEvent:
		b = append(b, body.Lineage[:]...)
		b = binary.LittleEndian.AppendUint64(b, uint64(body.Position))
		return append(b, body.Digest[:]...), nil
	}
	return nil, fmt.Errorf("encode event: unknown body %T", e.Body)
}

func appendCreate(b []byte, c *CreateEvent) ([]byte, error) {
	b = append(b, c.Lineage[:]...)
	b = appendSpecs(b, c.Vectors)
	b, err := appendIndexes(b, c.Indexes)
	if err != nil {
		return nil, err
	}
	return appendBytes(b, c.Settings), nil
}

func appendConfigure(b []byte, c *ConfigureEvent) ([]byte, error) {
	if c.Settings == nil {
		b = append(b, 0)
	} else {
		b = appendBytes(append(b, 1), c.Settings)
	}
	b = appendKeys(b, c.DropVectors)
	b = appendSpecs(b, c.AddVectors)
	b = binary.AppendUvarint(b, uint64(len(c.DropIndexes)))
	for _, path := range c.DropIndexes {
		b = appendBytes(b, []byte(path))
	}
	return appendIndexes(b, c.SetIndexes)
}

func appendSpecs(b []byte, specs []segments.VectorSpec) []byte {
	b = binary.AppendUvarint(b, uint64(len(specs)))
	for _, s := range specs {
		b = appendBytes(b, []byte(s.Name))
		b = append(b, byte(s.Kind), byte(s.Datatype), byte(s.Distance))
		b = binary.AppendUvarint(b, uint64(s.Size))
	}
	return b
}

// appendIndexes writes the payload schema in order of paths, so that equal
// events have equal bytes.
func appendIndexes(b []byte, indexes map[string]filter.FieldIndex) ([]byte, error) {
	paths := make([]string, 0, len(indexes))
	for p := range indexes {
		paths = append(paths, p)
	}
	sort.Strings(paths)
	b = binary.AppendUvarint(b, uint64(len(paths)))
	for _, p := range paths {
		doc, err := json.Marshal(indexes[p])
		if err != nil {
			return nil, fmt.Errorf("encode index of %q: %w", p, err)
		}
		b = appendBytes(appendBytes(b, []byte(p)), doc)
	}
	return b, nil
}

func appendEffects(b []byte, effects []Effect) []byte {
	b = binary.AppendUvarint(b, uint64(len(effects)))
	for _, e := range effects {
		b = appendEffect(append(b, byte(e.effectType())), e)
	}
	return b
}

func appendEffect(b []byte, e Effect) []byte {
	switch e := e.(type) {
	case *PutPoint:
		b = appendBytes(appendID(b, e.ID), e.Payload)
		return appendVectors(b, e.Vectors)
	case *RemovePoints:
		return appendIDs(b, e.IDs)
	case *PatchPayload:
		b = appendIDs(append(b, byte(e.Kind)), e.IDs)
		b = appendBytes(b, e.Payload)
		return appendPaths(b, e.Paths)
	case *PutVectors:
		return appendVectors(appendID(b, e.ID), e.Vectors)
	case *RemoveVectors:
		return appendKeys(appendIDs(b, e.IDs), e.Keys)
	}
	return b
}

func appendBytes[T ~[]byte](b []byte, p T) []byte {
	b = binary.AppendUvarint(b, uint64(len(p)))
	return append(b, p...)
}

func appendID(b []byte, id segments.PointID) []byte {
	b, _ = id.AppendBinary(b) // never fails
	return b
}

func appendIDs(b []byte, ids []segments.PointID) []byte {
	b = binary.AppendUvarint(b, uint64(len(ids)))
	for _, id := range ids {
		b = appendID(b, id)
	}
	return b
}

func appendKey(b []byte, k segments.VectorKey) []byte {
	b = binary.AppendUvarint(b, uint64(k.Position))
	return binary.AppendUvarint(b, uint64(k.Ordinal))
}

func appendKeys(b []byte, keys []segments.VectorKey) []byte {
	b = binary.AppendUvarint(b, uint64(len(keys)))
	for _, k := range keys {
		b = appendKey(b, k)
	}
	return b
}

func appendVectors(b []byte, vs []segments.Vector) []byte {
	b = binary.AppendUvarint(b, uint64(len(vs)))
	for _, v := range vs {
		b = appendBytes(appendKey(b, v.Key), v.Data)
	}
	return b
}

func appendPaths(b []byte, paths []payload.Path) []byte {
	b = binary.AppendUvarint(b, uint64(len(paths)))
	for _, p := range paths {
		b = appendBytes(b, []byte(p.String()))
	}
	return b
}
