package tidemark

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/tidemark-db/tidemark/index/filter"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/wal"
)

// configJSON is a Config as manifests and snapshots hold it; see
// docs/format/manifest.md.
type configJSON struct {
	Version  wal.Position                 `json:"version"`
	Vectors  []vectorJSON                 `json:"vectors"`
	Indexes  map[string]filter.FieldIndex `json:"indexes"`
	Settings json.RawMessage              `json:"settings"`
}

type vectorJSON struct {
	Position wal.Position `json:"position"`
	Ordinal  uint32       `json:"ordinal"`
	Name     string       `json:"name"`
	Kind     string       `json:"kind"`
	Size     int          `json:"size"`
	Datatype string       `json:"datatype"`
	Distance string       `json:"distance"`
}

// MarshalJSON returns the same bytes for equal configurations.
func (c *Config) MarshalJSON() ([]byte, error) {
	doc := configJSON{Version: c.Version, Vectors: []vectorJSON{}, Indexes: c.Indexes, Settings: c.Settings}
	if doc.Settings == nil {
		doc.Settings = json.RawMessage("null")
	}
	if doc.Indexes == nil {
		doc.Indexes = map[string]filter.FieldIndex{}
	}
	for _, s := range c.Schema {
		doc.Vectors = append(doc.Vectors, vectorJSON{
			Position: s.Key.Position, Ordinal: s.Key.Ordinal, Name: s.Name,
			Kind: s.Kind.String(), Size: s.Size, Datatype: s.Datatype.String(), Distance: s.Distance.String(),
		})
	}
	return json.Marshal(doc)
}

// UnmarshalJSON reads what MarshalJSON wrote and checks it.
func (c *Config) UnmarshalJSON(b []byte) error {
	var doc configJSON
	if err := json.Unmarshal(b, &doc); err != nil {
		return err
	}
	n := Config{Version: doc.Version, Indexes: doc.Indexes, Schema: make(segments.Schema, 0, len(doc.Vectors))}
	if string(doc.Settings) != "null" {
		n.Settings = doc.Settings
	}
	if n.Indexes == nil {
		n.Indexes = make(map[string]filter.FieldIndex)
	}
	for _, v := range doc.Vectors {
		spec, err := v.spec()
		if err != nil {
			return err
		}
		n.Schema = append(n.Schema, spec)
	}
	if err := checkKeys(n.Schema); err != nil {
		return err
	}
	*c = n
	return nil
}

func (v vectorJSON) spec() (segments.VectorSpec, error) {
	s := segments.VectorSpec{
		Key: segments.VectorKey{Position: v.Position, Ordinal: v.Ordinal}, Name: v.Name, Size: v.Size,
		Kind:     named(v.Kind, segments.Dense, segments.Multi),
		Datatype: named(v.Datatype, segments.Float32, segments.Uint8),
		Distance: named(v.Distance, segments.Cosine, segments.Manhattan),
	}
	if err := checkSpec(s); err != nil {
		return s, fmt.Errorf("vector %s: %w", quotedName(v.Name), err)
	}
	return s, nil
}

// named returns the value from first to last that has the name, 0 if none has.
func named[T interface {
	~uint8
	fmt.Stringer
}](name string, first, last T) T {
	for v := first; v <= last; v++ {
		if v.String() == name {
			return v
		}
	}
	return 0
}

// checkKeys makes sure that vectors are told apart, by names and by keys.
func checkKeys(schema segments.Schema) error {
	names := make(map[string]bool, len(schema))
	for i, spec := range schema {
		if names[spec.Name] {
			return fmt.Errorf("two vectors have the name %s", quotedName(spec.Name))
		}
		names[spec.Name] = true
		if i > 0 && schema[i-1].Key.Compare(spec.Key) >= 0 {
			return fmt.Errorf("vector %s is out of the order of creation", quotedName(spec.Name))
		}
	}
	return nil
}

// sameVectors reports whether two schemas hold the same kinds of vectors under
// the same names, whenever they were created.
func sameVectors(a, b segments.Schema) bool {
	strip := func(s segments.Schema) []segments.VectorSpec {
		out := slices.Clone(s)
		for i := range out {
			out[i].Key = segments.VectorKey{}
		}
		slices.SortFunc(out, func(x, y segments.VectorSpec) int {
			if x.Name < y.Name {
				return -1
			}
			return 1
		})
		return out
	}
	return slices.Equal(strip(a), strip(b))
}
