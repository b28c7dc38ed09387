package rest

import (
	"context"
	"sync"

	"github.com/google/uuid"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/index/filter"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/segments/payload"
	"github.com/tidemark-db/tidemark/wal"
)

// indexedCounts counts the points that have a value for each payload index. An
// index is nothing but schema so far, so that counting reads payloads; what was
// counted in a segment is kept until more of its rows are dead.
type indexedCounts struct {
	mu   sync.Mutex
	last map[uuid.UUID]*countedState // by collection
}

// countedState is what was counted in one state of a collection.
type countedState struct {
	through wal.Position
	config  wal.Position
	totals  map[string]int
	parts   map[partKey]map[string]int
}

// partKey names the live rows of a segment: its rows never change, and those
// that died stay dead.
type partKey struct {
	name string
	dead int
}

// maxCounted bounds how many collections are remembered.
const maxCounted = 1024

func newIndexedCounts() *indexedCounts {
	return &indexedCounts{last: map[uuid.UUID]*countedState{}}
}

// counts returns the number of points by index in a view of a collection. The
// result is shared.
func (x *indexedCounts) counts(ctx context.Context, id uuid.UUID, v *tidemark.View) (map[string]int, error) {
	if len(v.Config.Indexes) == 0 {
		return nil, nil
	}
	x.mu.Lock()
	last := x.last[id]
	x.mu.Unlock()
	if last == nil || last.config != v.Config.Version {
		last = &countedState{}
	}
	if last.totals != nil && last.through == v.Through() {
		return last.totals, nil
	}
	now, err := countState(ctx, v, last.parts)
	if err != nil {
		return nil, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.last) >= maxCounted {
		clear(x.last)
	}
	x.last[id] = now
	return now.totals, nil
}

// indexedField is a payload index with its path.
type indexedField struct {
	text string
	path payload.Path
	kind filter.FieldType
}

// countState counts what is not in known.
func countState(ctx context.Context, v *tidemark.View, known map[partKey]map[string]int) (*countedState, error) {
	now := &countedState{v.Through(), v.Config.Version, map[string]int{}, map[partKey]map[string]int{}}
	var fields []indexedField
	for text, index := range v.Config.Indexes {
		path, err := payload.ParsePath(text)
		if err != nil {
			return nil, err
		}
		fields = append(fields, indexedField{text, path, index.Type})
	}
	for _, part := range v.Parts() {
		key := partKey{part.Name(), part.DeadRows()}
		counted, ok := known[key]
		if !ok {
			var err error
			if counted, err = countPart(ctx, part, fields); err != nil {
				return nil, err
			}
		}
		if !part.InMemory() { // a head grows
			now.parts[key] = counted
		}
		for text, n := range counted {
			now.totals[text] += n
		}
	}
	return now, nil
}

// countPart reads the payloads of the live rows of a part.
func countPart(ctx context.Context, part segments.PartView, fields []indexedField) (map[string]int, error) {
	const between = 4096 // rows from one look at the context to the next
	out := map[string]int{}
	for n := range uint32(part.Rows()) {
		if n%between == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if part.Dead(n) {
			continue
		}
		row, err := part.Row(n)
		if err != nil {
			return nil, err
		}
		object, err := row.Payload()
		if err != nil {
			return nil, err
		}
		for _, f := range fields {
			if f.path.Any(object.Value(), func(v payload.Value) bool { return anyIndexable(v, f.kind) }) {
				out[f.text]++
			}
		}
	}
	return out, nil
}

// anyIndexable reports whether an index of that type has an entry for a value,
// or for one of its elements.
func anyIndexable(v payload.Value, t filter.FieldType) bool {
	if v.Kind() == payload.KindArray {
		for e := range v.Elements() {
			if isIndexable(e, t) {
				return true
			}
		}
		return false
	}
	return isIndexable(v, t)
}

func isIndexable(v payload.Value, t filter.FieldType) bool {
	switch t {
	case filter.Keyword, filter.Text:
		return v.Kind() == payload.KindString
	case filter.Bool:
		return v.Kind() == payload.KindBool
	case filter.Integer:
		f, ok := v.Number()
		return ok && (v.Kind() == payload.KindInt || f == float64(int64(f)))
	case filter.Float:
		_, ok := v.Number()
		return ok
	case filter.Datetime:
		_, err := filter.ParseTime(string(v.Str()))
		return v.Kind() == payload.KindString && err == nil
	case filter.UUID:
		_, err := uuid.ParseBytes(v.Str())
		return v.Kind() == payload.KindString && err == nil
	case filter.Geo:
		return isGeoPoint(v)
	}
	return false
}

func isGeoPoint(v payload.Value) bool {
	if v.Kind() != payload.KindObject {
		return false
	}
	lon, okLon := v.Field("lon")
	lat, okLat := v.Field("lat")
	if !okLon || !okLat {
		return false
	}
	x, okLon := lon.Number()
	y, okLat := lat.Number()
	_, err := filter.NewGeoPoint(x, y)
	return okLon && okLat && err == nil
}
