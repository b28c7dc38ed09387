package rest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/transport/rest"
)

// TestShardSnapshotRoutes: the only shard of a collection is all of it.
func TestShardSnapshotRoutes(t *testing.T) {
	fake := &fakeSnapshots{data: bytes.Repeat([]byte("0123456789"), 1000), previous: previousState}
	server := newServer(t, func(o *rest.Options) { withKeys(o); o.Snapshots = fake })
	spec := loadSpec(t)
	ask := func(do, body string, header ...string) answer {
		method, path, _ := strings.Cut(do, " ")
		a := call(t, server, method, path, body, append(header, "api-key", "secret")...)
		if method != "GET" || strings.HasSuffix(path, "/snapshots") {
			spec.validate(t, &exchange{Do: do}, a)
		}
		return a
	}
	require.Equal(t, 200, ask("PUT /collections/c", `{"vectors":{"size":2,"distance":"Dot"}}`).status)
	const shard = "/collections/c/shards/0/snapshots"
	a := ask("GET "+shard, "")
	require.Contains(t, string(a.body), `{"result":[{"name":"c-1.snapshot",`)
	a = ask("POST "+shard, "")
	require.Contains(t, string(a.body), `{"result":{"name":"c-1.snapshot",`)
	require.Equal(t, 202, ask("POST "+shard+"?wait=false", "").status)
	a = ask("GET "+shard+"/c-1.snapshot", "")
	require.Equal(t, fake.data, a.body)
	require.Equal(t, 200, ask("DELETE "+shard+"/c-1.snapshot", "").status)
	require.Equal(t, []string{"c-1.snapshot"}, fake.deleted)

	for _, location := range []string{"c-1.snapshot", "none", "https://host/x?y=z"} {
		a = ask("PUT "+shard+"/recover", `{"location":"`+location+`"}`)
		require.Equal(t, 200, a.status, "%s", a.body)
		require.Equal(t, location, fake.from[len(fake.from)-1].Location.String())
	}
	a = ask("POST "+shard+"/upload", form(ofSnapshot, "x"), "Content-Type", "multipart/form-data; boundary=B")
	require.Contains(t, string(a.body), `{"result":true,"undo":`)
	require.Equal(t, "x", fake.receiver.got.String())

	begun := len(fake.from)
	for _, c := range []struct {
		do, body string
		status   int
		text     string
	}{
		{"PUT " + shard + "/recover", `{"location":"file:///x.snapshot"}`, 400, "Wrong input: Invalid snapshot URL file:///x.snapshot: URLs with file scheme are not supported"},
		{"PUT " + shard + "/recover", `{"location":"ftp://x/y"}`, 400, "Bad request: URL ftp://x/y with scheme ftp is not supported"},
		{"PUT " + shard + "/recover", `{"location":"x","checksum":"zz"}`, 422, "invalid_sha256_hash"},
		{"GET /collections/c/shards/9/snapshots", "", 404, "Not found: shard 9 not found"},
		{"POST /collections/c/shards/9/snapshots", "", 404, "Not found: shard 9 not found"},
		{"PUT /collections/c/shards/9/snapshots/recover", `{"location":"x"}`, 404, "Not found: shard 9 not found"},
		{"DELETE /collections/c/shards/9/snapshots/c-1.snapshot", "", 404, "Not found: shard 9 not found"},
		{"POST /collections/new/shards/0/snapshots", "", 404, "Not found: Collection `new` doesn't exist!"},
		{"PUT /collections/new/shards/0/snapshots/recover", `{"location":"x"}`, 404, "Not found: Collection `new` doesn't exist!"},
		{"POST /collections/new/shards/0/snapshots/upload", form(ofSnapshot, "x"), 404, "Not found: Collection `new` doesn't exist!"},
	} {
		a := ask(c.do, c.body)
		require.Equal(t, c.status, a.status, "%s: %s", c.do, a.body)
		require.Contains(t, string(a.body), c.text)
	}
	require.Len(t, fake.from, begun, "what is refused is not begun")
	require.Len(t, fake.deleted, 1)
	require.Equal(t, 403, call(t, server, "POST", shard, "", "api-key", "reader").status)
}

// sending is a stream that may end too early.
type sending struct {
	content []byte
	err     error
	closed  *int
}

func (s sending) Send(w io.Writer) error {
	_, err := w.Write(s.content)
	return errors.Join(err, s.err)
}

func (s sending) Close() { *s.closed++ }

func (f *fakeSnapshots) Stream(context.Context, string) (rest.SnapshotStream, rest.SnapshotDescription, error) {
	return f.stream, f.description(), nil
}

// TestStreamsThatFailAreToldApart: a client that reads to the end has everything.
func TestStreamsThatFailAreToldApart(t *testing.T) {
	fake := &fakeSnapshots{data: bytes.Repeat([]byte("0123456789"), 100_000)}
	server := newServer(t, func(o *rest.Options) { o.Snapshots = fake })
	require.Equal(t, 200, call(t, server, "PUT", "/collections/c", `{"vectors":{"size":2,"distance":"Dot"}}`).status)
	web := httptest.NewServer(server)
	defer web.Close()
	closed := 0
	for _, cut := range []int{0, 1, 500_000, 1_000_000} {
		s := sending{content: fake.data[:len(fake.data)-cut], closed: &closed}
		if cut > 0 {
			s.err = errors.New("the disk fails")
		}
		fake.stream = s
		a, err := http.Get(web.URL + "/collections/c/shards/0/snapshot")
		require.NoError(t, err)
		require.Equal(t, 200, a.StatusCode)
		require.Equal(t, `attachment; filename="c-1.snapshot"`, a.Header.Get("Content-Disposition"))
		require.EqualValues(t, len(fake.data), a.ContentLength)
		got, err := io.ReadAll(a.Body)
		require.NoError(t, a.Body.Close())
		if cut == 0 {
			require.NoError(t, err)
			require.Equal(t, fake.data, got)
			continue
		}
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	}
	require.Equal(t, 4, closed)
	require.Equal(t, 404, call(t, server, "GET", "/collections/c/shards/9/snapshot", "").status)
}
