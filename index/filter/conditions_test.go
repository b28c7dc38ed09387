package filter_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/index/filter"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/segments/payload/payloadtest"
)

// TestConditions holds what the recorded answers do not show.
func TestConditions(t *testing.T) {
	for _, c := range []struct {
		condition, doc string
		want           bool
	}{
		// One array is entered, an array inside it is not.
		{`{"key":"a","match":{"value":1}}`, `{"a":[[1]]}`, false},
		{`{"key":"a[]","match":{"value":1}}`, `{"a":[[1]]}`, true},
		{`{"key":"a","range":{"gt":0}}`, `{"a":["x",null,1]}`, true},
		// Types are kept apart.
		{`{"key":"a","match":{"value":"1"}}`, `{"a":1}`, false},
		{`{"key":"a","match":{"value":true}}`, `{"a":"true"}`, false},
		{`{"key":"a","match":{"value":0}}`, `{"a":false}`, false},
		{`{"key":"a","match":{"value":false}}`, `{"a":null}`, false},
		{`{"key":"a","match":{"value":-1}}`, `{"a":18446744073709551615}`, false},
		{`{"key":"a","range":{"gt":9223372036854775807}}`, `{"a":18446744073709551615}`, true},
		{`{"key":"a","range":{}}`, `{"a":0}`, true},
		{`{"key":"a","range":{}}`, `{"a":"x"}`, false},
		{`{"key":"a","range":{"lt":5}}`, `{"a":"2024-01-01"}`, false},
		{`{"key":"a","range":{"lt":"2024-01-01"}}`, `{"a":5}`, false},
		{`{"key":"a","range":{"lt":"2024-01-01"}}`, `{"a":"no date"}`, false},
		{`{"key":"a","range":{"gte":"2024-01-01","lte":"2024-01-01T00:00:00+00:00"}}`, `{"a":["2023-12-31 23:59", "2024-01-01T01:00:00+01:00"]}`, true},
		// Except: null is nothing, another type is something else.
		{`{"key":"a","match":{"except":["x"]}}`, `{"a":null}`, false},
		{`{"key":"a","match":{"except":["x"]}}`, `{"a":[]}`, false},
		{`{"key":"a","match":{"except":["x"]}}`, `{}`, false},
		{`{"key":"a","match":{"except":["x"]}}`, `{"a":1}`, true},
		{`{"key":"a","match":{"except":["x"]}}`, `{"a":[["x"]]}`, true},
		{`{"key":"a","match":{"except":["x"]}}`, `{"a":{}}`, true},
		{`{"key":"a","match":{"except":[1]}}`, `{"a":"1"}`, true},
		{`{"key":"a","match":{"except":[1]}}`, `{"a":1}`, false},
		// Texts without an index.
		{`{"key":"a","match":{"text":"b c"}}`, `{"a":"ab cd"}`, true},
		{`{"key":"a","match":{"phrase":"d ab"}}`, `{"a":"ab cd"}`, false},
		{`{"key":"a","match":{"text_any":"x  b\t"}}`, `{"a":"abc"}`, true},
		{`{"key":"a","match":{"text_any":" "}}`, `{"a":"abc"}`, false},
		{`{"key":"a","match":{"text":""}}`, `{"a":5}`, false},
		// The number of values.
		{`{"key":"a","values_count":{"lt":1}}`, `{"a":null}`, true},
		{`{"key":"a","values_count":{"lt":1}}`, `{}`, false},
		{`{"key":"a","values_count":{"gte":1,"lte":1}}`, `{"a":{"b":1}}`, true},
		{`{"key":"a","values_count":{}}`, `{"a":[1,2]}`, true},
		{`{"key":"l[].a","values_count":{"gt":2}}`, `{"l":[{"a":[1]},{"a":[1,2,3]}]}`, true},
		{`{"key":"a","values_count":{"gt":5},"match":{"value":1}}`, `{"a":1}`, false}, // only the count counts
		// Both forms of is_empty and is_null.
		{`{"is_empty":{"key":"a"}}`, `{"a":[null]}`, false},
		{`{"is_empty":{"key":"l[].a"}}`, `{"l":[{"a":null},{"b":1},{"a":[]}]}`, true},
		{`{"is_empty":{"key":"l[].a"}}`, `{"l":[{"a":null},{"a":1}]}`, false},
		{`{"key":"a","is_empty":true}`, `{}`, true},
		{`{"key":"a","is_empty":true}`, `{"a":{}}`, false},
		{`{"key":"a","is_empty":false}`, `{}`, false},
		{`{"key":"a","is_empty":true,"match":{"value":1}}`, `{"a":1}`, false}, // only is_empty counts
		{`{"is_null":{"key":"a"}}`, `{"a":[null]}`, false},
		{`{"is_null":{"key":"a[]"}}`, `{"a":[1,null]}`, true},
		{`{"is_null":{"key":"a"}}`, `{}`, false},
		{`{"key":"a","is_null":true}`, `{"a":[1,null]}`, true},
		{`{"key":"a","is_null":false}`, `{"a":[1,null]}`, false},
		{`{"key":"a","is_null":false}`, `{}`, true},
		{`{"key":"a","is_null":true}`, `{}`, false},
		{`{"key":"a","is_null":true,"is_empty":false}`, `{"a":1}`, true}, // is_empty comes first
		// Nested binds to one element, nests, and enters only objects.
		{`{"nested":{"key":"l","filter":{"must":[{"key":"a","match":{"value":1}},{"key":"b","match":{"value":2}}]}}}`, `{"l":[{"a":1},{"b":2}]}`, false},
		{`{"nested":{"key":"l","filter":{"must_not":[{"key":"a","match":{"value":1}}]}}}`, `{"l":[{"a":1},{"a":2}]}`, true},
		{`{"nested":{"key":"l","filter":{"must_not":[{"key":"a","match":{"value":1}}]}}}`, `{"l":[1,"x"]}`, false},
		{`{"nested":{"key":"l","filter":{"must":[{"nested":{"key":"m","filter":{"must":[{"key":"x","range":{"gt":1}},{"key":"y","is_empty":true}]}}}]}}}`, `{"l":[{"m":[{"x":2,"y":1},{"x":1}]},{"m":[{"x":2}]}]}`, true},
		{`{"nested":{"key":"l","filter":{}}}`, `{"l":{"a":1}}`, false},
		{`{"nested":{"key":"l","filter":{"must":[{"has_id":[1]}]}}}`, `{"l":[{}]}`, false},
		{`{"nested":{"key":"l","filter":{"must":[{"has_vector":""}]}}}`, `{"l":[{}]}`, false},
		{`{"nested":{"key":"l","filter":{"must_not":[{"has_id":[1]}]}}}`, `{"l":[{}]}`, true},
		// Geography.
		{`{"key":"g","geo_bounding_box":{"top_left":{"lon":170,"lat":10},"bottom_right":{"lon":-170,"lat":-10}}}`, `{"g":{"lon":179,"lat":0}}`, true},
		{`{"key":"g","geo_bounding_box":{"top_left":{"lon":170,"lat":10},"bottom_right":{"lon":-170,"lat":-10}}}`, `{"g":{"lon":-179.5,"lat":0}}`, true},
		{`{"key":"g","geo_bounding_box":{"top_left":{"lon":170,"lat":10},"bottom_right":{"lon":-170,"lat":-10}}}`, `{"g":{"lon":0,"lat":0}}`, false},
		{`{"key":"g","geo_bounding_box":{"top_left":{"lon":-1,"lat":1},"bottom_right":{"lon":1,"lat":-1}}}`, `{"g":{"lon":1,"lat":0}}`, false}, // the border is outside
		{`{"key":"g","geo_radius":{"center":{"lon":0,"lat":0},"radius":111196}}`, `{"g":{"lon":1,"lat":0}}`, true},                             // 111195.08 m
		{`{"key":"g","geo_radius":{"center":{"lon":0,"lat":0},"radius":111195}}`, `{"g":{"lon":1,"lat":0}}`, false},
		{`{"key":"g","geo_radius":{"center":{"lon":179.9,"lat":0},"radius":30000}}`, `{"g":{"lon":-179.9,"lat":0}}`, true},
		{`{"key":"g","geo_radius":{"center":{"lon":0,"lat":90},"radius":1}}`, `{"g":{"lon":123,"lat":90}}`, true},
		{`{"key":"g","geo_radius":{"center":{"lon":0,"lat":0},"radius":1}}`, `{"g":{"lon":"0","lat":0}}`, false},
		{`{"key":"g","geo_radius":{"center":{"lon":0,"lat":0},"radius":1}}`, `{"g":{"lon":0}}`, false},
		{`{"key":"g","geo_polygon":` + square + `}`, `{"g":{"lon":5,"lat":5}}`, true},
		{`{"key":"g","geo_polygon":` + square + `}`, `{"g":{"lon":2,"lat":2}}`, false}, // in the hole
		{`{"key":"g","geo_polygon":` + square + `}`, `{"g":{"lon":3,"lat":2}}`, false}, // on the border of the hole
		{`{"key":"g","geo_polygon":` + square + `}`, `{"g":{"lon":0,"lat":5}}`, false}, // on the border
		{`{"key":"g","geo_polygon":` + square + `}`, `{"g":{"lon":-1,"lat":10}}`, false},
		{`{"key":"g","geo_polygon":` + square + `}`, `{"g":{"lon":-1,"lat":3}}`, false},
	} {
		require.Equal(t, c.want, matchesDoc(t, c.condition, c.doc, nil), "%s on %s", c.condition, c.doc)
	}
}

// square reaches from 0 to 10 degrees and has a hole from 1 to 3.
const square = `{"exterior":{"points":[{"lon":0,"lat":0},{"lon":10,"lat":0},{"lon":10,"lat":10},{"lon":0,"lat":10},{"lon":0,"lat":0}]},
	"interiors":[{"points":[{"lon":1,"lat":1},{"lon":1,"lat":3},{"lon":3,"lat":3},{"lon":3,"lat":1},{"lon":1,"lat":1}]}]}`

// TestIndexesChangeMatching: the payload schema is part of what a filter means.
func TestIndexesChangeMatching(t *testing.T) {
	index := func(doc string) filter.FieldIndex {
		f, err := filter.ParseFieldIndex([]byte(doc))
		require.NoError(t, err)
		return f
	}
	word, whole := index(`"text"`), index(`{"type":"text","tokenizer":"whitespace","lowercase":false}`)
	bounded := index(`{"type":"text","min_token_len":2,"max_token_len":4}`)
	for _, c := range []struct {
		index          filter.FieldIndex
		condition, doc string
		want           bool
	}{
		{index(`"integer"`), `{"key":"a","match":{"value":5}}`, `{"a":5.0}`, true},
		{index(`"integer"`), `{"key":"a","match":{"value":5}}`, `{"a":5.5}`, false},
		{index(`"integer"`), `{"key":"a","match":{"any":[4,5]}}`, `{"a":[5.0]}`, true},
		{index(`"integer"`), `{"key":"a","match":{"except":[5]}}`, `{"a":5.0}`, false},
		{index(`"float"`), `{"key":"a","match":{"value":5}}`, `{"a":5.0}`, false},
		{index(`"float"`), `{"key":"a","range":{"gte":2,"lte":2}}`, `{"a":2}`, true},
		{word, `{"key":"a","match":{"text":"FOX brown"}}`, `{"a":"The quick brown fox."}`, true},
		{word, `{"key":"a","match":{"text":"fox red"}}`, `{"a":"The quick brown fox."}`, false},
		{word, `{"key":"a","match":{"text":"bro"}}`, `{"a":"The quick brown fox."}`, false},
		{word, `{"key":"a","match":{"text":"fox quick"}}`, `{"a":["quick","fox"]}`, false}, // in one string
		{word, `{"key":"a","match":{"text":""}}`, `{"a":"x"}`, false},
		{word, `{"key":"a","match":{"text":" .,"}}`, `{"a":"x"}`, false},
		{word, `{"key":"a","match":{"text":"straße"}}`, `{"a":"Lange STRASSE, große Straße"}`, true},
		{word, `{"key":"a","match":{"text":"ΧΑΊΡΕ"}}`, `{"a":"χαίρε"}`, true},
		{word, `{"key":"a","match":{"text":"x"}}`, `{"a":5}`, false},
		{word, `{"key":"a","match":{"text_any":"red FOX"}}`, `{"a":"fox"}`, true},
		{word, `{"key":"a","match":{"text_any":"red fo"}}`, `{"a":"fox"}`, false},
		{word, `{"key":"a","match":{"text_any":""}}`, `{"a":"fox"}`, false},
		{word, `{"key":"a","match":{"phrase":"brown Fox"}}`, `{"a":"The brown, brown fox"}`, true},
		{word, `{"key":"a","match":{"phrase":"fox brown"}}`, `{"a":"The brown fox"}`, false},
		{word, `{"key":"a","match":{"phrase":"brown fox runs"}}`, `{"a":"The brown fox"}`, false},
		{word, `{"key":"a","match":{"phrase":""}}`, `{"a":"The brown fox"}`, false},
		{word, `{"key":"a","match":{"value":"The Fox"}}`, `{"a":"The Fox"}`, true}, // equality is of the whole
		{whole, `{"key":"a","match":{"text":"fox."}}`, `{"a":"brown fox."}`, true},
		{whole, `{"key":"a","match":{"text":"fox"}}`, `{"a":"brown fox."}`, false},
		{whole, `{"key":"a","match":{"text":"Fox."}}`, `{"a":"brown fox."}`, false},
		{whole, `{"key":"a","match":{"text":"Fox."}}`, `{"a":"brown Fox."}`, true},
		{bounded, `{"key":"a","match":{"text":"a fox brown"}}`, `{"a":"fox"}`, true}, // "a" and "brown" are no tokens
		{bounded, `{"key":"a","match":{"phrase":"one two"}}`, `{"a":"one - x - two"}`, true},
		{bounded, `{"key":"a","match":{"text":"a"}}`, `{"a":"a"}`, false},
		{bounded, `{"key":"a","match":{"text":"four"}}`, `{"a":"four"}`, true},
		{bounded, `{"key":"a","match":{"text":"bäume"}}`, `{"a":"bäume"}`, false}, // characters count, not bytes
		{bounded, `{"key":"a","match":{"text":"bäum"}}`, `{"a":"bäum"}`, true},
		{index(`{"type":"text","min_token_len":2}`), `{"key":"a","match":{"text":"a"}}`, `{"a":"a"}`, false},
		{index(`{"type":"text","tokenizer":"prefix"}`), `{"key":"a","match":{"text":"fo"}}`, `{"a":"fox"}`, false}, // as word
		{index(`{"type":"text","tokenizer":"multilingual"}`), `{"key":"a","match":{"text":"fox"}}`, `{"a":"the fox"}`, true},
	} {
		indexes := map[string]filter.FieldIndex{"a": c.index}
		require.Equal(t, c.want, matchesDoc(t, c.condition, c.doc, indexes), "%s: %s on %s", c.index.Type, c.condition, c.doc)
	}
}

// TestIndexOfAnElement: inside nested conditions the indexes are those of the
// whole path, however it was written.
func TestIndexOfAnElement(t *testing.T) {
	const condition = `{"nested":{"key":"l","filter":{"must":[{"nested":{"key":"m[]","filter":{"must":[{"key":"a","match":{"text":"FOX"}}]}}}]}}}`
	const doc = `{"l":[{"m":[{"a":"the fox"}]}]}`
	text := filter.IndexOf(filter.Text)
	require.True(t, matchesDoc(t, condition, doc, map[string]filter.FieldIndex{`"l"[].m[].a`: text}))
	require.False(t, matchesDoc(t, condition, doc, map[string]filter.FieldIndex{`l.m.a`: text, `a`: text}))
}

func TestGroups(t *testing.T) {
	const yes, no = `{"has_id":[1]}`, `{"has_id":[2]}`
	for doc, want := range map[string]bool{
		`{}`: true,
		`{"must":[` + yes + `],"must_not":[` + no + `],"should":[` + no + `,` + yes + `]}`:        true,
		`{"must":[` + yes + `,` + no + `]}`:                                                       false,
		`{"must_not":[` + no + `,` + yes + `]}`:                                                   false,
		`{"should":[` + no + `]}`:                                                                 false,
		`{"must":[` + yes + `],"should":[` + no + `]}`:                                            false,
		`{"min_should":{"conditions":[` + yes + `,` + yes + `,` + no + `],"min_count":2}}`:        true,
		`{"min_should":{"conditions":[` + yes + `,` + no + `,` + no + `],"min_count":2}}`:         false,
		`{"min_should":{"conditions":[],"min_count":1}}`:                                          false,
		`{"min_should":{"conditions":[` + no + `],"min_count":0}}`:                                true,
		`{"should":[` + yes + `],"min_should":{"conditions":[` + yes + `],"min_count":18446744}}`: false,
		`{"must":[{"should":[{"must_not":[` + no + `]}]}]}`:                                       true,
		`{"must_not":[{}]}`: false,
	} {
		require.Equal(t, want, matches(t, compile(t, doc, nil), &point{id: segments.NumberID(1)}), doc)
	}
}

// TestPayloadIsReadLast: ids and vectors cost nothing, a payload may have to be
// read and decompressed.
func TestPayloadIsReadLast(t *testing.T) {
	const field = `{"key":"a","match":{"value":1}}`
	for doc, reads := range map[string]int{
		`{"must":[` + field + `,{"has_id":[2]}]}`:                         0,
		`{"must_not":[` + field + `,{"has_vector":"v"}]}`:                 0,
		`{"should":[` + field + `,{"has_id":[1]}]}`:                       0,
		`{"must":[` + field + `,{"is_empty":{"key":"b"}},` + field + `]}`: 1,
		`{"must":[{"must":[` + field + `]}],"should":[` + field + `]}`:    1,
	} {
		p := &point{id: segments.NumberID(1), vectors: []string{"v"}, payload: payloadtest.Object(t, `{"a":1}`)}
		matches(t, compile(t, doc, nil), p)
		require.Equal(t, reads, p.reads, doc)
	}
}

func TestErrorsOfThePointAreReturned(t *testing.T) {
	damaged := errors.New("a damaged block")
	for _, doc := range []string{
		`{"must":[{"key":"a","match":{"value":1}}]}`, `{"must_not":[{"is_empty":{"key":"a"}}]}`, `{"should":[{"has_vector":"v"}]}`,
		`{"min_should":{"conditions":[{"nested":{"key":"a","filter":{}}}],"min_count":1}}`,
	} {
		_, err := compile(t, doc, nil).Match(&point{err: damaged})
		require.ErrorIs(t, err, damaged, doc)
	}
}

func TestInvalidFilters(t *testing.T) {
	key := path(t, "a")
	empty := &filter.Field{Key: key}
	for want, f := range map[string]*filter.Filter{
		"must_not[1].__all__":              {MustNot: []filter.Condition{&filter.IsNull{Key: key}, empty}},
		"should[0].must[0].__all__":        {Should: []filter.Condition{&filter.Filter{Must: []filter.Condition{empty}}}},
		"min_should.conditions[0].__all__": {MinShould: &filter.MinShould{Conditions: []filter.Condition{empty}}},
		"must[0].nested.filter.should[0].__all__": {Must: []filter.Condition{
			&filter.Nested{Key: key, Filter: &filter.Filter{Should: []filter.Condition{empty}}},
		}},
		"must[0].key":         {Must: []filter.Condition{&filter.IsEmpty{}}},
		"must[0].nested.key":  {Must: []filter.Condition{&filter.Nested{}}},
		"must[0]":             {Must: []filter.Condition{nil}},
		"must[0].geo_polygon": {Must: []filter.Condition{&filter.Field{Key: key, GeoPolygon: &filter.GeoPolygon{}}}},
	} {
		_, err := filter.Compile(f, filter.Env{})
		var invalid *filter.InvalidError
		require.ErrorAs(t, err, &invalid, want)
		require.Equal(t, want, invalid.Path)
	}
	_, err := filter.Compile(&filter.Filter{Must: []filter.Condition{&filter.Nested{Key: key}}}, filter.Env{})
	require.NoError(t, err, "no filter demands nothing")
}

func TestGeoErrors(t *testing.T) {
	for _, p := range []filter.GeoPoint{{Lon: 180.5}, {Lat: -90.5}} {
		_, err := filter.NewGeoPoint(p.Lon, p.Lat)
		var geo *filter.GeoPointError
		require.ErrorAs(t, err, &geo)
	}
	_, err := filter.NewGeoPoint(-180, 90)
	require.NoError(t, err)

	a, b, c := filter.GeoPoint{}, filter.GeoPoint{Lon: 1}, filter.GeoPoint{Lat: 1}
	_, err = filter.NewGeoPolygon([]filter.GeoPoint{a, b, a}, nil)
	require.EqualError(t, err, "polygon invalid, the size must be at least 4, got 3")
	_, err = filter.NewGeoPolygon([]filter.GeoPoint{a, b, c, a}, [][]filter.GeoPoint{{a, b, c, b}})
	require.EqualError(t, err, "polygon invalid, the first and the last points should be the same to form a closed line")
}

func TestIDsAndMatchesAll(t *testing.T) {
	n := segments.NumberID
	for _, c := range []struct {
		doc string
		all bool
		ids []segments.PointID
		ok  bool
	}{
		{`{}`, true, nil, false},
		{`{"min_should":{"conditions":[{"has_id":[1]}],"min_count":0}}`, true, nil, false},
		{`{"must":[{"has_id":[3,1,3]}]}`, false, []segments.PointID{n(1), n(3)}, true},
		{`{"must":[{"has_id":[3,1,2]},{"key":"a","is_empty":true},{"has_id":[4,2,3]}]}`, false, []segments.PointID{n(2), n(3)}, true},
		{`{"must":[{"has_id":[]}]}`, false, nil, true},
		{`{"should":[{"has_id":[1]}]}`, false, nil, false},
		{`{"must_not":[{"has_id":[1]}]}`, false, nil, false},
	} {
		compiled := compile(t, c.doc, nil)
		require.Equal(t, c.all, compiled.MatchesAll(), c.doc)
		ids, ok := compiled.IDs()
		require.Equal(t, c.ids, ids, c.doc)
		require.Equal(t, c.ok, ok, c.doc)
	}
}

// TestAntipodes: rounding must not turn the greatest distance into none.
func TestAntipodes(t *testing.T) {
	for i := range 180 {
		lon, lat := float64(i), float64(i)/2.01
		condition := fmt.Sprintf(`{"key":"g","geo_radius":{"center":{"lon":%v,"lat":%v},"radius":20015200}}`, lon, lat)
		require.True(t, matchesDoc(t, condition, fmt.Sprintf(`{"g":{"lon":%v,"lat":%v}}`, lon-180, -lat), nil), condition)
	}
}

// TestConcurrentUse is for the race detector.
func TestConcurrentUse(t *testing.T) {
	c := compile(t, `{"must":[{"has_id":[1,2]},{"has_id":[2,3]},{"key":"title","match":{"text":"titles"}}]}`, benchIndexes())
	var done sync.WaitGroup
	for range 4 {
		done.Go(func() {
			p := benchPoint(t)
			p.id = segments.NumberID(2)
			for range 50 {
				ok, err := c.Match(p)
				ids, _ := c.IDs()
				if !ok || err != nil || len(ids) != 1 {
					t.Errorf("match %v, %v, ids %v", ok, err, ids)
				}
			}
		})
	}
	done.Wait()
}
