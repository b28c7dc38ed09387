package rest_test

import (
	"fmt"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// list is a list of elements of about 256 KiB, between two texts.
func list(head string, element func(i int) string, tail string) string {
	var b strings.Builder
	b.WriteString(head)
	for i := 0; b.Len() < 256<<10; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(element(i))
	}
	return b.String() + tail
}

// TestRequestsAllocateNoMore bounds what a request allocates for each byte of
// its body until its answer: decoding, writing the event, applying it. The
// bounds are a third above what was measured. A list of ids took up to 110 bytes
// for each of its own when slices grew as they were read.
func TestRequestsAllocateNoMore(t *testing.T) {
	digit := func(i int) string { return fmt.Sprint(i % 10) }
	number := func(i int) string { return fmt.Sprint(1000000 + i) }
	uuid := func(i int) string { return fmt.Sprintf(`"%032x"`, i) }
	numbers := strings.Repeat("0.1234,", 127) + "0.1234"
	dense := func(i int) string { return fmt.Sprintf(`{"id":%d,"vector":[%s]}`, i, numbers) }
	text := func(i int) string {
		return fmt.Sprintf(`{"id":%d,"vector":{},"payload":{"a":"%s"}}`, i, strings.Repeat("x", 1000))
	}
	tests := []struct {
		name, do, body string
		most           float64 // bytes for each byte of the body
	}{
		{"delete digits", "POST /collections/c/points/delete", list(`{"points":[`, digit, `]}`), 60},
		{"delete numbers", "POST /collections/c/points/delete", list(`{"points":[`, number, `]}`), 18},
		{"delete UUIDs", "POST /collections/c/points/delete", list(`{"points":[`, uuid, `]}`), 7},
		{"patch numbers", "POST /collections/c/points/payload", list(`{"payload":{"a":1},"points":[`, number, `]}`), 22},
		{"select numbers", "POST /collections/c/points/count", list(`{"filter":{"must":[{"has_id":[`, number, `]}]}}`), 14},
		{"get numbers", "POST /collections/c/points", list(`{"ids":[`, number, `]}`), 6},
		{"upsert vectors", "PUT /collections/c/points", list(`{"points":[`, dense, `]}`), 12},
		{"upsert payloads", "PUT /collections/c/points", list(`{"points":[`, text, `]}`), 12},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := newServer(t, nil)
			require.Equal(t, 200, call(t, server, "PUT", "/collections/c", `{"vectors":{"size":128,"distance":"Dot"}}`).status)
			method, path, _ := strings.Cut(tt.do, " ")
			r := httptest.NewRequest(method, path+"?wait=true", strings.NewReader(tt.body))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			a := serve(server, r)
			runtime.ReadMemStats(&after)
			require.Contains(t, []int{200, 404}, a.status, "%s", a.body)
			factor := float64(after.TotalAlloc-before.TotalAlloc) / float64(len(tt.body))
			t.Logf("%.1f bytes for each byte", factor)
			require.Less(t, factor, tt.most)
		})
	}
}
