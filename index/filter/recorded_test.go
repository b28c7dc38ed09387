package filter_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/index/filter"
	"github.com/tidemark-db/tidemark/segments"
)

// TestRecordedAnswers compares with what the reference answered.
func TestRecordedAnswers(t *testing.T) {
	points := recordedPoints(t)
	count := 0
	for _, r := range readLines[struct {
		Filter json.RawMessage
		IDs    []uint64
		Error  string
	}](t, "recorded.jsonl") {
		if r.Error != "" {
			continue
		}
		count++
		c := compile(t, string(r.Filter), nil)
		var got []segments.PointID
		for _, p := range points {
			if matches(t, c, p) {
				got = append(got, p.id)
			}
		}
		var want []segments.PointID
		for _, id := range r.IDs {
			want = append(want, segments.NumberID(id))
		}
		require.Equal(t, want, got, string(r.Filter))
	}
	require.Equal(t, 53, count, "no recorded answer is left out")
}

// TestRecordedErrors compares the texts of those errors that are made here.
func TestRecordedErrors(t *testing.T) {
	_, err := filter.NewGeoPoint(500, 0)
	require.EqualError(t, err, "Wrong format of GeoPoint payload: expected `lat` = 0 within [-90;90] and `lon` = 500 within [-180;180]")

	_, err = filter.Compile(&filter.Filter{Must: []filter.Condition{&filter.Field{Key: path(t, "s")}}}, filter.Env{})
	require.EqualError(t, err, "must[0].__all__: Validation error: At least one field condition must be specified [{}]")

	_, err = filter.CompileOrder(path(t, "s"), filter.Env{Indexes: map[string]filter.FieldIndex{"s": filter.IndexOf(filter.Keyword)}})
	require.EqualError(t, err, "No range index for `order_by` key: `s`. Please create one to use `order_by`. "+
		"Check https://qdrant.tech/documentation/concepts/indexing/#payload-index to see which payload schemas support Range conditions")
}

// TestRecordedOrder compares orders with what the reference answered, except
// for the ids of equal values, which come in no promised order.
func TestRecordedOrder(t *testing.T) {
	env := filter.Env{Indexes: map[string]filter.FieldIndex{
		"i": filter.IndexOf(filter.Integer), "d": filter.IndexOf(filter.Datetime),
	}}
	type entry struct {
		value filter.OrderValue
		id    segments.PointID
	}
	points := recordedPoints(t)
	for _, r := range readLines[struct {
		OrderBy json.RawMessage `json:"order_by"`
		Points  []struct {
			ID         uint64 `json:"id"`
			OrderValue int64  `json:"order_value"`
		}
	}](t, "order.jsonl") {
		by := struct {
			Key       string
			Direction string
			StartFrom *int64 `json:"start_from"`
		}{}
		if json.Unmarshal(r.OrderBy, &by.Key) != nil {
			unmarshal(t, string(r.OrderBy), &by)
		}
		order, err := filter.CompileOrder(path(t, by.Key), env)
		require.NoError(t, err)

		var got []entry
		for _, p := range points {
			for _, v := range order.AppendValues(nil, p.payload) {
				if by.StartFrom == nil || v.Compare(filter.IntOrder(*by.StartFrom)) <= 0 {
					got = append(got, entry{v, p.id})
				}
			}
		}
		var want []entry
		for _, p := range r.Points {
			want = append(want, entry{filter.IntOrder(p.OrderValue), segments.NumberID(p.ID)})
		}
		require.ElementsMatch(t, want, got, string(r.OrderBy))
		require.True(t, slices.IsSortedFunc(want, func(a, b entry) int {
			if by.Direction == "desc" {
				a, b = b, a
			}
			return a.value.Compare(b.value)
		}))
	}
}
