package tidemark

import (
	"encoding/json"
	"fmt"

	"github.com/zeebo/xxh3"

	"github.com/tidemark-db/tidemark/index/filter"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/wal"
)

// Config is the configuration of a collection as of one position. It is part
// of the collection's state: it changes only by records of the log. A Config
// that a view returns is shared and must not be modified.
type Config struct {
	// Version is the position of the record that made this configuration.
	Version wal.Position
	// Schema holds the vectors in order of their creation.
	Schema segments.Schema
	// Indexes holds the payload schema by path.
	Indexes map[string]filter.FieldIndex
	// Settings is a JSON document that the engine stores and does not read:
	// what clients set and expect to see again.
	Settings json.RawMessage
}

// hash returns the hash of the configuration: equal ones have the same.
func (c *Config) hash() (segments.Digest, error) {
	doc, err := c.MarshalJSON()
	if err != nil {
		return segments.Digest{}, fmt.Errorf("encode configuration: %w", err)
	}
	return xxh3.Hash128(doc).Bytes(), nil
}

// clone returns a copy whose maps and slices may be modified.
func (c *Config) clone() *Config {
	n := *c
	n.Schema = append(segments.Schema(nil), c.Schema...)
	n.Indexes = make(map[string]filter.FieldIndex, len(c.Indexes))
	for k, v := range c.Indexes {
		n.Indexes[k] = v
	}
	return &n
}
