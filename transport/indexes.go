package transport

import (
	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/index/filter"
)

// SetIndex returns the change that gives the field at path an index, which is
// nothing if it has the same one.
func SetIndex(cfg *tidemark.Config, path string, index filter.FieldIndex) tidemark.ConfigChange {
	if old, ok := cfg.Indexes[path]; ok && old.Equal(index) {
		return tidemark.ConfigChange{}
	}
	return tidemark.ConfigChange{SetIndexes: map[string]filter.FieldIndex{path: index}}
}

// DropIndex returns the change that drops the index of the field at path, which
// is nothing if it has none.
func DropIndex(cfg *tidemark.Config, path string) tidemark.ConfigChange {
	if _, ok := cfg.Indexes[path]; !ok {
		return tidemark.ConfigChange{}
	}
	return tidemark.ConfigChange{DropIndexes: []string{path}}
}
