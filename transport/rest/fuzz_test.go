package rest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	json2 "github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/index/filter"
	"github.com/tidemark-db/tidemark/segments/payload"
	"github.com/tidemark-db/tidemark/transport"
)

// addRecorded seeds a fuzz target with the recorded bodies of the routes that
// end in one of the suffixes.
func addRecorded(f *testing.F, suffixes ...string) {
	f.Helper()
	files, err := filepath.Glob("testdata/exchanges/*.jsonl")
	require.NoError(f, err)
	for _, name := range files {
		file, err := os.Open(name)
		require.NoError(f, err)
		lines := bufio.NewScanner(file)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var e struct {
				Do   string
				Body json.RawMessage
				Raw  *string
			}
			require.NoError(f, json.Unmarshal(lines.Bytes(), &e))
			path, _, _ := strings.Cut(e.Do, "?")
			for _, suffix := range suffixes {
				switch {
				case !strings.HasSuffix(path, suffix):
				case e.Raw != nil:
					f.Add([]byte(*e.Raw))
				case e.Body != nil:
					f.Add([]byte(e.Body))
				}
			}
		}
		require.NoError(f, file.Close())
	}
}

// fuzzRead decodes body. Whatever is accepted must be JSON.
func fuzzRead(t *testing.T, pool *documents, body []byte, read func(*document) error) bool {
	t.Helper()
	d, err := pool.read(httptest.NewRequest("PUT", "/", bytes.NewReader(body)), DefaultMaxRequestBytes, nil)
	require.NoError(t, err)
	defer pool.release(d)
	err = d.decode(func() error { return read(d) })
	if err != nil {
		require.NotContains(t, shownText(err), hiddenText, "every refusal has a text for the client")
		return false
	}
	require.True(t, json.Valid(body), "accepted what is no JSON: %q", body)
	return true
}

const hiddenText = "unexpected error"

func FuzzUpsert(f *testing.F) {
	addRecorded(f, "/points")
	pool := newDocuments()
	f.Fuzz(func(t *testing.T, body []byte) {
		fuzzRead(t, pool, body, func(d *document) error {
			u, err := d.readUpsert()
			if err == nil {
				for _, p := range u.Points {
					requireRoundTrip(t, p.Payload)
				}
			}
			return err
		})
	})
}

// requireRoundTrip writes a payload as JSON and reads it again.
func requireRoundTrip(t *testing.T, o payload.Object) {
	t.Helper()
	if o.IsEmpty() {
		return
	}
	require.NoError(t, payload.Validate(o))
	text := appendPayload(nil, o)
	require.True(t, json.Valid(text), "%s", text)
	var again payload.Object
	require.NoError(t, decoded(t, string(text), func(d *document) (err error) {
		again, err = d.readPayload()
		return err
	}), "%s", text)
	require.Equal(t, []byte(o), []byte(again), "%s", text)
}

func FuzzPayload(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":[1.5,-0.0,null,true,"\u00fc\ud83d\ude00"],"c":{"d":18446744073709551615,"e":1e300,"f":123456789012345678901234567890}}`))
	pool := newDocuments()
	f.Fuzz(func(t *testing.T, body []byte) {
		fuzzRead(t, pool, body, func(d *document) error {
			o, err := d.readPayload()
			if err == nil {
				requireRoundTrip(t, o)
			}
			return err
		})
	})
}

func FuzzOperations(f *testing.F) {
	addRecorded(f, "/points/batch")
	for _, name := range []string{"upsert", "delete", "set_payload", "overwrite_payload", "delete_payload", "clear_payload", "update_vectors", "delete_vectors"} {
		f.Add([]byte(`{"operations":[{"` + name + `":{"points":[{"id":1,"vector":[1]}],"payload":{},"keys":["a"],"vector":["a"],"filter":{}}}]}`))
		f.Add([]byte(`{"operations":[{"` + name + `":{"points":[1],"payload":{},"keys":["a"],"vector":["a"]}}]}`))
	}
	pool := newDocuments()
	f.Fuzz(func(t *testing.T, body []byte) {
		fuzzRead(t, pool, body, func(d *document) error {
			ops, err := d.readBatch()
			for _, op := range ops {
				if err == nil {
					require.NotNil(t, op)
					_ = checkOperation(op)
				}
			}
			return err
		})
	})
}

func FuzzFilter(f *testing.F) {
	addRecorded(f, "/points/scroll", "/points/count")
	pool := newDocuments()
	f.Fuzz(func(t *testing.T, body []byte) {
		fuzzRead(t, pool, body, func(d *document) error {
			r, err := d.readScroll()
			if err == nil && r.filter != nil && !d.checks.Failed() {
				if _, err := filter.Compile(r.filter, filter.Env{}); err != nil {
					require.NotEmpty(t, err.Error())
				}
			}
			return err
		})
	})
}

func FuzzQuery(f *testing.F) {
	addRecorded(f, "/points/query")
	pool := newDocuments()
	f.Fuzz(func(t *testing.T, body []byte) {
		fuzzRead(t, pool, body, func(d *document) error {
			r, err := d.readQueryRequest()
			if err == nil {
				_ = r.check()
			}
			return err
		})
	})
}

func FuzzID(f *testing.F) {
	for _, s := range []string{"1", "18446744073709551615", `"550e8400-e29b-41d4-a716-446655440000"`, `"urn:uuid:550e8400-e29b-41d4-a716-446655440000"`, "1.0", "-1"} {
		f.Add([]byte(s))
	}
	pool := newDocuments()
	f.Fuzz(func(t *testing.T, body []byte) {
		fuzzRead(t, pool, body, func(d *document) error {
			id, err := readID(d.dec)
			if err != nil {
				return err
			}
			text := appendID(nil, id)
			require.NoError(t, decoded(t, string(text), func(d *document) error {
				again, err := readID(d.dec)
				require.Equal(t, id, again)
				return err
			}))
			inPath, err := pathID(strings.Trim(string(text), `"`))
			require.NoError(t, err)
			require.Equal(t, id, inPath)
			return nil
		})
	})
}

// FuzzSettings decodes the documents of collections, which are kept, and reads
// back what was kept.
func FuzzSettings(f *testing.F) {
	addRecorded(f, "/c", "/full", "/v", "/f", "/q")
	pool := newDocuments()
	f.Fuzz(func(t *testing.T, body []byte) {
		var create transport.CreateCollection
		var update transport.UpdateCollection
		ok := fuzzRead(t, pool, body, func(d *document) error { return json2.UnmarshalDecode(d.dec, &create) })
		if !ok || create.Check() != nil {
			return
		}
		spec, err := create.Spec(transport.DefaultSettings())
		if err != nil {
			return
		}
		kept, err := transport.ParseSettings(spec.Settings)
		require.NoError(t, err, "%s", spec.Settings)
		again, err := kept.Document()
		require.NoError(t, err)
		require.Equal(t, string(spec.Settings), string(again))
		if !fuzzRead(t, pool, body, func(d *document) error { return json2.UnmarshalDecode(d.dec, &update) }) || update.Check() != nil {
			return
		}
		cfg := &tidemark.Config{Schema: spec.Vectors, Settings: spec.Settings}
		if _, err := update.Change(cfg); err == nil {
			_, err = transport.Describe(cfg)
			require.NoError(t, err)
		}
	})
}
