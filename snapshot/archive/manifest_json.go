package archive

import (
	"maps"
	"slices"
	"strconv"
	"time"
)

// append writes the canonical bytes. They are kept for ever, so they are made
// here and do not depend on the escaping that a JSON library has in fashion:
// only the quotation mark, the backslash and control characters are escaped.
func (m *Manifest) append(b []byte) []byte {
	b = append(b, `{"format":`...)
	b = strconv.AppendInt(b, int64(m.Format), 10)
	b = appendField(b, "version", m.Version)
	b = appendField(b, "lineage", m.Lineage.String())
	b = appendField(b, "collection", m.Collection)
	b = append(b, `,"position":`...)
	b = strconv.AppendUint(b, m.Position, 10)
	b = appendField(b, "event_time", m.EventTime.Format(time.RFC3339Nano))
	b = appendField(b, "digest", m.Digest)
	b = append(b, `,"count":`...)
	b = strconv.AppendUint(b, m.Count, 10)
	if m.Description != "" {
		b = appendField(b, "description", m.Description)
	}
	if len(m.Labels) > 0 {
		b = appendLabels(b, m.Labels)
	}
	b = append(b, `,"files":[`...)
	for i, f := range m.Files {
		if i > 0 {
			b = append(b, ',')
		}
		b = f.append(b)
	}
	return append(b, "]}\n"...)
}

func (f File) append(b []byte) []byte {
	b = append(b, `{"name":`...)
	b = appendString(b, f.Name)
	b = append(b, `,"size":`...)
	b = strconv.AppendInt(b, f.Size, 10)
	b = appendField(b, "sha256", f.SHA256)
	b = appendField(b, "kind", string(f.Kind))
	return append(b, '}')
}

func appendLabels(b []byte, labels map[string]string) []byte {
	b = append(b, `,"labels":{`...)
	for i, key := range slices.Sorted(maps.Keys(labels)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, key)
		b = append(b, ':')
		b = appendString(b, labels[key])
	}
	return append(b, '}')
}

func appendField(b []byte, key, value string) []byte {
	b = append(b, ',')
	b = appendString(b, key)
	b = append(b, ':')
	return appendString(b, value)
}

const hexDigits = "0123456789abcdef"

func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ' || c == 0x7f:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
