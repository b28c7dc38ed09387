package rest

import (
	"context"
	"fmt"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark"
)

// listBody is a list of elements of about 128 KiB, between two texts.
func listBody(head string, element func(i int) string, tail string) string {
	var b strings.Builder
	b.WriteString(head)
	for i := 0; b.Len() < 128<<10; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(element(i))
	}
	return b.String() + tail
}

// allocated returns how many bytes work allocates.
func allocated(work func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	work()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

// TestDecodingIsPaidFor decodes bodies of the shortest elements of each kind,
// and compares what that allocates with what was paid before. A slice that grows
// leaves what it had behind, which the collector takes: half of what is
// allocated has to be paid for.
func TestDecodingIsPaidFor(t *testing.T) {
	digit := func(i int) string { return fmt.Sprint(i % 10) }
	same := func(text string) func(int) string { return func(int) string { return text } }
	discard := func(_ any, err error) error { return err }
	upsert := func(d *document) error { return discard(d.readUpsert()) }
	scroll := func(d *document) error { return discard(d.readScroll()) }
	tests := []struct {
		name string
		body string
		read func(*document) error
	}{
		{"ids", listBody(`{"points":[`, digit, `]}`), func(d *document) error { return discard(d.readDelete()) }},
		{"UUIDs", listBody(`{"points":[`, func(i int) string { return fmt.Sprintf(`"%032x"`, i) }, `]}`), func(d *document) error { return discard(d.readDelete()) }},
		{"points", listBody(`{"points":[`, same(`{"id":1,"vector":{}}`), `]}`), upsert},
		{"vectors", listBody(`{"points":[`, same(`{"id":1,"vector":[1]}`), `]}`), upsert},
		{"named vectors", listBody(`{"points":[{"id":1,"vector":{`, func(i int) string { return fmt.Sprintf(`"%d":[1]`, i) }, `}}]}`), upsert},
		{"floats", listBody(`{"points":[{"id":1,"vector":[`, digit, `]}]}`), upsert},
		{"rows", listBody(`{"points":[{"id":1,"vector":[`, same(`[1]`), `]}]}`), upsert},
		{"indices", listBody(`{"points":[{"id":1,"vector":{"a":{"values":[],"indices":[`, digit, `]}}}]}`), upsert},
		{"columns", listBody(`{"batch":{"vectors":{},"ids":[`, digit, `]}}`), upsert},
		{"payloads", listBody(`{"points":[`, same(`{"id":1,"vector":{},"payload":{"a":[0,0,0,0]}}`), `]}`), upsert},
		{"payload", listBody(`{"points":[{"id":1,"vector":{},"payload":{"a":[`, digit, `]}}]}`), upsert},
		{"operations", listBody(`{"operations":[`, same(`{"clear_payload":{"points":[]}}`), `]}`), func(d *document) error { return discard(d.readBatch()) }},
		{"keys", listBody(`{"points":[],"keys":[`, same(`"a"`), `]}`), func(d *document) error { return discard(d.readDeletePayload()) }},
		{"conditions", listBody(`{"filter":{"must":[`, same(`{"must":[]}`), `]}}`), scroll},
		{"fields", listBody(`{"filter":{"must":[`, same(`{"key":"a","match":{"value":1}}`), `]}}`), scroll},
		{"has_id", listBody(`{"filter":{"must":[{"has_id":[`, digit, `]}]}}`), scroll},
		{"integers", listBody(`{"filter":{"must":[{"key":"a","match":{"any":[`, digit, `]}}]}}`), scroll},
		{"texts", listBody(`{"filter":{"must":[{"key":"a","match":{"any":[`, same(`"a"`), `]}}]}}`), scroll},
		{"paths", listBody(`{"with_payload":[`, same(`"a"`), `]}`), scroll},
		{"names", listBody(`{"with_vector":[`, same(`"a"`), `]}`), scroll},
		{"unknown", listBody(`{"unknown":[`, digit, `]}`), scroll},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			paid := int64(0)
			enter := func(_ context.Context, n int64) (func(), error) { paid += n; return func() {}, nil }
			r := httptest.NewRequest("POST", "/", strings.NewReader(tt.body))
			var err error
			took := allocated(func() {
				var d *document
				if d, err = newDocuments().read(r, DefaultMaxRequestBytes, enter); err == nil {
					err = tt.read(d)
				}
			})
			require.NoError(t, err)
			t.Logf("%d bytes: %d allocated, %d paid", len(tt.body), took, paid)
			require.Less(t, took/2, paid+bodyFactor*freeBytes)
		})
	}
}

// TestABodyThatBecomesTooMuchIsRefused: a list of ids is refused before it is
// decoded, whatever room was left for the body itself.
func TestABodyThatBecomesTooMuchIsRefused(t *testing.T) {
	m := newMemory(4<<20, 0, nil)
	body := listBody(`{"points":[`, func(int) string { return "1" }, `]}`)
	r := httptest.NewRequest("POST", "/", strings.NewReader(body))
	pool := newDocuments()
	d, err := pool.read(r, DefaultMaxRequestBytes, m.admit)
	require.NoError(t, err)
	took := allocated(func() {
		err = d.decode(func() error { _, err := d.readDelete(); return err })
	})
	require.Equal(t, tidemark.BadRequest, tidemark.KindOf(err), "%v", err)
	require.Less(t, took, int64(1<<20))
	pool.release(d)
	require.Zero(t, m.used)
}
