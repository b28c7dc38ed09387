package filter_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/index/filter"
	"github.com/tidemark-db/tidemark/segments/payload/payloadtest"
)

func TestFieldIndexPrintsWhatClientsExpect(t *testing.T) {
	for doc, want := range map[string]string{
		`"keyword"`:          `"keyword"`,
		`"text"`:             `"text"`,
		`{"type":"keyword"}`: `{"type":"keyword"}`,
		`{"type":"keyword","is_tenant":true,"on_disk":null,"memory":7}`:                  `{"type":"keyword","is_tenant":true}`,
		`{"type":"float","on_disk":true}`:                                                `{"type":"float","is_principal":null,"on_disk":true}`,
		`{"type":"integer","lookup":true,"range":false}`:                                 `{"type":"integer","lookup":true,"range":false}`,
		`{"type":"uuid","enable_hnsw":false}`:                                            `{"type":"uuid","enable_hnsw":false}`,
		`{"type":"datetime","is_principal":true}`:                                        `{"type":"datetime","is_principal":true}`,
		`{"type":"geo","on_disk":false}`:                                                 `{"type":"geo","on_disk":false}`,
		`{ "lowercase": true, "type": "text", "tokenizer": "word", "min_token_len": 2 }`: `{"type":"text","tokenizer":"word","min_token_len":2,"lowercase":true}`,
		`{"type":"text","stopwords":{"languages":["english"], "custom":["x"]},"stemmer":{"type":"snowball","language":"english"},
		  "ascii_folding":true,"phrase_matching":true,"max_token_len":9}`: `{"type":"text","max_token_len":9,"ascii_folding":true,"phrase_matching":true,` +
			`"stopwords":{"languages":["english"],"custom":["x"]},"stemmer":{"type":"snowball","language":"english"}}`,
		`{"type":"text","stopwords":"english","stemmer":null}`: `{"type":"text","stopwords":"english"}`,
	} {
		f, err := filter.ParseFieldIndex([]byte(doc))
		require.NoError(t, err, doc)
		got, err := json.Marshal(f)
		require.NoError(t, err)
		require.Equal(t, want, string(got), doc)
		var again filter.FieldIndex
		require.NoError(t, json.Unmarshal(got, &again))
		require.True(t, f.Equal(again), doc)
		require.Equal(t, f, again, "what is read back from a log is the same")
	}
}

func TestFieldIndexRefuses(t *testing.T) {
	for _, doc := range []string{
		`"foo"`, `""`, `5`, `null`, `[]`, `{}`, `{"type":"foo"}`, `{"type":5}`, `{"Type":"keyword"}`,
		`{"type":"keyword","on_disk":1}`, `{"type":"text","tokenizer":"foo"}`, `{"type":"text","min_token_len":-1}`,
		`{"type":"geo","type":"geo"}`, `{"type":"geo"`, ``,
	} {
		_, err := filter.ParseFieldIndex([]byte(doc))
		require.ErrorIs(t, err, filter.ErrFieldSchema, doc)
	}
	_, err := filter.ParseFieldIndex([]byte(`{"type":"integer","lookup":false,"range":false}`))
	require.Equal(t, filter.ErrNoIntegerUse, err)
}

func TestFieldIndexHasRange(t *testing.T) {
	for doc, want := range map[string]bool{
		`"integer"`: true, `"float"`: true, `"datetime"`: true, `"keyword"`: false, `"geo"`: false,
		`{"type":"integer","range":false}`: false, `{"type":"integer","lookup":false}`: true,
	} {
		f, err := filter.ParseFieldIndex([]byte(doc))
		require.NoError(t, err)
		require.Equal(t, want, f.HasRange(), doc)
	}
}

func TestFieldIndexCovers(t *testing.T) {
	o := payloadtest.Object(t, `{"s":["",1],"i":5.0,"h":5.5,"big":18446744073709551615,"edge":9223372036854775808.0,"b":true,"t":"2024-01-01","x":"x",
		"u":"550e8400-e29b-41d4-a716-446655440000","g":{"lon":1,"lat":2.5},"l":[{"a":[1]},{"a":"x"}],"n":null,"e":[]}`)
	for _, c := range []struct {
		path string
		is   filter.FieldType
		want bool
	}{
		{"s", filter.Keyword, true},
		{"s", filter.Text, true},
		{"s", filter.Integer, true},
		{"s", filter.Bool, false},
		{"i", filter.Integer, true},
		{"h", filter.Integer, false},
		{"h", filter.Float, true},
		{"big", filter.Integer, false},
		{"edge", filter.Integer, false},
		{"big", filter.Float, true},
		{"b", filter.Bool, true},
		{"t", filter.Datetime, true},
		{"x", filter.Datetime, false},
		{"u", filter.UUID, true},
		{"x", filter.UUID, false},
		{"g", filter.Geo, true},
		{"b", filter.Geo, false},
		{"l[].a", filter.Integer, true},
		{"l.a", filter.Integer, false},
		{"n", filter.Keyword, false},
		{"e", filter.Keyword, false},
		{"none", filter.Keyword, false},
	} {
		require.Equal(t, c.want, filter.IndexOf(c.is).Covers(path(t, c.path), o), "%s as %s", c.path, c.is)
	}
}
