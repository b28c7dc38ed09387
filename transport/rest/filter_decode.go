package rest

import (
	"fmt"
	"math"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/tidemark-db/tidemark/index/filter"
	"github.com/tidemark-db/tidemark/segments/payload"
	"github.com/tidemark-db/tidemark/transport"
)

// errCondition says that an object is no condition.
const errCondition = transport.ShapeError(`Expected some form of condition, which can be a field condition (like {"key": ..., "match": ... }), ` +
	"or some other mentioned in the documentation: https://qdrant.tech/documentation/concepts/filtering/#filtering-conditions")

// maxConditions is how many conditions may lie inside each other.
const maxConditions = 128

// errTooDeep says in the reference's words that there are more.
const errTooDeep = transport.ShapeError("recursion limit exceeded")

// site is where in a request a part of a filter stands.
type site struct {
	checks *transport.Checks // of the request
	bill   *bill             // of the request
	path   string
	depth  int // conditions around it
}

// in returns the site of a part.
func (s site) in(part string) site {
	s.path += part
	return s
}

// readFilter reads a filter. It is one of the few places where an unknown key
// is refused: a condition that is not understood must not be left out. Fields
// without a condition are noted in the checks of at.
func readFilter(dec *jsontext.Decoder, at site) (*filter.Filter, error) {
	f := &filter.Filter{}
	err := readObject(dec, "struct Filter", func(key []byte) (err error) {
		switch string(key) {
		case "should", "must", "must_not":
			var list []filter.Condition
			list, err = readConditions(dec, at.in("."+string(key)))
			switch string(key) {
			case "should":
				f.Should = list
			case "must":
				f.Must = list
			default:
				f.MustNot = list
			}
		case "min_should":
			f.MinShould, err = readMinShould(dec, at.in(".min_should"))
		default:
			err = transport.ShapeError(fmt.Sprintf(
				"unknown field `%s`, expected one of `should`, `min_should`, `must`, `must_not`", abbreviate(string(key))))
		}
		return err
	})
	return f, err
}

// readConditions reads a list of conditions, one condition, or null.
func readConditions(dec *jsontext.Decoder, at site) ([]filter.Condition, error) {
	switch dec.PeekKind() {
	case 'n':
		_, err := dec.ReadToken()
		return nil, err
	case '{':
		c, err := readCondition(dec, at)
		return []filter.Condition{c}, err
	case '[':
		list := []filter.Condition{}
		err := readArray(dec, "a sequence", func(i int) error {
			c, err := readCondition(dec, at.in(fmt.Sprintf("[%d]", i)))
			list = append(list, c)
			return err
		})
		return list, err
	}
	return nil, mismatch(dec, "null, array or map")
}

func readMinShould(dec *jsontext.Decoder, at site) (*filter.MinShould, error) {
	if skipNull(dec) {
		return nil, nil
	}
	m := &filter.MinShould{}
	var conditions, count bool
	err := readObject(dec, "struct MinShould", func(key []byte) (err error) {
		switch string(key) {
		case "conditions":
			conditions = true
			m.Conditions, err = readConditions(dec, at.in(".conditions"))
		case "min_count":
			count = true
			m.MinCount, err = readUint(dec, "usize", math.MaxUint64)
		default:
			err = dec.SkipValue()
		}
		return err
	})
	switch {
	case err != nil:
	case !conditions:
		err = missing("conditions")
	case !count:
		err = missing("min_count")
	}
	return m, err
}

// condition collects the fields of an object that is a condition. Which kind
// it is shows only when all of them were seen.
type condition struct {
	field    filter.Field
	hasKey   bool
	other    filter.Condition // is_empty, is_null, has_id, has_vector or nested
	nested   filter.Filter    // should, must, must_not, min_should
	isFilter bool
	unknown  string
}

func readCondition(dec *jsontext.Decoder, at site) (filter.Condition, error) {
	if err := at.bill.spend(conditionCost); err != nil {
		return nil, err
	}
	if dec.PeekKind() != '{' {
		if _, err := dec.ReadValue(); err != nil {
			return nil, err
		}
		return nil, errCondition
	}
	if at.depth == maxConditions {
		return nil, errTooDeep
	}
	at.depth++
	var c condition
	err := readObject(dec, "a map", func(key []byte) error { return c.read(dec, string(key), at) })
	if err != nil {
		return nil, err
	}
	switch {
	case c.other != nil:
		return c.other, nil
	case c.hasKey:
		if c.field.Match == nil && !c.hasOther() {
			at.checks.Fail(at.path+".__all__", "Validation error: At least one field condition must be specified [{}]")
		}
		return &c.field, nil
	case c.isFilter && c.unknown == "":
		return &c.nested, nil
	}
	return nil, errCondition
}

// hasOther reports whether the field has a condition other than a match.
func (c *condition) hasOther() bool {
	f := &c.field
	return f.Range != nil || f.Times != nil || f.GeoBoundingBox != nil || f.GeoRadius != nil ||
		f.GeoPolygon != nil || f.ValuesCount != nil || f.IsEmpty != nil || f.IsNull != nil
}

// read reads one field of a condition.
func (c *condition) read(dec *jsontext.Decoder, key string, at site) (err error) {
	f := &c.field
	if key != "key" && key != "is_empty" && skipNull(dec) {
		return nil
	}
	switch key {
	case "key":
		c.hasKey = true
		f.Key, err = readRequiredPath(dec)
	case "match":
		f.Match, err = readMatch(dec, at.bill)
	case "range":
		f.Range, f.Times, err = readRange(dec)
	case "geo_bounding_box":
		f.GeoBoundingBox, err = readBoundingBox(dec)
	case "geo_radius":
		f.GeoRadius, err = readRadius(dec)
	case "geo_polygon":
		f.GeoPolygon, err = readPolygon(dec)
	case "values_count":
		f.ValuesCount, err = readValuesCount(dec)
	case "is_empty", "is_null":
		err = c.readEmptyOrNull(dec, key)
	case "has_id", "has_vector", "nested":
		err = c.readOther(dec, key, at)
	case "should", "must", "must_not", "min_should":
		err = c.readPart(dec, key, at)
	default:
		c.unknown = key
		err = dec.SkipValue()
	}
	return err
}

// readEmptyOrNull reads is_empty or is_null, which is a truth value beside a
// key, or an object with a key.
func (c *condition) readEmptyOrNull(dec *jsontext.Decoder, name string) error {
	switch dec.PeekKind() {
	case 'n':
		_, err := dec.ReadToken()
		return err
	case 't', 'f':
		b, err := readBool(dec)
		if name == "is_empty" {
			c.field.IsEmpty = &b
		} else {
			c.field.IsNull = &b
		}
		return err
	}
	path, err := readKeyObject(dec)
	if name == "is_empty" {
		c.other = &filter.IsEmpty{Key: path}
	} else {
		c.other = &filter.IsNull{Key: path}
	}
	return err
}

func (c *condition) readOther(dec *jsontext.Decoder, name string, at site) (err error) {
	switch name {
	case "has_id":
		h := &filter.HasID{}
		h.IDs, err = readIDs(dec, at.bill)
		c.other = h
	case "has_vector":
		h := &filter.HasVector{}
		h.Name, err = readString(dec, "a string")
		c.other = h
	case "nested":
		c.other, err = readNested(dec, at.in(".nested"))
	}
	return err
}

// readPart reads a part of a filter that stands in the place of a condition.
func (c *condition) readPart(dec *jsontext.Decoder, name string, at site) (err error) {
	c.isFilter = true
	at = at.in("." + name)
	switch name {
	case "should":
		c.nested.Should, err = readConditions(dec, at)
	case "must":
		c.nested.Must, err = readConditions(dec, at)
	case "must_not":
		c.nested.MustNot, err = readConditions(dec, at)
	case "min_should":
		c.nested.MinShould, err = readMinShould(dec, at)
	}
	return err
}

func readNested(dec *jsontext.Decoder, at site) (*filter.Nested, error) {
	n := &filter.Nested{}
	hasKey := false
	err := readObject(dec, "struct Nested", func(key []byte) (err error) {
		switch string(key) {
		case "key":
			hasKey = true
			n.Key, err = readRequiredPath(dec)
		case "filter":
			n.Filter, err = readFilter(dec, at.in(".filter"))
		default:
			err = dec.SkipValue()
		}
		return err
	})
	switch {
	case err != nil:
	case !hasKey:
		err = missing("key")
	case n.Filter == nil:
		err = missing("filter")
	}
	return n, err
}

// readKeyObject reads an object with a key and nothing else of interest.
func readKeyObject(dec *jsontext.Decoder) (path payload.Path, err error) {
	found := false
	err = readObject(dec, "a map", func(key []byte) (err error) {
		if string(key) != "key" {
			return dec.SkipValue()
		}
		found = true
		path, err = readRequiredPath(dec)
		return err
	})
	if err == nil && !found {
		err = missing("key")
	}
	return path, err
}

func readRequiredPath(dec *jsontext.Decoder) (payload.Path, error) {
	text, err := readString(dec, "a string")
	if err != nil {
		return payload.Path{}, err
	}
	return payload.ParsePath(text)
}
