package rest

import (
	"bytes"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/transport"
)

// readID reads the id of a point: an integer or a string that is a UUID. It
// never passes through a float, which holds only 53 bits.
func readID(dec *jsontext.Decoder) (segments.PointID, error) {
	raw, err := dec.ReadValue()
	if err != nil {
		return segments.PointID{}, err
	}
	shown := []byte(raw)
	switch raw.Kind() {
	case '0':
		if n, err := strconv.ParseUint(string(raw), 10, 64); err == nil {
			return segments.NumberID(n), nil
		}
	case '"':
		text, err := unquote(raw)
		if err != nil {
			return segments.PointID{}, err
		}
		if u, ok := parseUUID(text); ok {
			return segments.UUIDID(u), nil
		}
		shown = text
	}
	return segments.PointID{}, transport.ShapeError("value " + abbreviate(string(shown)) +
		" is not a valid point ID, valid values are either an unsigned integer or a UUID")
}

// readIDs reads an array of ids, which b pays for.
func readIDs(dec *jsontext.Decoder, b *bill) ([]segments.PointID, error) {
	n := arrayLength(dec)
	if err := b.spend(int64(n) * idCost); err != nil {
		return nil, err
	}
	ids := make([]segments.PointID, 0, n)
	err := readArray(dec, "a sequence", func(int) error {
		id, err := readID(dec)
		ids = append(ids, id)
		return err
	})
	return ids, err
}

// arrayLength returns the number of elements of the next value if it is an array
// of numbers or of strings without commas and brackets. For others it may be
// wrong, but is never more than the bytes that are left.
func arrayLength(dec *jsontext.Decoder) int {
	if dec.PeekKind() != '[' {
		return 0
	}
	rest := dec.UnreadBuffer()
	end := bytes.IndexByte(rest, ']')
	if end < 0 {
		return 0
	}
	return bytes.Count(rest[:end], []byte{','}) + 1
}

// parseUUID reads a UUID in its hyphenated form, as 32 hex digits or as a URN.
func parseUUID(text []byte) (uuid.UUID, bool) {
	switch len(text) {
	case 32, 36, 45:
		u, err := uuid.ParseBytes(text)
		return u, err == nil
	}
	return uuid.UUID{}, false
}

// pathID reads an id from a path, where there are no quotes to tell a number.
func pathID(text string) (segments.PointID, error) {
	if n, err := strconv.ParseUint(text, 10, 64); err == nil && text[0] != '+' {
		return segments.NumberID(n), nil
	}
	if u, ok := parseUUID([]byte(text)); ok {
		return segments.UUIDID(u), nil
	}
	return segments.PointID{}, tidemark.Errorf(tidemark.BadInput, "Can not recognize %q as point id", text)
}

// appendID appends the JSON of an id.
func appendID(dst []byte, id segments.PointID) []byte {
	if !id.IsUUID() {
		return strconv.AppendUint(dst, id.Number(), 10)
	}
	u := id.UUID()
	dst = append(dst, '"')
	dst = append(dst, u.String()...)
	return append(dst, '"')
}
