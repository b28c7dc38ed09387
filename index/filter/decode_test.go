package filter_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/index/filter"
	"github.com/tidemark-db/tidemark/segments"
)

// The tests write filters as JSON. This decoder is as short as it can be: what
// clients may write besides is the matter of the transport.

type jsonFilter struct {
	Should    jsonList `json:"should"`
	Must      jsonList `json:"must"`
	MustNot   jsonList `json:"must_not"`
	MinShould *struct {
		Conditions jsonList `json:"conditions"`
		MinCount   uint64   `json:"min_count"`
	} `json:"min_should"`
}

// jsonList is a condition or a list of them.
type jsonList []json.RawMessage

func (l *jsonList) UnmarshalJSON(doc []byte) error {
	if bytes.HasPrefix(doc, []byte("{")) {
		*l = jsonList{append(json.RawMessage(nil), doc...)}
		return nil
	}
	return json.Unmarshal(doc, (*[]json.RawMessage)(l))
}

type jsonCondition struct {
	jsonFilter
	Key            string         `json:"key"`
	Match          *jsonMatch     `json:"match"`
	Range          map[string]any `json:"range"`
	GeoBoundingBox *struct {
		TopLeft     filter.GeoPoint `json:"top_left"`
		BottomRight filter.GeoPoint `json:"bottom_right"`
	} `json:"geo_bounding_box"`
	GeoRadius  *filter.GeoRadius `json:"geo_radius"`
	GeoPolygon *struct {
		Exterior  jsonLine   `json:"exterior"`
		Interiors []jsonLine `json:"interiors"`
	} `json:"geo_polygon"`
	ValuesCount *filter.ValuesCount `json:"values_count"`
	IsEmpty     json.RawMessage     `json:"is_empty"`
	IsNull      json.RawMessage     `json:"is_null"`
	HasID       []any               `json:"has_id"`
	HasVector   *string             `json:"has_vector"`
	Nested      *struct {
		Key    string          `json:"key"`
		Filter json.RawMessage `json:"filter"`
	} `json:"nested"`
}

type jsonLine struct {
	Points []filter.GeoPoint `json:"points"`
}

type jsonMatch struct {
	Value   any     `json:"value"`
	Text    *string `json:"text"`
	TextAny *string `json:"text_any"`
	Phrase  *string `json:"phrase"`
	Any     []any   `json:"any"`
	Except  []any   `json:"except"`
}

func decodeFilter(tb testing.TB, doc string) *filter.Filter {
	tb.Helper()
	var j jsonFilter
	unmarshal(tb, doc, &j)
	return j.filter(tb)
}

func unmarshal(tb testing.TB, doc string, into any) {
	tb.Helper()
	d := json.NewDecoder(bytes.NewReader([]byte(doc)))
	d.UseNumber()
	require.NoError(tb, d.Decode(into), doc)
}

func (j jsonFilter) filter(tb testing.TB) *filter.Filter {
	f := &filter.Filter{Should: j.Should.decode(tb), Must: j.Must.decode(tb), MustNot: j.MustNot.decode(tb)}
	if j.MinShould != nil {
		f.MinShould = &filter.MinShould{Conditions: j.MinShould.Conditions.decode(tb), MinCount: j.MinShould.MinCount}
	}
	return f
}

func (l jsonList) decode(tb testing.TB) []filter.Condition {
	var list []filter.Condition
	for _, doc := range l {
		list = append(list, decodeCondition(tb, doc))
	}
	return list
}

func decodeCondition(tb testing.TB, doc []byte) filter.Condition {
	var j jsonCondition
	unmarshal(tb, string(doc), &j)
	var keyed struct{ Key string }
	switch {
	case j.Key != "":
		return j.field(tb)
	case j.IsEmpty != nil:
		unmarshal(tb, string(j.IsEmpty), &keyed)
		return &filter.IsEmpty{Key: path(tb, keyed.Key)}
	case j.IsNull != nil:
		unmarshal(tb, string(j.IsNull), &keyed)
		return &filter.IsNull{Key: path(tb, keyed.Key)}
	case j.HasVector != nil:
		return &filter.HasVector{Name: *j.HasVector}
	case j.Nested != nil:
		return &filter.Nested{Key: path(tb, j.Nested.Key), Filter: decodeFilter(tb, string(j.Nested.Filter))}
	case j.HasID != nil:
		c := &filter.HasID{}
		for _, id := range j.HasID {
			c.IDs = append(c.IDs, pointID(tb, id))
		}
		return c
	default:
		return j.filter(tb)
	}
}

func (j jsonCondition) field(tb testing.TB) *filter.Field {
	f := &filter.Field{
		Key: path(tb, j.Key), GeoRadius: j.GeoRadius, ValuesCount: j.ValuesCount,
		GeoBoundingBox: (*filter.GeoBoundingBox)(j.GeoBoundingBox),
		IsEmpty:        boolean(tb, j.IsEmpty), IsNull: boolean(tb, j.IsNull),
	}
	if j.Match != nil {
		f.Match = j.Match.decode(tb)
	}
	if j.Range != nil {
		f.Range, f.Times = decodeRange(tb, j.Range)
	}
	if j.GeoPolygon != nil {
		var holes [][]filter.GeoPoint
		for _, line := range j.GeoPolygon.Interiors {
			holes = append(holes, line.Points)
		}
		var err error
		f.GeoPolygon, err = filter.NewGeoPolygon(j.GeoPolygon.Exterior.Points, holes)
		require.NoError(tb, err)
	}
	return f
}

func boolean(tb testing.TB, doc json.RawMessage) *bool {
	if doc == nil {
		return nil
	}
	b := new(bool)
	unmarshal(tb, string(doc), b)
	return b
}

func (j jsonMatch) decode(tb testing.TB) filter.Match {
	switch {
	case j.Text != nil:
		return filter.MatchText(*j.Text)
	case j.TextAny != nil:
		return filter.MatchTextAny(*j.TextAny)
	case j.Phrase != nil:
		return filter.MatchPhrase(*j.Phrase)
	case j.Any != nil:
		s, i := decodeSet(tb, j.Any)
		return filter.MatchAny{Strings: s, Ints: i}
	case j.Except != nil:
		s, i := decodeSet(tb, j.Except)
		return filter.MatchExcept{Strings: s, Ints: i}
	}
	switch v := j.Value.(type) {
	case bool:
		return filter.MatchBool(v)
	case string:
		return filter.MatchString(v)
	default:
		return filter.MatchInt(integer(tb, v))
	}
}

func decodeSet(tb testing.TB, list []any) (strings []string, ints []int64) {
	for _, v := range list {
		if s, ok := v.(string); ok {
			strings = append(strings, s)
		} else {
			ints = append(ints, integer(tb, v))
		}
	}
	return strings, ints
}

func integer(tb testing.TB, v any) int64 {
	i, err := v.(json.Number).Int64()
	require.NoError(tb, err)
	return i
}

func decodeRange(tb testing.TB, bounds map[string]any) (numbers *filter.Range, times *filter.TimeRange) {
	numbers, times = &filter.Range{}, &filter.TimeRange{}
	isTime := false
	for name, bound := range bounds {
		if text, ok := bound.(string); ok {
			isTime = true
			t, err := filter.ParseTime(text)
			require.NoError(tb, err)
			*map[string]**filter.Time{"lt": &times.LT, "gt": &times.GT, "lte": &times.LTE, "gte": &times.GTE}[name] = &t
			continue
		}
		f, err := bound.(json.Number).Float64()
		require.NoError(tb, err)
		*map[string]**float64{"lt": &numbers.LT, "gt": &numbers.GT, "lte": &numbers.LTE, "gte": &numbers.GTE}[name] = &f
	}
	if isTime {
		return nil, times
	}
	return numbers, nil
}

func pointID(tb testing.TB, v any) segments.PointID {
	if s, ok := v.(string); ok {
		return segments.UUIDID(uuid.MustParse(s))
	}
	return segments.NumberID(uint64(integer(tb, v)))
}
