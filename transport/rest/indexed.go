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
// index is nothing but schema so far, so that counting reads every payload: the
// last count of a state is kept.
type indexedCounts struct {
	mu   sync.Mutex
	last map[stateKey]map[string]int
}

// stateKey names a state of a collection: equal digests are equal contents.
type stateKey struct {
	digest segments.Digest
	config wal.Position
}

// maxCounted bounds how many states are remembered.
const maxCounted = 256

func newIndexedCounts() *indexedCounts {
	return &indexedCounts{last: map[stateKey]map[string]int{}}
}

// counts returns the number of points by index. The result is shared.
func (x *indexedCounts) counts(ctx context.Context, v *tidemark.View) (map[string]int, error) {
	if len(v.Config.Indexes) == 0 {
		return nil, nil
	}
	key := stateKey{v.Digest(), v.Config.Version}
	x.mu.Lock()
	known, ok := x.last[key]
	x.mu.Unlock()
	if ok {
		return known, nil
	}
	counted, err := countIndexed(ctx, v)
	if err != nil {
		return nil, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.last) >= maxCounted {
		clear(x.last)
	}
	x.last[key] = counted
	return counted, nil
}

// countIndexed reads all payloads.
func countIndexed(ctx context.Context, v *tidemark.View) (map[string]int, error) {
	type field struct {
		path  payload.Path
		index filter.FieldIndex
	}
	fields := map[string]field{}
	out := map[string]int{}
	for text, index := range v.Config.Indexes {
		path, err := payload.ParsePath(text)
		if err != nil {
			return nil, err
		}
		fields[text], out[text] = field{path, index}, 0
	}
	const between = 4096 // rows from one look at the context to the next
	rows := v.Scan(segments.PointID{})
	for n := 0; rows.Next(); n++ {
		if n%between == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		object, err := rows.Row().Payload()
		if err != nil {
			return nil, err
		}
		for text, f := range fields {
			if f.path.Any(object.Value(), func(v payload.Value) bool { return anyIndexable(v, f.index.Type) }) {
				out[text]++
			}
		}
	}
	return out, rows.Err()
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
