package filter

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/tidemark-db/tidemark/segments/payload"
)

// FieldType is the type of a payload index.
type FieldType string

// The types of payload indexes.
const (
	Keyword  FieldType = "keyword"
	Integer  FieldType = "integer"
	Float    FieldType = "float"
	Geo      FieldType = "geo"
	Text     FieldType = "text"
	Bool     FieldType = "bool"
	Datetime FieldType = "datetime"
	UUID     FieldType = "uuid"
)

// FieldIndex is the schema of one payload index: its type and the parameters it
// was given. As JSON it is a type name or an object of parameters, and it prints
// as clients expect to see again what they sent. IndexOf and ParseFieldIndex
// make one; the zero FieldIndex is none. It is not modified.
type FieldIndex struct {
	Type FieldType
	// Params is the object of parameters, "type" included, in canonical JSON;
	// nil if only the type was named.
	Params []byte
	// NoRange says that points cannot be ordered by it. Only of Integer.
	NoRange bool
	// Text holds the parameters that matter to matching. Only of Text.
	Text TextParams
}

// TextParams says how a text index cuts texts into tokens.
type TextParams struct {
	Tokenizer Tokenizer
	// MinTokenLen and MaxTokenLen bound the characters of a token; others are
	// dropped. MaxTokenLen 0 is no bound.
	MinTokenLen, MaxTokenLen int
	// KeepCase says that tokens are not put into lower case.
	KeepCase bool
}

// Tokenizer cuts a text into tokens.
type Tokenizer string

// The tokenizers. Prefix and Multilingual are stored and shown, but cut as Word
// does.
const (
	Word         Tokenizer = "word"       // runs of letters and digits
	Whitespace   Tokenizer = "whitespace" // what stands between white space
	Prefix       Tokenizer = "prefix"
	Multilingual Tokenizer = "multilingual"
)

// ErrFieldSchema says that a document is not the schema of a payload index.
var ErrFieldSchema = errors.New("data did not match any variant of untagged enum PayloadFieldSchema")

// ErrNoIntegerUse says that an integer index would serve nothing. It belongs to
// the field "lookup".
var ErrNoIntegerUse = errors.New("the 'lookup' and 'range' capabilities can't be both disabled")

// IndexOf returns the index of a known type without parameters.
func IndexOf(t FieldType) FieldIndex {
	f := FieldIndex{Type: t}
	if t == Text {
		f.Text.Tokenizer = Word
	}
	return f
}

// ParseFieldIndex reads a type name or an object of parameters. The error is
// ErrNoIntegerUse or wraps ErrFieldSchema.
func ParseFieldIndex(doc []byte) (FieldIndex, error) {
	if jsontext.Value(doc).Kind() == '"' {
		var name FieldType
		if err := json.Unmarshal(doc, &name); err != nil {
			return FieldIndex{}, fmt.Errorf("%w: %w", ErrFieldSchema, err)
		}
		if _, ok := paramsOf(name); !ok {
			return FieldIndex{}, fmt.Errorf("%w: unknown type %q", ErrFieldSchema, name)
		}
		return IndexOf(name), nil
	}
	var head struct {
		Type FieldType `json:"type"`
	}
	if err := json.Unmarshal(doc, &head); err != nil {
		return FieldIndex{}, fmt.Errorf("%w: %w", ErrFieldSchema, err)
	}
	p, ok := paramsOf(head.Type)
	if !ok {
		return FieldIndex{}, fmt.Errorf("%w: unknown type %q", ErrFieldSchema, head.Type)
	}
	return withParams(head.Type, p, doc)
}

func withParams(t FieldType, p params, doc []byte) (FieldIndex, error) {
	if err := json.Unmarshal(doc, p); err != nil {
		return FieldIndex{}, fmt.Errorf("%w: %w", ErrFieldSchema, err)
	}
	f := IndexOf(t)
	if err := p.apply(&f); err != nil {
		return FieldIndex{}, err
	}
	var err error
	if f.Params, err = json.Marshal(p); err != nil {
		return FieldIndex{}, fmt.Errorf("%w: %w", ErrFieldSchema, err)
	}
	return f, nil
}

// Equal reports whether f and g are the same schema.
func (f FieldIndex) Equal(g FieldIndex) bool {
	return f.Type == g.Type && bytes.Equal(f.Params, g.Params)
}

// HasRange reports whether points can be ordered by the field.
func (f FieldIndex) HasRange() bool {
	return f.Type == Float || f.Type == Datetime || f.Type == Integer && !f.NoRange
}

// Covers reports whether the payload has a value at path, or in an array there,
// that an index of this type holds.
func (f FieldIndex) Covers(path payload.Path, o payload.Object) bool {
	return path.Any(o.Value(), func(v payload.Value) bool { return anyElement(v, f.holds) })
}

func (f FieldIndex) holds(v payload.Value) bool {
	switch f.Type {
	case Keyword, Text:
		return v.Kind() == payload.KindString
	case Integer:
		_, ok := integerOf(v)
		return ok
	case Float:
		_, ok := v.Number()
		return ok
	case Bool:
		return v.Kind() == payload.KindBool
	case Datetime:
		_, ok := parseTime(v.Str())
		return ok
	case UUID:
		return isUUID(v.Str())
	case Geo:
		_, ok := geoPointOf(v)
		return ok
	default:
		return false
	}
}

// MarshalJSON implements json.Marshaler.
func (f FieldIndex) MarshalJSON() ([]byte, error) {
	if f.Params != nil {
		return f.Params, nil
	}
	return json.Marshal(f.Type)
}

// UnmarshalJSON implements json.Unmarshaler.
func (f *FieldIndex) UnmarshalJSON(doc []byte) error {
	parsed, err := ParseFieldIndex(doc)
	if err != nil {
		return err
	}
	*f = parsed
	return nil
}
