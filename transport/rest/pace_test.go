package rest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// connection is a client whose deadlines can be seen.
type connection struct {
	*httptest.ResponseRecorder
	writes int // deadlines that were set for writing
	reads  []time.Time
	pieces []int // bytes of each piece
}

func (c *connection) SetWriteDeadline(time.Time) error  { c.writes++; return nil }
func (c *connection) SetReadDeadline(t time.Time) error { c.reads = append(c.reads, t); return nil }

func (c *connection) Write(b []byte) (int, error) {
	c.pieces = append(c.pieces, len(b))
	return c.ResponseRecorder.Write(b)
}

func TestEachPieceHasItsDeadline(t *testing.T) {
	c := &connection{ResponseRecorder: httptest.NewRecorder()}
	r := httptest.NewRequest("POST", "/", strings.NewReader("body"))
	paced(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, 1, c.writes, "a request does not begin under the deadline of another")
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		require.Equal(t, "body", string(body))
		require.Greater(t, len(c.reads), 1)
		require.True(t, c.reads[len(c.reads)-1].IsZero(), "after the body there is no deadline")
		n, err := w.Write(make([]byte, 3*pieceBytes+1))
		require.NoError(t, err)
		require.Equal(t, 3*pieceBytes+1, n)
	}), c, r)
	require.Equal(t, []int{pieceBytes, pieceBytes, pieceBytes, 1}, c.pieces)
	require.Equal(t, 1+4, c.writes)
	require.True(t, c.reads[len(c.reads)-1].IsZero())
}

func TestTheRestOfABodyHasADeadline(t *testing.T) {
	c := &connection{ResponseRecorder: httptest.NewRecorder()}
	paced(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), c, httptest.NewRequest("POST", "/", strings.NewReader("body")))
	require.Len(t, c.reads, 1)
	require.False(t, c.reads[0].IsZero())
}
