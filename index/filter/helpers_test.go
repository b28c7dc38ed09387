package filter_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/index/filter"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/segments/payload"
	"github.com/tidemark-db/tidemark/segments/payload/payloadtest"
)

// point is a filter.Point that counts how often its payload is read.
type point struct {
	id      segments.PointID
	payload payload.Object
	vectors []string
	err     error
	reads   int
}

func (p *point) ID() segments.PointID { return p.id }

func (p *point) Payload() (payload.Object, error) {
	p.reads++
	return p.payload, p.err
}

func (p *point) HasVector(name string) (bool, error) {
	for _, v := range p.vectors {
		if v == name {
			return true, p.err
		}
	}
	return false, p.err
}

func path(tb testing.TB, text string) payload.Path {
	tb.Helper()
	p, err := payload.ParsePath(text)
	require.NoError(tb, err, text)
	return p
}

func compile(tb testing.TB, doc string, indexes map[string]filter.FieldIndex) *filter.Compiled {
	tb.Helper()
	c, err := filter.Compile(decodeFilter(tb, doc), filter.Env{Indexes: indexes})
	require.NoError(tb, err, doc)
	return c
}

func matches(tb testing.TB, c *filter.Compiled, p *point) bool {
	tb.Helper()
	ok, err := c.Match(p)
	require.NoError(tb, err)
	return ok
}

// matchesDoc reports whether a condition holds for a payload.
func matchesDoc(tb testing.TB, condition, doc string, indexes map[string]filter.FieldIndex) bool {
	tb.Helper()
	c := compile(tb, `{"must":[`+condition+`]}`, indexes)
	return matches(tb, c, &point{payload: payloadtest.Object(tb, doc)})
}

// readLines decodes a file of testdata, one JSON document a line.
func readLines[T any](tb testing.TB, name string) []T {
	tb.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	require.NoError(tb, err)
	defer f.Close()
	var list []T
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var v T
		unmarshal(tb, lines.Text(), &v)
		list = append(list, v)
	}
	require.NoError(tb, lines.Err())
	return list
}

// recordedPoints are the points that the recorded answers are about.
func recordedPoints(tb testing.TB) []*point {
	tb.Helper()
	var points []*point
	for _, p := range readLines[struct {
		ID      uint64
		Payload json.RawMessage
	}](tb, "points.jsonl") {
		points = append(points, &point{
			id: segments.NumberID(p.ID), payload: payloadtest.Object(tb, string(p.Payload)), vectors: []string{""},
		})
	}
	return points
}
