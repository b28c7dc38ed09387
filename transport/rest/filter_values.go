package rest

import (
	"errors"
	"math"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/tidemark-db/tidemark/index/filter"
	"github.com/tidemark-db/tidemark/transport"
)

// readMatch reads a match. Its first known key decides.
func readMatch(dec *jsontext.Decoder) (filter.Match, error) {
	var m filter.Match
	err := readObject(dec, "a match", func(key []byte) (err error) {
		if m != nil {
			return dec.SkipValue()
		}
		switch string(key) {
		case "value":
			m, err = readMatchValue(dec)
		case "text", "text_any", "phrase":
			m, err = readMatchText(dec, string(key))
		case "any", "except":
			m, err = readMatchSet(dec, string(key))
		default:
			err = dec.SkipValue()
		}
		return err
	})
	if err == nil && m == nil {
		err = transport.NoVariant("MatchInterface")
	}
	return m, variant("MatchInterface", err)
}

func readMatchValue(dec *jsontext.Decoder) (filter.Match, error) {
	raw, err := dec.ReadValue()
	if err != nil {
		return nil, err
	}
	switch raw.Kind() {
	case '"':
		text, err := unquote(raw)
		return filter.MatchString(text), err
	case 't', 'f':
		return filter.MatchBool(raw[0] == 't'), nil
	case '0':
		n, err := strconv.ParseInt(string(raw), 10, 64)
		if err == nil {
			return filter.MatchInt(n), nil
		}
	}
	return nil, wrongValue(raw, "a string, an integer or a boolean")
}

func readMatchText(dec *jsontext.Decoder, kind string) (filter.Match, error) {
	text, err := readString(dec, "a string")
	switch kind {
	case "text":
		return filter.MatchText(text), err
	case "text_any":
		return filter.MatchTextAny(text), err
	}
	return filter.MatchPhrase(text), err
}

// readMatchSet reads a list of strings or of integers.
func readMatchSet(dec *jsontext.Decoder, kind string) (filter.Match, error) {
	var texts []string
	var ints []int64
	err := readArray(dec, "a sequence", func(int) error {
		raw, err := dec.ReadValue()
		if err != nil {
			return err
		}
		switch raw.Kind() {
		case '"':
			text, err := unquote(raw)
			texts = append(texts, string(text))
			return err
		case '0':
			n, err := strconv.ParseInt(string(raw), 10, 64)
			if err == nil {
				ints = append(ints, n)
				return nil
			}
		}
		return wrongValue(raw, "a string or an integer")
	})
	if err == nil && texts != nil && ints != nil {
		err = transport.ShapeError("either strings or integers, not both")
	}
	if kind == "any" {
		return filter.MatchAny{Strings: texts, Ints: ints}, err
	}
	return filter.MatchExcept{Strings: texts, Ints: ints}, err
}

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

// readGeoPoint reads a place on earth.
func readGeoPoint(dec *jsontext.Decoder) (filter.GeoPoint, error) {
	var lon, lat *float64
	err := readObject(dec, "struct GeoPoint", func(key []byte) error {
		switch string(key) {
		case "lon", "lat":
			f, err := readFloat(dec)
			if string(key) == "lon" {
				lon = &f
			} else {
				lat = &f
			}
			return err
		}
		return dec.SkipValue()
	})
	switch {
	case err != nil:
		return filter.GeoPoint{}, err
	case lon == nil:
		return filter.GeoPoint{}, missing("lon")
	case lat == nil:
		return filter.GeoPoint{}, missing("lat")
	}
	return filter.NewGeoPoint(*lon, *lat)
}

func readBoundingBox(dec *jsontext.Decoder) (*filter.GeoBoundingBox, error) {
	b := &filter.GeoBoundingBox{}
	var topLeft, bottomRight bool
	err := readObject(dec, "struct GeoBoundingBox", func(key []byte) (err error) {
		switch string(key) {
		case "top_left":
			topLeft = true
			b.TopLeft, err = readGeoPoint(dec)
		case "bottom_right":
			bottomRight = true
			b.BottomRight, err = readGeoPoint(dec)
		default:
			err = dec.SkipValue()
		}
		return err
	})
	switch {
	case err != nil:
	case !topLeft:
		err = missing("top_left")
	case !bottomRight:
		err = missing("bottom_right")
	}
	return b, err
}

func readRadius(dec *jsontext.Decoder) (*filter.GeoRadius, error) {
	r := &filter.GeoRadius{}
	var center, radius bool
	err := readObject(dec, "struct GeoRadius", func(key []byte) (err error) {
		switch string(key) {
		case "center":
			center = true
			r.Center, err = readGeoPoint(dec)
		case "radius":
			radius = true
			r.Radius, err = readFloat(dec)
		default:
			err = dec.SkipValue()
		}
		return err
	})
	switch {
	case err != nil:
	case !center:
		err = missing("center")
	case !radius:
		err = missing("radius")
	}
	return r, err
}

func readPolygon(dec *jsontext.Decoder) (*filter.GeoPolygon, error) {
	var exterior []filter.GeoPoint
	var interiors [][]filter.GeoPoint
	err := readObject(dec, "struct GeoPolygon", func(key []byte) (err error) {
		switch string(key) {
		case "exterior":
			exterior, err = readLine(dec)
		case "interiors":
			if !skipNull(dec) {
				err = readArray(dec, "a sequence", func(int) error {
					line, err := readLine(dec)
					interiors = append(interiors, line)
					return err
				})
			}
		default:
			err = dec.SkipValue()
		}
		return err
	})
	if err == nil && exterior == nil {
		err = missing("exterior")
	}
	if err != nil {
		return nil, err
	}
	return filter.NewGeoPolygon(exterior, interiors)
}

// readLine reads a closed line of points.
func readLine(dec *jsontext.Decoder) ([]filter.GeoPoint, error) {
	var line []filter.GeoPoint
	err := readObject(dec, "struct GeoLineString", func(key []byte) error {
		if string(key) != "points" {
			return dec.SkipValue()
		}
		line = []filter.GeoPoint{}
		return readArray(dec, "a sequence", func(int) error {
			p, err := readGeoPoint(dec)
			line = append(line, p)
			return err
		})
	})
	if err == nil && line == nil {
		err = missing("points")
	}
	return line, err
}

// isFilterError reports whether err is one of the texts of package filter that
// were written for clients.
func isFilterError(err error) bool {
	var t *filter.TimeError
	var p *filter.GeoPointError
	var g *filter.GeoPolygonError
	return errors.As(err, &t) || errors.As(err, &p) || errors.As(err, &g)
}
