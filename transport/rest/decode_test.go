package rest

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/transport"
)

// decoded decodes body by way of read.
func decoded(t testing.TB, body string, read func(*document) error) error {
	t.Helper()
	d, err := newDocuments().read(httptest.NewRequest("PUT", "/", strings.NewReader(body)), DefaultMaxRequestBytes, nil)
	require.NoError(t, err)
	return d.decode(func() error { return read(d) })
}

// shownText returns the text that a client gets.
func shownText(err error) string {
	if err == nil {
		return ""
	}
	return show(err).Text
}

// into decodes a document into a T.
func into[T any](d *document) error { return json.UnmarshalDecode(d.dec, new(T)) }

const formatPrefix = "Format error in JSON body: "

func TestUpsertStrictness(t *testing.T) {
	point := func(s string) string { return `{"points":[{"id":1,"vector":[1,2]},` + s + `]}` }
	cases := []struct{ name, body, text string }{
		{"accepted", point(`{"id":2,"vector":[1,2],"payload":{"a":1},"shard_key":"x","other":{"b":[1]}}`), ""},
		{"empty", "", formatPrefix + "EOF while parsing a value at line 1 column 0"},
		{"cut", `{"points":[`, formatPrefix + "EOF while parsing a list at line 1 column 11 (/points)"},
		{"trailing", `{"points":[]} x`, formatPrefix + "trailing characters"},
		{"second document", `{"points":[]}{}`, formatPrefix + "trailing characters"},
		{"no object", `[]`, formatPrefix + "invalid type: sequence, expected a map"},
		{"neither form", `{"point":[]}`, formatPrefix + "Invalid PointInsertOperations format"},
		{"duplicate key", point(`{"id":2,"id":3,"vector":[1]}`), formatPrefix + "duplicate key `id` at line 1 column 43 (/points/1/id)"},
		{"duplicate payload key", point("\n{\"id\":2,\"vector\":[1],\n\"payload\":{\"a\":{\"b\":1,\"b\":2}}}"), formatPrefix + "duplicate key `b` at line 3 column 22 (/points/1/payload/a/b)"},
		{"duplicate escaped key", point(`{"id":2,"vector":[1],"payload":{"a":1,"\u0061":2}}`), formatPrefix + "duplicate key `a`"},
		{"NaN", point(`{"id":2,"vector":[1,NaN]}`), formatPrefix + "expected value at line 1 column 55 (/points/1/vector/1)"},
		{"infinity", point(`{"id":2,"vector":[1,Infinity]}`), formatPrefix + "expected value"},
		{"over float32", point(`{"id":2,"vector":[1,1e39]}`), formatPrefix + "data did not match any variant of untagged enum VectorStruct at line 1 column 60 (/points/1/vector): element 1 is no finite 32-bit float"},
		{"over float64", point(`{"id":2,"vector":[1],"payload":{"x":1e999}}`), formatPrefix + "number out of range: 1e999"},
		{"leading zero", point(`{"id":02,"vector":[1]}`), formatPrefix},
		{"plus", point(`{"id":2,"vector":[+1]}`), formatPrefix + "expected value"},
		{"comment", point(`{"id":2,/**/"vector":[1]}`), formatPrefix},
		{"trailing comma", `{"points":[{"id":2,"vector":[1,]}]}`, formatPrefix},
		{"single quotes", `{'points':[]}`, formatPrefix},
		{"invalid UTF-8", point("{\"id\":2,\"vector\":[1],\"payload\":{\"x\":\"\xff\"}}"), formatPrefix + "invalid UTF-8 at line"},
		{"invalid UTF-8 in a name", point("{\"id\":2,\"vector\":{\"\xff\":[1]}}"), formatPrefix + "invalid UTF-8 at line"},
		{"lone surrogate", point(`{"id":2,"vector":[1],"payload":{"x":"\ud800"}}`), formatPrefix},
		{"control character", point("{\"id\":2,\"vector\":[1],\"payload\":{\"x\":\"\x01\"}}"), formatPrefix},
		{"wrong case", point(`{"ID":2,"vector":[1]}`), formatPrefix + "missing field `id`"},
		{"null point", point(`null`), formatPrefix + "invalid type: null, expected struct PointStruct"},
		{"id null", point(`{"id":null,"vector":[1]}`), formatPrefix + "value null is not a valid point ID"},
		{"id with exponent", point(`{"id":1e3,"vector":[1]}`), formatPrefix + "value 1e3 is not a valid point ID"},
		{"id in braces", point(`{"id":"{550e8400-e29b-41d4-a716-446655440000}","vector":[1]}`), formatPrefix + "value {550e8400"},
		{"vector null", point(`{"id":2,"vector":null}`), formatPrefix + "data did not match any variant of untagged enum VectorStruct"},
		{"vector of texts", point(`{"id":2,"vector":["1"]}`), formatPrefix + "data did not match any variant of untagged enum VectorStruct at line 1 column 57 (/points/1/vector): element 0 is no number"},
		{"vector of vectors and numbers", point(`{"id":2,"vector":[[1],2]}`), formatPrefix + "data did not match any variant of untagged enum VectorStruct at line 1 column 59 (/points/1/vector): row 1 is no list"},
		{"text to be embedded", point(`{"id":2,"vector":{"text":"hello","model":"m"}}`), "Not implemented: inference: "},
		{"named text to be embedded", point(`{"id":2,"vector":{"a":{"text":"hello","model":"m"}}}`), "Not implemented: inference: "},
		{"sparse index beyond 32 bits", point(`{"id":2,"vector":{"s":{"indices":[4294967296],"values":[1]}}}`), formatPrefix + "data did not match any variant of untagged enum VectorStruct"},
		{"several validations", `{"points":[{"id":1,"vector":[]},{"id":2,"vector":{"s":{"indices":[1,1],"values":[1]}}}]}`, "Validation error in JSON body: [points[0].vector.vector: dense vector must not be empty; " +
			"points[1].vector.?.values: Validation error: must be the same length as indices [{}]; points[1].vector.?.indices: Validation error: must be unique [{}]]"},
		{"form before values", `{"points":[{"id":1,"vector":[]},{"id":2}]}`, formatPrefix + "missing field `vector`"},
		{"mode", `{"points":[],"update_mode":"replace"}`, formatPrefix + "unknown variant `replace`, expected one of `upsert`, `insert_only`, `update_only`"},
		{"filter", `{"points":[],"update_filter":{"must":[{"foo":1}]}}`, formatPrefix + "Expected some form of condition"},
		{"deep payload", point(`{"id":2,"vector":[1],"payload":{"x":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}}`), formatPrefix + "payload: "},
		{"very deep", point(`{"id":2,"vector":[1],"other":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`), formatPrefix},
		{"batch without ids", `{"batch":{"vectors":[[1]]}}`, formatPrefix + "missing field `ids`"},
		{"batch of payloads", `{"batch":{"ids":[1],"vectors":[[1]],"payloads":[]}}`, "Validation error in JSON body: [batch.batch: number of ids and payloads must be equal (1 != 0)]"},
		{"batch of named", `{"batch":{"ids":[1],"vectors":{"a":[[1],[2]]}}}`, "Validation error in JSON body: [batch.batch: number of ids and vectors must be equal (1 != 2)]"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := decoded(t, c.body, func(d *document) error { _, err := d.readUpsert(); return err })
			if c.text == "" {
				require.NoError(t, err)
			}
			require.Truef(t, strings.HasPrefix(shownText(err), c.text), "%s\nis not\n%s", shownText(err), c.text)
		})
	}
}

func TestPayloadsKeepTheirNumbers(t *testing.T) {
	for sent, shown := range map[string]string{
		"1": "1", "-1": "-1", "1.0": "1.0", "-0": "-0.0", "0": "0", "1e2": "100.0", "0.1": "0.1", "1.5e300": "1.5e+300",
		"9007199254740993": "9007199254740993", "9223372036854775807": "9223372036854775807", "-9223372036854775808": "-9223372036854775808",
		"9223372036854775808": "9223372036854775808", "18446744073709551615": "18446744073709551615",
		"18446744073709551616": "1.8446744073709552e+19", "-9223372036854775809": "-9.223372036854776e+18",
	} {
		require.NoError(t, decoded(t, `{"x":`+sent+`}`, func(d *document) error {
			o, err := d.readPayload()
			require.NoError(t, err)
			require.Equal(t, `{"x":`+shown+`}`, string(appendPayload(nil, o)))
			return nil
		}))
	}
}

func TestUpsertInColumns(t *testing.T) {
	var u *tidemark.Upsert
	err := decoded(t, `{"batch":{"ids":[1,"550e8400-e29b-41d4-a716-446655440000"],
		"vectors":{"a":[[1,2],[3]],"s":[{"indices":[1],"values":[2]},{"indices":[],"values":[]}],"m":[[[1],[2]],[[3]]]},
		"payloads":[{"x":1},null]}}`, func(d *document) (err error) { u, err = d.readUpsert(); return err })
	require.NoError(t, err)
	require.Len(t, u.Points, 2)
	require.Equal(t, segments.NumberID(1), u.Points[0].ID)
	require.True(t, u.Points[1].ID.IsUUID())
	require.Equal(t, []tidemark.NamedVector{
		{Name: "a", Vector: tidemark.VectorInput{Kind: segments.Dense, Dense: []float32{1, 2}}},
		{Name: "s", Vector: tidemark.VectorInput{Kind: segments.Sparse, Sparse: tidemark.SparseInput{Indices: []uint32{1}, Values: []float32{2}}}},
		{Name: "m", Vector: tidemark.VectorInput{Kind: segments.Multi, Multi: [][]float32{{1}, {2}}}},
	}, u.Points[0].Vectors)
	require.Equal(t, `{"x":1}`, string(appendPayload(nil, u.Points[0].Payload)))
	require.True(t, u.Points[1].Payload.IsEmpty())
}

// TestSlabsDoNotOverlap decodes many vectors, so that the slabs grow, and looks
// at all of them afterwards.
func TestSlabsDoNotOverlap(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"points":[`)
	for i := range 300 {
		if i > 0 {
			b.WriteByte(',')
		}
		n := string(rune('0' + i%10))
		b.WriteString(`{"id":` + n + `,"vector":{"a":[` + n + `,` + n + `],"b":[` + n + `]}}`)
	}
	b.WriteString(`]}`)
	require.NoError(t, decoded(t, b.String(), func(d *document) error {
		u, err := d.readUpsert()
		for i, p := range u.Points {
			f := float32(i % 10)
			require.Equal(t, []float32{f, f}, p.Vectors[0].Vector.Dense)
			require.Equal(t, []float32{f}, p.Vectors[1].Vector.Dense)
			require.Equal(t, 2, cap(p.Vectors[0].Vector.Dense), "appending to a vector must not reach the next")
		}
		return err
	}))
}

func TestUpdateStrictness(t *testing.T) {
	readers := map[string]func(*document) error{
		"delete":          func(d *document) error { _, err := d.readDelete(); return err },
		"set":             func(d *document) error { _, err := d.readSetPayload(); return err },
		"delete payload":  func(d *document) error { _, err := d.readDeletePayload(); return err },
		"delete vectors":  func(d *document) error { _, err := d.readDeleteVectors(); return err },
		"update vectors":  func(d *document) error { _, err := d.readUpdateVectors(); return err },
		"batch":           func(d *document) error { _, err := d.readBatch(); return err },
		"aliases":         func(d *document) error { _, err := d.readAliasChanges(); return err },
		"query":           func(d *document) error { r, err := d.readQueryRequest(); return errors.Join(err, r.check()) },
		"scroll":          func(d *document) error { _, err := d.readScroll(); return err },
		"index":           func(d *document) error { _, _, err := d.readIndex(); return err },
		"points":          func(d *document) error { _, err := d.readPointsRequest(); return err },
		"new collection":  into[transport.CreateCollection],
		"new vector":      into[transport.NewVector],
		"collection diff": into[transport.UpdateCollection],
	}
	cases := []struct{ reader, body, text string }{
		{"delete", `{"points":[1],"filter":null}`, ""},
		{"delete", `{"filter":{"must":[{"foo":1}]}}`, formatPrefix + "data did not match any variant of untagged enum PointsSelector at line 1 column 28 (/filter/must/0): Expected some form of condition"},
		{"delete", `[1]`, formatPrefix + "data did not match any variant of untagged enum PointsSelector"},
		{"set", `{"payload":{"a":null},"points":[1],"key":null}`, ""},
		{"set", `{"payload":null,"points":[1]}`, formatPrefix + "invalid type: null, expected a map"},
		{"set", `{"payload":{"a":1},"points":["1"]}`, formatPrefix + "value 1 is not a valid point ID"},
		{"set", `{"payload":{"a":1},"points":[1],"key":"a..b"}`, formatPrefix + "Invalid json path: 'a..b' at line 1 column 44 (/key)"},
		{"delete payload", `{"points":[1]}`, formatPrefix + "missing field `keys`"},
		{"delete payload", `{"keys":["a",1],"points":[1]}`, formatPrefix + "invalid type: integer `1`, expected a string"},
		{"delete vectors", `{"points":[1]}`, formatPrefix + "missing field `vector`"},
		{"update vectors", `{"points":[{"id":1}]}`, formatPrefix + "missing field `vector`"},
		{"batch", `{"operations":[{}]}`, formatPrefix + "data did not match any variant of untagged enum UpdateOperation"},
		{"batch", `{"operations":[{"delete":{"points":[1]},"upsert":{"points":[]}}]}`, formatPrefix + "data did not match any variant of untagged enum UpdateOperation"},
		{"batch", `{"operations":[{"foo":{}}]}`, formatPrefix + "data did not match any variant of untagged enum UpdateOperation at line 1 column 24 (/operations/0/foo): there is no operation `foo`"},
		{"batch", `{"operations":[{"upsert":{"points":[{"id":1,"vector":[]}]}}]}`, "Validation error in JSON body: [points[0].vector.vector: dense vector must not be empty]"},
		{"aliases", `{"actions":[{"create_alias":{"alias_name":"a"}}]}`, formatPrefix + "data did not match any variant of untagged enum AliasOperations at line 1 column 46 (/actions/0/create_alias): missing field `collection_name`"},
		{"query", `{"query":[1,2],"limit":3,"params":{"exact":true}}`, ""},
		{"query", `{"query":[[1,2]]}`, "Not implemented: a query by a multi vector"},
		{"query", `{"query":{"nearest":{"indices":[1],"values":[1]}}}`, "Not implemented: a query by a sparse vector"},
		{"query", `{"query":{"sample":"random"}}`, "Not implemented: sampling"},
		{"query", `{"query":[1],"prefetch":{"query":[1]}}`, "Not implemented: a query with prefetch"},
		{"query", `{"query":true}`, formatPrefix + "Expected some form of vector, id, or a type of query"},
		{"query", `{"query":1.5}`, formatPrefix + "Expected some form of vector, id, or a type of query at line 1 column 12 (/query): value 1.5 is not a valid point ID"},
		{"query", `{"limit":-1}`, formatPrefix + "invalid value: integer `-1`, expected usize"},
		{"query", `{"query":[]}`, "Validation error in JSON body: [internal.query.vector: dense vector must not be empty]"},
		{"query", `{"limit":0}`, "Validation error in JSON body: [internal.limit: value 0 invalid, must be 1 or larger]"},
		{"scroll", `{"with_payload":{"include":["a"],"exclude":["b"]}}`, formatPrefix + "data did not match any variant of untagged enum WithPayloadInterface"},
		{"scroll", `{"with_payload":{"includes":["a"]}}`, formatPrefix + "data did not match any variant of untagged enum WithPayloadInterface at line 1 column 27 (/with_payload/includes): unknown field `includes`"},
		{"scroll", `{"with_vector":{"a":true}}`, formatPrefix + "data did not match any variant of untagged enum WithVector"},
		{"scroll", `{"order_by":{"direction":"asc"}}`, formatPrefix + "Expected a string, or an object with a key, direction and/or start_from"},
		{"scroll", `{"order_by":{"key":"a","direction":"up"}}`, formatPrefix + "Expected a string, or an object with a key, direction and/or start_from at line 1 column 39 (/order_by/direction): unknown variant `up`"},
		{"scroll", `{"filter":{"must":[{"key":"a","match":{"value":1.5}}]}}`, formatPrefix + "data did not match any variant of untagged enum MatchInterface"},
		{"scroll", `{"filter":{"must":[{"key":"a","match":{"any":["x",1]}}]}}`, formatPrefix + "data did not match any variant of untagged enum MatchInterface"},
		{"scroll", `{"filter":{"must":[{"key":"a","range":{"gt":1,"lt":"2024-01-01"}}]}}`, formatPrefix + "data did not match any variant of untagged enum RangeInterface"},
		{"scroll", `{"filter":{"must":[{"nested":{"key":"a"}}]}}`, formatPrefix + "missing field `filter`"},
		{"scroll", `{"filter":{"should":{"nested":{"key":"a","filter":{"must":[{"key":"b"}]}}}}}`, "Validation error in JSON body: [scroll_request.filter.should.nested.filter.must[0].__all__: Validation error: At least one field condition must be specified [{}]]"},
		{"index", `{"field_name":"a b","field_schema":"keyword"}`, formatPrefix + "Invalid json path: 'a b'"},
		{"points", `{"ids":null}`, formatPrefix + "invalid type: null, expected a sequence"},
		{"new collection", `{"vectors":{"a":{"size":4,"distance":"Dot"},"b":{"size":4}}}`, formatPrefix + "data did not match any variant of untagged enum VectorsConfig"},
		{"new collection", `{"shard_number":"1"}`, formatPrefix + "invalid type: string \"1\", expected u32"},
		{"new collection", `{"shard_number":4294967296}`, formatPrefix + "invalid value: integer `4294967296`, expected u32"},
		{"new collection", `{"on_disk_payload":1}`, formatPrefix + "invalid type: integer `1`, expected a boolean"},
		{"new collection", `{"hnsw_config":[]}`, formatPrefix + "invalid type: sequence, expected a map"},
		{"new collection", `{"optimizers_config":{"max_optimization_threads":"all"}}`, formatPrefix + "data did not match any variant of untagged enum MaxOptimizationThreads"},
		{"new collection", `{"hnsw_config":{"m":1},"hnsw_config":{"m":2}}`, formatPrefix + "duplicate key `hnsw_config`"},
		{"collection diff", `{"quantization_config":"disabled"}`, formatPrefix + "data did not match any variant of untagged enum QuantizationConfigDiff"},
		{"new vector", `{"dense":{"size":4}}`, formatPrefix + "data did not match any variant of untagged enum VectorNameConfig"},
	}
	for _, c := range cases {
		t.Run(c.reader+" "+c.body, func(t *testing.T) {
			err := decoded(t, c.body, readers[c.reader])
			if c.text == "" {
				require.NoError(t, err)
			}
			require.Truef(t, strings.HasPrefix(shownText(err), c.text), "%s\nis not\n%s", shownText(err), c.text)
		})
	}
}
