package rest

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// connection is a client whose deadlines can be seen.
type connection struct {
	*httptest.ResponseRecorder
	writes int // deadlines that were set for writing
	last   time.Time
	reads  []time.Time
	pieces []int // bytes of each piece
}

func (c *connection) SetWriteDeadline(t time.Time) error { c.writes++; c.last = t; return nil }
func (c *connection) SetReadDeadline(t time.Time) error  { c.reads = append(c.reads, t); return nil }

func (c *connection) Write(b []byte) (int, error) {
	c.pieces = append(c.pieces, len(b))
	return c.ResponseRecorder.Write(b)
}

func TestEachPieceHasItsDeadline(t *testing.T) {
	c := &connection{ResponseRecorder: httptest.NewRecorder()}
	r := httptest.NewRequest("POST", "/", strings.NewReader("body"))
	newPace().serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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
	newPace().serve(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), c, httptest.NewRequest("POST", "/", strings.NewReader("body")))
	require.Len(t, c.reads, 1)
	require.False(t, c.reads[0].IsZero())
}

// TestDrainShortensWhatIsWaitedFor: a client that is waited for when the server
// begins to stop, to take a piece or to send one, is given the shorter time.
func TestDrainShortensWhatIsWaitedFor(t *testing.T) {
	const patience = time.Second
	p := newPace()
	s := &Server{pace: p}
	c := &connection{ResponseRecorder: httptest.NewRecorder()}
	r := httptest.NewRequest("POST", "/", strings.NewReader("body"))
	p.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := r.Body.Read(make([]byte, 1))
		require.NoError(t, err)
		require.Greater(t, time.Until(c.last), patience)
		require.Greater(t, time.Until(c.reads[0]), patience)

		s.Drain(patience)
		require.Less(t, time.Until(c.last), patience)
		require.Less(t, time.Until(c.reads[1]), patience)

		_, err = w.Write([]byte("x"))
		require.NoError(t, err)
		require.Less(t, time.Until(c.last), patience, "of the next piece")
		_, err = io.ReadAll(r.Body)
		require.NoError(t, err)
		reads := len(c.reads)
		s.Drain(patience / 2)
		require.Len(t, c.reads, reads, "a client that has sent everything may take its time to hang up")
		s.Drain(patience)
		require.Less(t, time.Until(c.last), patience/2, "patience only becomes less")
	}), c, r)

	writes := c.writes
	s.Drain(patience / 4)
	require.Equal(t, writes, c.writes, "the connection may serve another request by now")
	p.serve(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		require.Less(t, time.Until(c.last), patience/4, "of a request that comes later")
	}), c, httptest.NewRequest("GET", "/", nil))
}

// TestDrainEndsAnAnswerThatNobodyTakes stages clients that ask for more than the
// buffers between hold, and never read. They may have hours, for the piece that is
// on its way or for those that follow, until the server begins to stop.
func TestDrainEndsAnAnswerThatNobodyTakes(t *testing.T) {
	for _, tt := range []struct {
		name string
		// to returns where the answer is written, once the request has begun.
		to func(w http.ResponseWriter, s *Server, begun chan<- struct{}) io.Writer
	}{
		{"a piece on its way", func(w http.ResponseWriter, _ *Server, begun chan<- struct{}) io.Writer {
			close(begun)
			return w.(*pacedWriter).ResponseWriter // one piece, whose deadline is not renewed
		}},
		{"later pieces", func(w http.ResponseWriter, s *Server, begun chan<- struct{}) io.Writer {
			s.Drain(time.Millisecond)
			close(begun)
			return w
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &Server{pace: newPace()}
			s.pace.patience = 24 * time.Hour
			begun, ended := make(chan struct{}), make(chan error, 1)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				s.pace.serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					out := tt.to(w, s, begun)
					for piece := make([]byte, 1<<20); ; {
						if _, err := out.Write(piece); err != nil {
							ended <- err
							return
						}
					}
				}), w, r)
			}))
			defer server.Close()
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			require.NoError(t, err)
			defer conn.Close()
			_, err = conn.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
			require.NoError(t, err)
			<-begun
			s.Drain(time.Millisecond)
			select {
			case err = <-ended:
				require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			case <-time.After(time.Minute): // only if it is broken
				require.Fail(t, "the answer goes on")
			}
		})
	}
}
