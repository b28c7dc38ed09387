package archive

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/google/uuid"
)

// StorageFormat is the version of archives of a whole storage that is written,
// and the highest that is read. The archives within have a format of their own.
const StorageFormat = 1

// Limits of an archive of a whole storage.
const (
	MaxCollections = 1 << 14
	MaxAliases     = 1 << 14
	// MaxPartBytes bounds one collection, so that no sum of sizes overflows.
	MaxPartBytes = 1 << 48
)

// maxCommas is how many members and elements a description of a storage can have.
const maxCommas = 8 + 6*MaxCollections + 2*MaxAliases + MaxLabels

// The names of the first and the last entry of an archive of a whole storage.
const (
	StorageName    = "storage.json"
	StorageEndName = "storage.sha256"
)

// Storage says what an archive of a whole storage holds: the states of all
// collections at one instant, and the aliases of that instant.
type Storage struct {
	Format  int    `json:"format"`
	Version string `json:"version"` // the program that wrote it
	// Description and Labels are the user's.
	Description string            `json:"description,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Collections []Part            `json:"collections"` // ascending by name
	Aliases     []Alias           `json:"aliases"`     // ascending by name
}

// Part describes the archive of one collection in an archive of a storage.
type Part struct {
	// Collection, Lineage, Position and Count are what the archive says itself.
	Collection string    `json:"collection"`
	Lineage    uuid.UUID `json:"lineage"`
	Position   uint64    `json:"position"`
	Count      uint64    `json:"count"`
	Size       int64     `json:"size"` // bytes
	// Manifest is the sha256 of the archive's manifest, 64 lower-case hex digits.
	// An archive is canonical, and its manifest names the hashes of all that
	// follows: this one proves every byte of it, and is known before any file
	// has been read.
	Manifest string `json:"manifest"`
}

// Alias is a second name of a collection.
type Alias struct {
	Alias      string `json:"alias"`
	Collection string `json:"collection"`
}

// PartOf describes the archive that Write makes of m.
func PartOf(m *Manifest) (Part, error) {
	data, err := m.Encode()
	if err != nil {
		return Part{}, fmt.Errorf("encode manifest: %w", err)
	}
	size, err := Size(m)
	return Part{
		Collection: m.Collection, Lineage: m.Lineage, Position: m.Position, Count: m.Count, Size: size, Manifest: sumOf(data),
	}, err
}

// Name returns the name of the entry, which comes from nowhere else.
func (p Part) Name() string { return "collections/" + p.Manifest + ".snapshot" }

// Bytes returns the length of all archives of collections together.
func (s *Storage) Bytes() (total int64) {
	for _, p := range s.Collections {
		total += p.Size
	}
	return total
}

// Encode returns the canonical bytes of a valid description: one line of JSON,
// keys in fixed order.
func (s *Storage) Encode() ([]byte, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	data := s.append(nil)
	if len(data) > MaxManifestBytes {
		return nil, fmt.Errorf("the names of collections and aliases take %d bytes, at most %d are allowed", len(data), MaxManifestBytes)
	}
	return data, nil
}

// decodeStorage accepts exactly what Encode returns for some valid description.
func decodeStorage(data []byte) (*Storage, error) {
	// Counting first keeps millions of empty elements from being decoded.
	if commas(data) > maxCommas {
		return nil, &CorruptError{Entry: StorageName, Reason: "it holds more collections or aliases than any archive may"}
	}
	s := new(Storage)
	if err := json.Unmarshal(data, s); err != nil {
		return nil, cmp.Or(newerFormat(data, StorageFormat), error(&CorruptError{Entry: StorageName, Offset: jsonOffset(err), Reason: err.Error()}))
	}
	if err := s.Validate(); err != nil {
		return nil, cmp.Or(newerFormat(data, StorageFormat), error(&CorruptError{Entry: StorageName, Reason: err.Error()}))
	}
	if at := difference(s.append(nil), data); at >= 0 {
		return nil, &CorruptError{Entry: StorageName, Offset: int64(at), Reason: "it is not in canonical form from here on"}
	}
	return s, nil
}

// commas counts those of JSON that do not stand in strings.
func commas(data []byte) (n int) {
	inside := false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case c == '"':
			inside = !inside
		case c == '\\' && inside:
			i++
		case c == ',' && !inside:
			n++
		}
	}
	return n
}

// append writes the canonical bytes.
func (s *Storage) append(b []byte) []byte {
	b = append(b, `{"format":`...)
	b = strconv.AppendInt(b, int64(s.Format), 10)
	b = appendField(b, "version", s.Version)
	if s.Description != "" {
		b = appendField(b, "description", s.Description)
	}
	if len(s.Labels) > 0 {
		b = appendLabels(b, s.Labels)
	}
	b = append(b, `,"collections":[`...)
	for i, p := range s.Collections {
		if i > 0 {
			b = append(b, ',')
		}
		b = p.append(b)
	}
	b = append(b, `],"aliases":[`...)
	for i, a := range s.Aliases {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"alias":`...)
		b = appendString(b, a.Alias)
		b = appendField(b, "collection", a.Collection)
		b = append(b, '}')
	}
	return append(b, "]}\n"...)
}

func (p Part) append(b []byte) []byte {
	b = append(b, `{"collection":`...)
	b = appendString(b, p.Collection)
	b = appendField(b, "lineage", p.Lineage.String())
	b = append(b, `,"position":`...)
	b = strconv.AppendUint(b, p.Position, 10)
	b = append(b, `,"count":`...)
	b = strconv.AppendUint(b, p.Count, 10)
	b = append(b, `,"size":`...)
	b = strconv.AppendInt(b, p.Size, 10)
	b = appendField(b, "manifest", p.Manifest)
	return append(b, '}')
}

// has reports whether a collection is in the archive.
func (s *Storage) has(collection string) bool {
	_, ok := slices.BinarySearchFunc(s.Collections, collection, func(p Part, name string) int { return cmp.Compare(p.Collection, name) })
	return ok
}
