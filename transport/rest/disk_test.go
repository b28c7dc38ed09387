package rest_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/transport/rest"
	"github.com/tidemark-db/tidemark/wal"
	"github.com/tidemark-db/tidemark/wal/local"
)

// openDisk opens a store below dir on a file system that the test can break,
// whose points go to a segment after 64 KiB.
func openDisk(t *testing.T, dir string) (*rest.Server, *fsx.Faults) {
	t.Helper()
	faults := fsx.NewFaults(fsx.OS)
	store, err := tidemark.Open(t.Context(), tidemark.Options{
		Dir: dir, FS: faults, HeadBytes: 64 << 10,
		OpenLog: func(o tidemark.LogOptions) (wal.Log, error) {
			log, _, err := local.Open(o.Dir, local.Options{Base: o.Base, From: o.From, AtLeast: o.AtLeast, FS: faults, Logger: o.Logger})
			return log, err
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = store.Close(t.Context()) }) // a broken disk is not closed cleanly
	require.Eventually(t, store.Ready, time.Minute, time.Millisecond)
	return newServer(t, func(o *rest.Options) { o.Store = store }), faults
}

// noise is a text that cannot be compressed much.
func noise(seed int) string {
	var b []byte
	for i := range 64 {
		sum := sha256.Sum256(fmt.Append(nil, seed, i))
		b = fmt.Appendf(b, "%x", sum)
	}
	return string(b)
}

// segmentsOf returns the number of segments of a collection.
func segmentsOf(t *testing.T, server *rest.Server, collection string) int {
	t.Helper()
	var v struct{ Result struct{ Segments int } }
	a := call(t, server, "GET", "/collections/"+collection+"/tidemark", "")
	require.Equal(t, 200, a.status, "%s", a.body)
	require.NoError(t, json.Unmarshal(a.body, &v))
	return v.Result.Segments
}

// fillDisk makes a collection with points of 4 KiB, some of them in a segment.
func fillDisk(t *testing.T, server *rest.Server, collection string) {
	t.Helper()
	require.Equal(t, 200, call(t, server, "PUT", "/collections/"+collection, `{"vectors":{}}`).status)
	for i := range 40 {
		a := call(t, server, "PUT", "/collections/"+collection+"/points?wait=true",
			fmt.Sprintf(`{"points":[{"id":%d,"vector":{},"payload":{"a":"%s"}}]}`, i, noise(i)))
		require.Equal(t, 200, a.status, "%s", a.body)
	}
	require.Eventually(t, func() bool { return segmentsOf(t, server, collection) > 0 }, time.Minute, time.Millisecond)
}

// TestDamageIsNamed changes bytes of a segment under a server that runs: what
// needs them names the file and the place, and everything else is served.
func TestDamageIsNamed(t *testing.T) {
	dir := t.TempDir()
	server, _ := openDisk(t, dir)
	fillDisk(t, server, "c")
	files, err := filepath.Glob(filepath.Join(dir, "collections", "*", "segments", "*.seg"))
	require.NoError(t, err)
	fillDisk(t, server, "other")
	content, err := os.ReadFile(files[0])
	require.NoError(t, err)
	place := len(content) / 3 // payloads take nearly all of it
	f, err := os.OpenFile(files[0], os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte{^content[place]}, int64(place))
	require.NoError(t, err)
	require.NoError(t, f.Close())

	read := func(id int) answer { return call(t, server, "GET", fmt.Sprintf("/collections/c/points/%d", id), "") }
	id := 0
	for ; read(id).status == 200; id++ {
		require.Less(t, id, 40, "no point is damaged")
	}
	name := regexp.QuoteMeta(filepath.Base(files[0]))
	damage := "the collection is damaged: file " + name + ` at byte \d+: restore the collection from a snapshot`
	refuses(t, read(id), "Shard temporarily unavailable: "+damage)
	cannot := `Shard temporarily unavailable: the collection cannot apply its log after position \d+`
	halted := cannot + ": " + damage
	// A patch needs the row, and is in the log already when that is found; after it
	// no write can be applied any more.
	refuses(t, call(t, server, "POST", "/collections/c/points/payload?wait=true", fmt.Sprintf(`{"points":[%d],"payload":{"b":1}}`, id)),
		cannot+`; the write is durable at position \d+ and may appear later: `+damage)
	refuses(t, call(t, server, "PUT", "/collections/c/points?wait=true", `{"points":[{"id":1000,"vector":{}}]}`), halted)
	refuses(t, call(t, server, "PUT", "/collections/c/points", `{"points":[{"id":1000,"vector":{}}]}`), halted)
	refuses(t, read(id), "Shard temporarily unavailable: "+damage)
	showsRed(t, server, "c", halted)

	serves(t, server, "GET", "/collections/c/points/39", "")
	serves(t, server, "POST", "/collections/c/points/count", `{}`)
	serves(t, server, "POST", "/collections/other/points/scroll", `{"limit":100}`)
	serves(t, server, "PUT", "/collections/other/points?wait=true", `{"points":[{"id":1000,"vector":{}}]}`)
}

// refuses wants a 503 whose text matches a pattern as a whole.
func refuses(t *testing.T, a answer, pattern string) {
	t.Helper()
	require.Equal(t, 503, a.status, "%s", a.body)
	var v struct{ Status struct{ Error string } }
	require.NoError(t, json.Unmarshal(a.body, &v))
	require.Regexp(t, "^"+pattern+"$", v.Status.Error)
}

// showsRed wants a collection that is shown as broken, with a text that matches a
// pattern as a whole.
func showsRed(t *testing.T, server *rest.Server, collection, pattern string) {
	t.Helper()
	a := call(t, server, "GET", "/collections/"+collection, "")
	require.Equal(t, 200, a.status, "%s", a.body)
	var v struct {
		Result struct {
			Status    string
			Optimizer struct{ Error string } `json:"optimizer_status"`
			Points    int                    `json:"points_count"`
		}
	}
	require.NoError(t, json.Unmarshal(a.body, &v))
	require.Equal(t, "red", v.Result.Status)
	require.Regexp(t, "^"+pattern+"$", v.Result.Optimizer.Error)
	require.Equal(t, 40, v.Result.Points, "what it has is shown")
}

func serves(t *testing.T, server *rest.Server, method, path, body string) {
	t.Helper()
	a := call(t, server, method, path, body)
	require.Equal(t, 200, a.status, "%s %s: %s", method, path, a.body)
}

// TestAFullDisk lets the log meet a full disk: the write says what is the
// matter, reads go on, and so do the other collections once there is room.
func TestAFullDisk(t *testing.T) {
	server, faults := openDisk(t, t.TempDir())
	fillDisk(t, server, "c")
	fillDisk(t, server, "other")
	faults.Inject(fsx.Rule{Kinds: []fsx.Kind{fsx.KindLogWrite}, Err: syscall.ENOSPC, Short: 100})
	const room = ` \(there is no room left on the disk\)`
	put := func(collection string) answer {
		return call(t, server, "PUT", "/collections/"+collection+"/points?wait=true", `{"points":[{"id":1000,"vector":{}}]}`)
	}
	refuses(t, put("c"), "Shard temporarily unavailable: the outcome of the write is unknown, it may appear later"+room)
	refuses(t, put("c"), "Shard temporarily unavailable: the collection accepts no writes since its log could not be written; restart to repair it"+room)
	showsRed(t, server, "c", "Shard temporarily unavailable: the collection accepts no writes since its log could not be written; restart to repair it"+room)
	serves(t, server, "GET", "/collections/c/points/7", "")
	serves(t, server, "POST", "/collections/c/points/scroll", `{"limit":100}`)
	require.Equal(t, 404, call(t, server, "GET", "/collections/c/points/1000", "").status)

	faults.Inject(fsx.Rule{Err: syscall.ENOSPC})
	refuses(t, call(t, server, "PUT", "/collections/d", `{"vectors":{}}`),
		"Shard temporarily unavailable: there is no room left on the disk; nothing was changed")
	faults.Clear()
	serves(t, server, "PUT", "/collections/d", `{"vectors":{}}`)
	serves(t, server, "PUT", "/collections/other/points?wait=true", `{"points":[{"id":1000,"vector":{}}]}`)
}
