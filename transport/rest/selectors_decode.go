package rest

import (
	"math"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/tidemark-db/tidemark/segments/payload"
	"github.com/tidemark-db/tidemark/transport"
)

// vectorSelector says which vectors of a point an answer shows; the zero value
// shows none.
type vectorSelector struct {
	all   bool
	names []string
}

// readVectorSelector reads true, false, or a list of names; null changes
// nothing.
func readVectorSelector(dec *jsontext.Decoder, b *bill, v *vectorSelector) (err error) {
	switch dec.PeekKind() {
	case 'n':
		_, err = dec.ReadToken()
	case 't', 'f':
		*v = vectorSelector{}
		v.all, err = readBool(dec)
	case '[':
		*v = vectorSelector{}
		v.names, err = readStrings(dec, b)
	default:
		err = mismatch(dec, "a boolean or a list of names")
	}
	return variant("WithVector", err)
}

// readPayloadSelector reads true, false, a list of paths, or an object with
// include or exclude; null changes nothing.
func readPayloadSelector(dec *jsontext.Decoder, b *bill, s *payload.Selector) (err error) {
	switch dec.PeekKind() {
	case 'n':
		_, err = dec.ReadToken()
	case 't', 'f':
		var all bool
		all, err = readBool(dec)
		*s = payload.Selector{Kind: payload.SelectNone}
		if all {
			*s = payload.Selector{}
		}
	case '[':
		*s = payload.Selector{Kind: payload.SelectInclude}
		s.Paths, err = readPaths(dec, b)
	default:
		err = readIncludeExclude(dec, b, s)
	}
	return variant("WithPayloadInterface", err)
}

// readIncludeExclude reads an object with exactly one of two keys.
func readIncludeExclude(dec *jsontext.Decoder, b *bill, s *payload.Selector) error {
	found := 0
	err := readObject(dec, "a boolean, a list of paths or an object", func(key []byte) (err error) {
		found++
		switch string(key) {
		case "include":
			*s = payload.Selector{Kind: payload.SelectInclude}
		case "exclude":
			*s = payload.Selector{Kind: payload.SelectExclude}
		default:
			return transport.ShapeError("unknown field `" + abbreviate(string(key)) + "`, expected `include` or `exclude`")
		}
		s.Paths, err = readPaths(dec, b)
		return err
	})
	if err == nil && found != 1 {
		err = transport.ShapeError("either `include` or `exclude` is needed")
	}
	return err
}

// readLimit reads a number of points; null changes nothing. What is beyond an
// int is as much as there is.
func readLimit(dec *jsontext.Decoder, limit *int) error {
	if skipNull(dec) {
		return nil
	}
	n, err := readUint(dec, "usize", math.MaxUint64)
	*limit = int(min(n, math.MaxInt))
	return err
}

// checkLimit notes that a limit is 0.
func checkLimit(c *transport.Checks, path string, limit int) { transport.AtLeast(c, path, &limit, 1) }
