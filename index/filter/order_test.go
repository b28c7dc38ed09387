package filter_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/index/filter"
	"github.com/tidemark-db/tidemark/segments/payload/payloadtest"
)

func TestOrderValues(t *testing.T) {
	i, f := filter.IntOrder, filter.FloatOrder
	for _, c := range []struct {
		is   filter.FieldType
		key  string
		want []filter.OrderValue
	}{
		{filter.Integer, "a", []filter.OrderValue{i(-5), i(2), i(3)}},
		{filter.Float, "a", []filter.OrderValue{f(-5), f(2), f(2.5), f(3), f(18446744073709551615)}},
		{filter.Datetime, "a", []filter.OrderValue{i(1735689600000000)}},
		{filter.Integer, "l[].x", []filter.OrderValue{i(1), i(2)}},
		{filter.Integer, "none", nil},
		{filter.Integer, "l", nil},
	} {
		order, err := filter.CompileOrder(path(t, c.key), filter.Env{Indexes: map[string]filter.FieldIndex{c.key: filter.IndexOf(c.is)}})
		require.NoError(t, err)
		o := payloadtest.Object(t, `{"a":[3,2.0,3,-5,2.5,"x",null,[9],18446744073709551615,"2025-01-01"],"l":[{"x":2},{"x":[1]},{}]}`)
		require.Equal(t, c.want, order.AppendValues(nil, o), "%s %s", c.key, c.is)

		before := []filter.OrderValue{i(7)}
		require.Equal(t, append(before, c.want...), order.AppendValues(before, o), "what was there stays")
	}
}

func TestOrderNeedsARangeIndex(t *testing.T) {
	noRange, err := filter.ParseFieldIndex([]byte(`{"type":"integer","range":false}`))
	require.NoError(t, err)
	env := filter.Env{Indexes: map[string]filter.FieldIndex{"k": filter.IndexOf(filter.Keyword), "i": noRange, `"f"`: filter.IndexOf(filter.Float)}}
	for key, ok := range map[string]bool{"k": false, "i": false, "none": false, "f": true} {
		_, err := filter.CompileOrder(path(t, key), env)
		var missing *filter.NoRangeIndexError
		require.Equal(t, !ok, err != nil, key)
		if !ok {
			require.ErrorAs(t, err, &missing)
		}
	}
}

func TestOrderValueCompare(t *testing.T) {
	i, f := filter.IntOrder, filter.FloatOrder
	ascending := []filter.OrderValue{
		f(-1e300), i(math.MinInt64), i(-3), f(-2.5), i(-2), f(-0.5), i(0), f(0.5), i(2), f(2.5), i(3),
		i(1<<53 + 1), f(1<<53 + 2), i(math.MaxInt64), f(1 << 63), f(1e300),
	}
	for a, x := range ascending {
		for b, y := range ascending {
			require.Equal(t, a < b, x.Compare(y) < 0, "%v %v", x, y)
			require.Equal(t, a == b, x.Compare(y) == 0, "%v %v", x, y)
		}
	}
	require.Zero(t, i(5).Compare(f(5)))

	n, ok := i(7).Int()
	require.True(t, ok)
	require.EqualValues(t, 7, n)
	_, ok = f(7).Int()
	require.False(t, ok)
	require.Equal(t, 7.0, i(7).Float())
	require.Equal(t, 7.5, f(7.5).Float())
}
