package rest_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// difference is an exchange in which our answer is meant to differ.
type difference struct {
	do     string // the request, so that the table cannot slip
	reason string // for docs/guide/api.md

	status  int       // 0: as recorded
	kind    string    // content type; "" as recorded
	answer  string    // JSON; "" as recorded
	text    string    // the text of the error; "" as recorded
	replace string    // a body to send instead
	then    *exchange // a request to send afterwards, so that later lines stay comparable
}

// apply returns the exchange as ours is meant to be.
func (d difference) apply(e exchange) exchange {
	if d.reason == notYet {
		e.Status, e.notYet = 501, true
	}
	if d.status != 0 {
		e.Status = d.status
	}
	if d.replace != "" {
		e.Raw = &d.replace
	}
	if d.kind == "none" {
		e.Type, e.Answer = "", ""
	} else if d.kind != "" {
		e.Type = d.kind
	}
	if d.answer != "" {
		var v any
		dec := json.NewDecoder(strings.NewReader(d.answer))
		dec.UseNumber()
		if err := dec.Decode(&v); err != nil {
			panic(err)
		}
		e.Answer, e.Type = v, "application/json"
	}
	if d.text != "" {
		e.Answer = map[string]any{"status": map[string]any{"error": d.text}}
		e.Type = "application/json"
	}
	return e
}

const (
	dotDot       = "A collection cannot be called `.`, `..` or `.staging`, and no answer names a path of the host."
	duplicates   = "A key that stands twice in one object is refused, and named."
	ownWords     = "What a parser says about a malformed body is in words of its own."
	undocumented = "A route that the reference does not document is not there."
	notYet       = "Not part of this version: 501 with a text that names what is missing."
)

// differences lists them by topic and line.
var differences = map[string]difference{
	"service:11":      {do: "GET /telemetry?details_level=1", reason: "Telemetry has one level of detail, the lowest.", answer: telemetryShape},
	"service:20":      {do: "GET /logger", reason: undocumented, status: 404, kind: "none"},
	"collections:14":  {do: "GET /collections/c/memory", reason: undocumented, status: 404, kind: "none"},
	"collections:97":  {do: "PUT /collections/..", reason: dotDot, status: 422, text: `Validation error in path parameters: [collection_name: collection name cannot be ".."]`},
	"collections:98":  {do: "DELETE /collections/..", reason: dotDot, status: 200, answer: `{"result": false, "status": "ok"}`},
	"collections:105": {do: "PUT /collections/raw", reason: duplicates, text: "Format error in JSON body: duplicate key `size`"},
	"collections:106": {do: "PUT /collections/raw", reason: ownWords, text: "Format error in JSON body: invalid type: sequence, expected a map"},
	"points:30":       {do: "PUT /collections/c/points?wait=true", reason: "An id that is refused is repeated as it was sent, not as a rounded float.", text: "Format error in JSON body: value 18446744073709551616 is not a valid point ID, valid values are either an unsigned integer or a UUID"},
	"points:40":       {do: "PUT /collections/c/points?wait=true", reason: "Of several unknown vectors the first in the request is named.", text: "Wrong input: Not existing vector name error: indices"},
	"points:42":       {do: "PUT /collections/c/points?wait=true", reason: "What is no finite number in 32 bits is refused in a vector.", status: 400, text: "Format error in JSON body: data did not match any variant of untagged enum VectorStruct"},
	"points:44": {
		do: "PUT /collections/c/points?wait=true", reason: duplicates, status: 400, text: "Format error in JSON body: duplicate key `a`",
		then: send("PUT /collections/c/points?wait=true", `{"points":[{"id":31,"vector":[1,2,3,4],"payload":{"a":2}}]}`),
	},
	"vectors:60": {do: "PUT /collections/v/points", reason: "An unknown vector name is refused with and without `wait`.", status: 400, text: "Wrong input: Not existing vector name error: zz"},
	"vectors:67": {do: "GET /collections/v/points/60", reason: "A batch with an invalid operation changes nothing.", status: 404, text: "Not found: Point with id 60 does not exists!"},
	"aliases:18": {
		do: "POST /collections/aliases", reason: "A list of alias actions takes effect whole or not at all.",
		then: send("POST /collections/aliases", `{"actions":[{"create_alias":{"collection_name":"c","alias_name":"b3"}}]}`),
	},
	"query:13": {do: queryQ, reason: notYet},
	"query:15": {do: queryQ, reason: notYet},
	"query:16": {do: queryQ, reason: notYet},
	"query:17": {do: queryQ, reason: notYet},
	"query:18": {do: queryQ, reason: notYet},
	"query:19": {do: queryQ, reason: notYet},
	"query:20": {do: queryQ, reason: notYet},
	"query:21": {do: queryQ, reason: notYet},
	"query:22": {do: queryQ, reason: notYet},
	"query:23": {do: queryQ, reason: notYet},
	"query:24": {do: queryQ, reason: notYet},
	"query:27": {do: queryQ, reason: notYet},
	"query:28": {do: queryQ, reason: notYet},
	"query:29": {do: queryQ, reason: notYet},
}

const (
	queryQ         = "POST /collections/q/points/query"
	telemetryShape = `{"result": {"id": "", "app": {"name": "", "version": "", "startup": ""}, "collections": {"number_of_collections": 0},
		"cluster": {"enabled": false, "resharding_enabled": false}, "requests": {"rest": {"responses": {}}, "grpc": {"responses": {}}}}, "status": "ok"}`
)

// send is a request whose answer is not looked at.
func send(do, body string) *exchange { return &exchange{Do: do, Raw: &body} }

// missing are the routes that answer 501 whatever is sent.
var missing = regexp.MustCompile(`/facet$|/points/(search|recommend|discover)(/|$)|/points/query/(batch|groups)$`)

// differenceOf returns how an exchange is meant to differ.
func differenceOf(name string, e *exchange) (difference, bool) {
	if _, path, _ := strings.Cut(e.Do, " "); missing.MatchString(path) {
		return difference{do: e.Do, reason: notYet}, true
	}
	d, ok := differences[name]
	return d, ok
}

const apiGuide = "../../docs/guide/api.md"

// TestDifferencesAreDocumented compares the list in the guide with the table;
// UPDATE_DOCS=1 writes it.
func TestDifferencesAreDocumented(t *testing.T) {
	const begin, end = "<!-- differences: begin -->\n", "<!-- differences: end -->\n"
	guide, err := os.ReadFile(apiGuide)
	require.NoError(t, err)
	head, rest, ok := strings.Cut(string(guide), begin)
	require.True(t, ok)
	list, tail, ok := strings.Cut(rest, end)
	require.True(t, ok)
	want := differenceList()
	if os.Getenv("UPDATE_DOCS") != "" {
		require.NoError(t, os.WriteFile(apiGuide, []byte(head+begin+want+end+tail), 0o644))
		return
	}
	require.Equal(t, want, list, "run UPDATE_DOCS=1 go test ./transport/rest -run TestDifferencesAreDocumented")
}

// differenceList is the table as Markdown, by reason.
func differenceList() string {
	byReason := map[string][]string{}
	for _, d := range differences {
		byReason[d.reason] = append(byReason[d.reason], "`"+d.do+"`")
	}
	var b strings.Builder
	for _, reason := range slices.Sorted(maps.Keys(byReason)) {
		requests := byReason[reason]
		slices.Sort(requests)
		fmt.Fprintf(&b, "- %s Seen in: %s.\n", reason, strings.Join(slices.Compact(requests), ", "))
	}
	return b.String()
}
