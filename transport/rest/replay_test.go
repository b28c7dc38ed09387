package rest_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/transport/rest"
)

// exchange is one line of a recording: a request to the reference and what it
// answered.
type exchange struct {
	Do      string            `json:"do"`
	Body    json.RawMessage   `json:"body"`
	Raw     *string           `json:"raw"`
	Headers map[string]string `json:"headers"`
	Status  int               `json:"status"`
	Type    string            `json:"type"`
	Answer  any               `json:"answer"`

	line   int  // from 1
	notYet bool // ours answers 501
}

func (e *exchange) body() string {
	if e.Raw != nil {
		return *e.Raw
	}
	return string(e.Body)
}

// recording reads the exchanges of a topic.
func recording(t testing.TB, topic string) []exchange {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "exchanges", topic+".jsonl"))
	require.NoError(t, err)
	defer f.Close()
	var out []exchange
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		dec := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		dec.UseNumber()
		e := exchange{line: n}
		require.NoError(t, dec.Decode(&e))
		if e.Do != "" { // else the line is about the recording
			out = append(out, e)
		}
	}
	require.NoError(t, lines.Err())
	return out
}

// topics are replayed in this order on one server.
var topics = []string{"service", "collections", "points", "payload", "vectors", "filters", "index", "aliases", "query"}

// TestReplay sends what was sent to the reference and compares the answers.
// Where ours are meant to differ, the table of differences says so.
func TestReplay(t *testing.T) {
	server := newServer(t, nil)
	spec := loadSpec(t)
	used := map[string]bool{}
	for _, topic := range topics {
		for _, e := range recording(t, topic) {
			name := fmt.Sprintf("%s:%d", topic, e.line)
			d, differs := differenceOf(name, &e)
			if differs {
				used[name] = true
				require.Equal(t, d.do, e.Do, "%s: the table of differences is out of date", name)
				e = d.apply(e)
			}
			t.Run(name, func(t *testing.T) {
				a := exchangeOnce(t, server, &e)
				spec.validate(t, &e, a)
				compareAnswer(t, &e, a)
			})
			if d.then != nil {
				exchangeOnce(t, server, d.then)
			}
		}
	}
	for name := range differences {
		require.True(t, used[name], "no exchange is called %s", name)
	}
}

func exchangeOnce(t *testing.T, server *rest.Server, e *exchange) answer {
	t.Helper()
	method, path, _ := strings.Cut(e.Do, " ")
	var header []string
	for k, v := range e.Headers {
		header = append(header, k, v)
	}
	return call(t, server, method, path, e.body(), header...)
}

// compareAnswer fails unless a says what the recording says.
func compareAnswer(t *testing.T, e *exchange, a answer) {
	t.Helper()
	require.Equal(t, e.Status, a.status, "%s %s\n%s", e.Do, e.body(), a.body)
	if e.Type != "" {
		require.Equal(t, e.Type, a.header.Get("Content-Type"))
	}
	if e.notYet {
		require.Contains(t, string(a.body), "is not part of this version")
		return
	}
	if e.Type != "application/json" {
		require.Equal(t, e.Answer, string(a.body))
		return
	}
	dec := json.NewDecoder(bytes.NewReader(a.body))
	dec.UseNumber()
	var got any
	require.NoError(t, dec.Decode(&got), string(a.body))
	want := normalise(e.Do, e.Answer)
	if diff := cmp.Diff(want, normalise(e.Do, got)); diff != "" {
		t.Errorf("%s %s\nanswer differs (-reference +ours):\n%s", e.Do, e.body(), diff)
	}
}

// notCompared are fields that differ by nature: positions, clocks, random
// identities, sizes, and how data is laid out.
var notCompared = map[string]bool{
	"operation_id": true, "version": true, "peer_id": true, "uuid": true, "time": true, "checksum": true,
	"segments_count": true, "indexed_vectors_count": true, "idle_segments": true, "commit": true, "update_queue": true,
}

// cutText ends what is compared of an error text: the reference's parser goes
// on in words of its own.
var cutText = regexp.MustCompile(`( at line|\[\{).*`)

// normalise returns an answer without what is not compared, and with lists in
// one order where the reference promises none.
func normalise(do string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		return normaliseObject(do, v)
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = normalise(do, e)
		}
		return sortTies(do, out)
	case string:
		return cutText.ReplaceAllString(v, "")
	case json.Number:
		return normaliseNumber(v)
	}
	return v
}

func normaliseObject(do string, v map[string]any) any {
	_, isInfo := v["optimizer_status"]
	out := map[string]any{}
	for k, e := range v {
		switch {
		case notCompared[k], isInfo && k == "status":
			continue
		case do == "GET /telemetry" || strings.HasPrefix(do, "GET /telemetry?"):
			out[k] = shapeOnly(k, e)
		default:
			out[k] = normalise(do, e)
		}
	}
	return out
}

// shapeOnly keeps the keys of the telemetry, whose values are all measured.
func shapeOnly(key string, v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return fmt.Sprintf("%T", v)
	}
	if key == "responses" {
		return "responses"
	}
	out := map[string]any{}
	for k, e := range m {
		out[k] = shapeOnly(k, e)
	}
	return out
}

// normaliseNumber tells integers from floats and forgets the notation.
func normaliseNumber(n json.Number) any {
	if i, err := n.Int64(); err == nil {
		return i
	}
	if f, err := n.Float64(); err == nil && strings.ContainsAny(n.String(), ".eE") {
		return f
	}
	return n.String()
}

// sortTies orders lists of names, and points of equal score or value by id.
func sortTies(do string, list []any) []any {
	key := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			return ""
		}
		return string(text)
	}
	field := func(v any, name string) any {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		return m[name]
	}
	names := do == "GET /collections" || do == "GET /aliases"
	less := func(a, b any) bool {
		switch {
		case names:
			return key(a) < key(b)
		case field(a, "score") != nil && field(a, "score") == field(b, "score"),
			field(a, "order_value") != nil && field(a, "order_value") == field(b, "order_value"):
			return key(field(a, "id")) < key(field(b, "id"))
		}
		return false
	}
	for i := range list { // an insertion sort: ties are neighbours
		for j := i; j > 0 && less(list[j], list[j-1]); j-- {
			list[j], list[j-1] = list[j-1], list[j]
		}
	}
	return list
}
