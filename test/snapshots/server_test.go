// Package snapshots proves snapshots and restores of the real binary from
// outside: what it says on the wire, what a snapshot holds while others write,
// what is left after a refusal, a kill and a full disk.
package snapshots

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/test/testserver"
)

func TestMain(m *testing.M) { os.Exit(testserver.Main(m)) }

// server is a running binary, its directory and a client of it.
type server struct {
	*testserver.Server
	dir  string
	http *http.Client
}

// start starts a server over dir.
func start(t *testing.T, dir string, env ...string) *server {
	t.Helper()
	// Go's client would ask for gzip and unpack it unseen.
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 32}
	t.Cleanup(transport.CloseIdleConnections)
	s := &server{testserver.New(t, testserver.Build(t), dir, env...), dir, &http.Client{Transport: transport}}
	require.NoError(t, s.Start(t.Context()))
	return s
}

// restart kills the server and starts it again.
func (s *server) restart(t *testing.T) {
	t.Helper()
	s.Kill()
	require.NoError(t, s.Start(t.Context()))
}

// response is an answer that was read to its end.
type response struct {
	status int
	header http.Header
	body   []byte
}

// do makes a request; request is a method and a path, header are names and
// values.
func (s *server) do(ctx context.Context, request, body string, header ...string) (response, error) {
	method, path, _ := strings.Cut(request, " ")
	req, err := http.NewRequestWithContext(ctx, method, s.URL()+path, strings.NewReader(body))
	if err != nil {
		return response{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return response{}, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return response{resp.StatusCode, resp.Header, answer}, err
}

// get makes a request that is answered.
func (s *server) get(t *testing.T, request, body string, header ...string) response {
	t.Helper()
	r, err := s.do(t.Context(), request, body, header...)
	require.NoError(t, err, request)
	return r
}

// must makes a request that succeeds.
func (s *server) must(t *testing.T, request, body string) []byte {
	t.Helper()
	r := s.get(t, request, body)
	require.Equal(t, http.StatusOK, r.status, "%s\n%s", request, r.body)
	return r.body
}

// result makes a request that succeeds and returns its result.
func result[T any](t *testing.T, s *server, request, body string) T {
	t.Helper()
	return decode[T](t, response{status: http.StatusOK, body: s.must(t, request, body)})
}

// decode returns the result of a request that succeeded.
func decode[T any](t *testing.T, r response) T {
	t.Helper()
	require.Equal(t, http.StatusOK, r.status, "%s", r.body)
	var answer struct {
		Result T `json:"result"`
	}
	require.NoError(t, json.Unmarshal(r.body, &answer))
	return answer.Result
}

// errorText is the text of a JSON error.
func (r response) errorText(t *testing.T) string {
	t.Helper()
	var answer struct {
		Status struct {
			Error string `json:"error"`
		} `json:"status"`
	}
	require.NoError(t, json.Unmarshal(r.body, &answer), "%s", r.body)
	return answer.Status.Error
}

// state is where a collection stands.
type state struct {
	Position uint64 `json:"position"`
	Count    int    `json:"count"`
	Digest   string `json:"digest"`
}

func (s *server) state(t *testing.T, collection string) state {
	t.Helper()
	return result[state](t, s, "GET /collections/"+collection+"/tidemark", "")
}

// description is a snapshot in a listing.
type description struct {
	Name     string `json:"name"`
	Created  string `json:"creation_time"`
	Size     int64  `json:"size"`
	Checksum string `json:"checksum"`
}

func (s *server) create(t *testing.T, collection string) description {
	t.Helper()
	return result[description](t, s, "POST /collections/"+collection+"/snapshots", "")
}

func (s *server) list(t *testing.T, collection string) []description {
	t.Helper()
	return result[[]description](t, s, "GET /collections/"+collection+"/snapshots", "")
}

// file is the path of a snapshot.
func (s *server) file(collection, name string) string {
	return filepath.Join(s.dir, "snapshots", collection, name)
}

// fileURL is the location of a file.
func fileURL(path string) string { return (&url.URL{Scheme: "file", Path: path}).String() }

// recoverBody asks to restore a file; checksum may be empty.
func recoverBody(path, checksum string) string {
	body := map[string]string{"location": fileURL(path)}
	if checksum != "" {
		body["checksum"] = checksum
	}
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // a map of strings
	}
	return string(text)
}

func recoverRequest(collection string) string {
	return fmt.Sprintf("PUT /collections/%s/snapshots/recover", collection)
}

// dense is the body that creates a collection of vectors of that size.
func dense(size int) string {
	return fmt.Sprintf(`{"vectors":{"size":%d,"distance":"Dot"}}`, size)
}

// fill upserts points 1 to n, in requests of 500.
func (s *server) fill(t *testing.T, collection string, n, dim int) {
	t.Helper()
	for from := 1; from <= n; from += 500 {
		var b strings.Builder
		for id := from; id <= min(n, from+499); id++ {
			fmt.Fprintf(&b, `,{"id":%d,"vector":%s,"payload":{"n":%d,"text":"point %d of the collection"}}`, id, vector(id, dim), id, id)
		}
		s.must(t, "PUT /collections/"+collection+"/points?wait=true", `{"points":[`+b.String()[1:]+`]}`)
	}
}

// vector is a list of numbers that depend on seed.
func vector(seed, dim int) string {
	var b strings.Builder
	b.WriteByte('[')
	for i := range dim {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%d.%d", (seed+i)%97, seed*7%10)
	}
	return b.String() + "]"
}

// jsonText is JSON as it was sent.
type jsonText = json.RawMessage
