package rest

import (
	"errors"
	"math"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/tidemark-db/tidemark/index/filter"
	"github.com/tidemark-db/tidemark/transport"
)

// readRange reads bounds, which are all numbers or all dates.
func readRange(dec *jsontext.Decoder) (*filter.Range, *filter.TimeRange, error) {
	var numbers filter.Range
	var times filter.TimeRange
	var isNumbers, isTimes bool
	err := readObject(dec, "a range", func(key []byte) (err error) {
		n, t := bounds(&numbers, &times, string(key))
		switch kind := dec.PeekKind(); {
		case n == nil || kind == 'n':
			err = dec.SkipValue()
		case kind == '"':
			isTimes = true
			*t, err = readTime(dec)
		default:
			isNumbers = true
			*n = new(float64)
			**n, err = readFloat(dec)
		}
		return err
	})
	switch {
	case err != nil:
		return nil, nil, err
	case isNumbers && isTimes:
		return nil, nil, transport.NoVariant("RangeInterface")
	case isTimes:
		return nil, &times, nil
	}
	return &numbers, nil, nil
}

// bounds returns the bound of that name in both kinds of range.
func bounds(r *filter.Range, t *filter.TimeRange, name string) (**float64, **filter.Time) {
	switch name {
	case "lt":
		return &r.LT, &t.LT
	case "lte":
		return &r.LTE, &t.LTE
	case "gt":
		return &r.GT, &t.GT
	case "gte":
		return &r.GTE, &t.GTE
	}
	return nil, nil
}

func readTime(dec *jsontext.Decoder) (*filter.Time, error) {
	text, err := readString(dec, "a string")
	if err != nil {
		return nil, err
	}
	t, err := filter.ParseTime(text)
	return &t, err
}

func readValuesCount(dec *jsontext.Decoder) (*filter.ValuesCount, error) {
	v := &filter.ValuesCount{}
	err := readObject(dec, "struct ValuesCount", func(key []byte) (err error) {
		var bound **uint64
		switch string(key) {
		case "lt":
			bound = &v.LT
		case "lte":
			bound = &v.LTE
		case "gt":
			bound = &v.GT
		case "gte":
			bound = &v.GTE
		}
		if bound == nil || dec.PeekKind() == 'n' {
			return dec.SkipValue()
		}
		*bound = new(uint64)
		**bound, err = readUint(dec, "usize", math.MaxUint64)
		return err
	})
	return v, err
}

// isFilterError reports whether err is one of the texts of package filter that
// were written for clients.
func isFilterError(err error) bool {
	var t *filter.TimeError
	var p *filter.GeoPointError
	var g *filter.GeoPolygonError
	return errors.As(err, &t) || errors.As(err, &p) || errors.As(err, &g)
}
