package rest

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/tidemark-db/tidemark/index/filter"
	"github.com/tidemark-db/tidemark/transport"
)

// readMatch reads a match. Its first known key decides.
func readMatch(dec *jsontext.Decoder, b *bill) (filter.Match, error) {
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
			m, err = readMatchSet(dec, b, string(key))
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
func readMatchSet(dec *jsontext.Decoder, b *bill, kind string) (filter.Match, error) {
	var texts []string
	var ints []int64
	err := readArray(dec, "a sequence", func(int) error {
		raw, err := dec.ReadValue()
		if err == nil {
			err = b.spend(setCost + int64(len(raw)))
		}
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
