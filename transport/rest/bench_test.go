package rest

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// upsertBody is a request of n points with dim numbers of four decimals and a
// small payload.
func upsertBody(n, dim int) []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	b := []byte(`{"points":[`)
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"id":%d,"vector":[`, i)
		for j := range dim {
			if j > 0 {
				b = append(b, ',')
			}
			b = strconv.AppendFloat(b, rng.NormFloat64(), 'f', 4, 64)
		}
		b = fmt.Appendf(b, `],"payload":{"k":%d,"s":"keyword-%d"}}`, i%10000, i%100)
	}
	return append(b, `]}`...)
}

func BenchmarkDecodeUpsert(b *testing.B) {
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprintf("%dx128", n), func(b *testing.B) {
			pool := newDocuments()
			body := upsertBody(n, 128)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			reader := bytes.NewReader(body)
			r := httptest.NewRequest("PUT", "/", nil)
			r.ContentLength = int64(len(body))
			r.Body = io.NopCloser(reader)
			for b.Loop() {
				reader.Reset(body)
				d, err := pool.read(r, DefaultMaxRequestBytes, nil)
				require.NoError(b, err)
				err = d.decode(func() error { _, err := d.readUpsert(); return err })
				require.NoError(b, err)
				pool.release(d)
			}
		})
	}
}
