package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/tidemark-db/tidemark/internal/machine"
	"github.com/tidemark-db/tidemark/test/testserver"
)

const (
	dimensions = 128
	batch      = 500
	loaders    = 2
	// tail is what is written before a kill, so that there is something to replay.
	tail = 100_000
)

// server is a running binary and the snapshot that was taken last.
type server struct {
	*testserver.Server
	dir      string
	points   int
	archive  string
	archived int64 // bytes
}

func startServer(tb testing.TB) *server {
	dir := tb.TempDir()
	s := &server{Server: testserver.New(tb, testserver.Build(tb), dir), dir: dir}
	require.NoError(tb, s.Start(tb.Context()))
	return s
}

// call makes a request and decodes the result of one that succeeds.
func (s *server) call(ctx context.Context, method, path string, body []byte, result any) error {
	req, err := http.NewRequestWithContext(ctx, method, s.URL()+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, text)
	}
	answer := struct{ Result any }{result}
	return json.Unmarshal(text, &answer)
}

// request makes a request that succeeds and returns its result.
func request[T any](tb testing.TB, s *server, method, path string, body []byte) (result T) {
	require.NoError(tb, s.call(tb.Context(), method, path, body, &result))
	return result
}

// load creates the collection with n points.
func (s *server) load(tb testing.TB, n int) {
	request[bool](tb, s, http.MethodPut, "/collections/c", []byte(`{"vectors":{"size":`+strconv.Itoa(dimensions)+`,"distance":"Cosine"}}`))
	s.points = n
	s.write(tb, n)
	require.Equal(tb, n, s.count(tb))
}

// write writes the first n points, anew if they exist.
func (s *server) write(tb testing.TB, n int) {
	var next atomic.Int64
	var all errgroup.Group
	for range loaders {
		all.Go(func() error {
			for {
				first := int(next.Add(batch)) - batch
				if first >= n {
					return nil
				}
				body := appendPoints(nil, first, min(first+batch, n))
				if err := s.call(tb.Context(), http.MethodPut, "/collections/c/points?wait=true", body, new(any)); err != nil {
					return err
				}
			}
		})
	}
	require.NoError(tb, all.Wait())
}

// appendPoints appends a request with points of random vectors.
func appendPoints(b []byte, first, end int) []byte {
	random := rand.New(rand.NewPCG(uint64(first), rand.Uint64()))
	b = append(b, `{"points":[`...)
	for id := first; id < end; id++ {
		b = strconv.AppendInt(append(b, `{"id":`...), int64(id), 10)
		b = append(b, `,"vector":[`...)
		for range dimensions {
			b = append(strconv.AppendFloat(b, random.NormFloat64(), 'f', 4, 64), ',')
		}
		b = strconv.AppendInt(append(b[:len(b)-1], `],"payload":{"n":`...), int64(id%10_000), 10)
		b = append(b, `,"city":"Hamburg"}},`...)
	}
	return append(b[:len(b)-1], `]}`...)
}

func (s *server) count(tb testing.TB) int {
	return request[struct{ Count int }](tb, s, http.MethodPost, "/collections/c/points/count", []byte(`{"exact":true}`)).Count
}

// anonymous returns the bytes of anonymous memory of the process.
func (s *server) anonymous(tb testing.TB) int64 {
	n, err := machine.RssAnon(s.PID())
	require.NoError(tb, err)
	return n
}

// timed measures an operation of the running process.
func (s *server) timed(tb testing.TB, operation func()) run {
	w, err := machine.WatchMemory(s.PID(), 2*time.Millisecond)
	require.NoError(tb, err)
	began := time.Now()
	operation()
	return run{took: time.Since(began), anon: w.Stop()}
}

// start measures the start of a process, until it is ready; all memory that it
// has then is growth.
func (s *server) start(tb testing.TB) run {
	began := time.Now()
	require.NoError(tb, s.Start(tb.Context()))
	return run{took: time.Since(began), anon: s.anonymous(tb)}
}

func (s *server) startClean(tb testing.TB) run {
	require.Zero(tb, s.Stop())
	return s.start(tb)
}

func (s *server) startKilled(tb testing.TB) run {
	s.write(tb, min(tail, s.points))
	s.Kill()
	return s.start(tb)
}

// snapshot measures a snapshot of a collection that has changed since the last
// one.
func (s *server) snapshot(tb testing.TB) run {
	if s.archive != "" {
		request[bool](tb, s, http.MethodDelete, "/collections/c/snapshots/"+s.archive, nil)
	}
	s.write(tb, 1)
	type info struct {
		Name string
		Size int64
	}
	var made info
	r := s.timed(tb, func() { made = request[info](tb, s, http.MethodPost, "/collections/c/snapshots", nil) })
	s.archive, s.archived = made.Name, made.Size
	r.bytes = s.archived
	return r
}

// restore measures the restore of the last snapshot over the collection.
func (s *server) restore(tb testing.TB) run {
	body, err := json.Marshal(map[string]string{"location": "file://" + filepath.Join(s.dir, "snapshots", "c", s.archive)})
	require.NoError(tb, err)
	r := s.timed(tb, func() { request[bool](tb, s, http.MethodPut, "/collections/c/snapshots/recover", body) })
	r.bytes = s.archived
	return r
}
