package filter

import (
	"encoding/json"
	"fmt"
)

// params are the parameters of one type of index. They are read by the names
// below and nothing else, and print as clients expect to see them again; what
// clients of later versions send besides is left out.
type params interface {
	// apply checks the parameters and takes over what matters to matching.
	apply(f *FieldIndex) error
}

type storageParams struct {
	OnDisk     *bool `json:"on_disk,omitempty"`
	EnableHNSW *bool `json:"enable_hnsw,omitempty"`
}

// keywordParams are those of Keyword and UUID.
type keywordParams struct {
	Type     FieldType `json:"type"`
	IsTenant *bool     `json:"is_tenant,omitempty"`
	storageParams
}

type integerParams struct {
	Type        FieldType `json:"type"`
	Lookup      *bool     `json:"lookup,omitempty"`
	Range       *bool     `json:"range,omitempty"`
	IsPrincipal *bool     `json:"is_principal,omitempty"`
	storageParams
}

// floatParams print "is_principal" even if it was not given.
type floatParams struct {
	Type        FieldType `json:"type"`
	IsPrincipal *bool     `json:"is_principal"`
	storageParams
}

type datetimeParams struct {
	Type        FieldType `json:"type"`
	IsPrincipal *bool     `json:"is_principal,omitempty"`
	storageParams
}

// plainParams are those of Geo and Bool.
type plainParams struct {
	Type FieldType `json:"type"`
	storageParams
}

// textParams are those of Text. Stopwords and Stemmer are kept as they are.
type textParams struct {
	Type           FieldType       `json:"type"`
	Tokenizer      *Tokenizer      `json:"tokenizer,omitempty"`
	MinTokenLen    *uint32         `json:"min_token_len,omitempty"`
	MaxTokenLen    *uint32         `json:"max_token_len,omitempty"`
	Lowercase      *bool           `json:"lowercase,omitempty"`
	ASCIIFolding   *bool           `json:"ascii_folding,omitempty"`
	PhraseMatching *bool           `json:"phrase_matching,omitempty"`
	Stopwords      json.RawMessage `json:"stopwords,omitempty"`
	Stemmer        json.RawMessage `json:"stemmer,omitempty"`
	storageParams
}

// paramsOf returns an empty set of the parameters of t.
func paramsOf(t FieldType) (params, bool) {
	switch t {
	case Keyword, UUID:
		return &keywordParams{}, true
	case Integer:
		return &integerParams{}, true
	case Float:
		return &floatParams{}, true
	case Datetime:
		return &datetimeParams{}, true
	case Geo, Bool:
		return &plainParams{}, true
	case Text:
		return &textParams{}, true
	default:
		return nil, false
	}
}

func (p *keywordParams) apply(*FieldIndex) error  { return nil }
func (p *floatParams) apply(*FieldIndex) error    { return nil }
func (p *datetimeParams) apply(*FieldIndex) error { return nil }
func (p *plainParams) apply(*FieldIndex) error    { return nil }

func (p *integerParams) apply(f *FieldIndex) error {
	lookup, ranges := isTrueOrUnset(p.Lookup), isTrueOrUnset(p.Range)
	if !lookup && !ranges {
		return ErrNoIntegerUse
	}
	f.NoRange = !ranges
	return nil
}

func (p *textParams) apply(f *FieldIndex) error {
	if p.Tokenizer != nil {
		switch *p.Tokenizer {
		case Word, Whitespace, Prefix, Multilingual:
			f.Text.Tokenizer = *p.Tokenizer
		default:
			return fmt.Errorf("%w: unknown tokenizer %q", ErrFieldSchema, *p.Tokenizer)
		}
	}
	if p.MinTokenLen != nil {
		f.Text.MinTokenLen = int(*p.MinTokenLen)
	}
	if p.MaxTokenLen != nil {
		f.Text.MaxTokenLen = int(*p.MaxTokenLen)
	}
	f.Text.KeepCase = p.Lowercase != nil && !*p.Lowercase
	p.Stopwords, p.Stemmer = unlessNull(p.Stopwords), unlessNull(p.Stemmer)
	return nil
}

func isTrueOrUnset(b *bool) bool { return b == nil || *b }

func unlessNull(doc json.RawMessage) json.RawMessage {
	if string(doc) == "null" {
		return nil
	}
	return doc
}
