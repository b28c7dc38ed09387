// Package crash kills the real server with SIGKILL while clients write, starts
// it again, and asks whether everything that was acknowledged is still there.
package crash

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/test/testserver"
)

const (
	writers = 8
	// idsPerWriter is small, so that points are replaced and deleted again and
	// again.
	idsPerWriter = 40
)

// TestCrashLosesNothing runs the number of rounds in TIDEMARK_CRASH_ROUNDS, 100
// without it.
func TestCrashLosesNothing(t *testing.T) {
	rounds := 100
	if n, err := strconv.Atoi(os.Getenv("TIDEMARK_CRASH_ROUNDS")); err == nil {
		rounds = n
	}
	if testing.Short() {
		rounds = 5
	}
	s := testserver.New(t, testserver.Build(t), t.TempDir())
	require.NoError(t, s.Start(t.Context()))
	c := client{s.URL(), http.DefaultClient}
	c.must(t, http.MethodPut, "/collections/c", `{"vectors":{"size":2,"distance":"Dot"}}`)
	all := make([]*writer, writers)
	for w := range all {
		all[w] = &writer{number: uint64(w), acknowledged: make(map[uint64]int)}
	}
	var highest atomic.Uint64
	for round := range rounds {
		crashRound(t, s, c, all, &highest)
		require.NoError(t, s.Start(t.Context()), "round %d", round)
		for _, w := range all {
			w.check(t, c, round)
		}
	}
}

// crashRound lets all writers write until one of them has had enough answers,
// kills the server, and waits until every writer has noticed.
func crashRound(t *testing.T, s *testserver.Server, c client, all []*writer, highest *atomic.Uint64) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	killAfter := int64(1 + rand.IntN(400))
	var answers atomic.Int64
	enough := make(chan struct{})
	var group sync.WaitGroup
	for _, w := range all {
		group.Go(func() {
			w.run(ctx, t, c, highest, func() {
				if answers.Add(1) == killAfter {
					close(enough)
				}
			})
		})
	}
	select {
	case <-enough:
	case <-ctx.Done():
	}
	s.Kill()
	group.Wait()
	require.NoError(t, ctx.Err(), "the writers got no answers")
}

// writer owns the ids number*idsPerWriter and up. Each value that it writes is
// greater than the one before; -1 stands for a deleted point.
type writer struct {
	number       uint64
	next         int
	acknowledged map[uint64]int
	// uncertain is the write that the crash interrupted.
	uncertainID    uint64
	uncertainValue int
	uncertain      bool
}

func (w *writer) run(ctx context.Context, t *testing.T, c client, highest *atomic.Uint64, answered func()) {
	for ctx.Err() == nil {
		w.next++
		id, value := w.number*idsPerWriter+uint64(rand.IntN(idsPerWriter)), w.next
		path, body := http.MethodPut+" /collections/c/points?wait=true", fmt.Sprintf(`{"points":[{"id":%d,"vector":[1,2],"payload":{"v":%d}}]}`, id, value)
		if rand.IntN(5) == 0 {
			value = -1
			path, body = http.MethodPost+" /collections/c/points/delete?wait=true", fmt.Sprintf(`{"points":[%d]}`, id)
		}
		w.uncertain, w.uncertainID, w.uncertainValue = true, id, value
		before := highest.Load()
		position, err := c.write(ctx, path, body)
		if err != nil {
			return // killed: this write may or may not be there
		}
		w.uncertain = false
		w.acknowledged[id] = value
		if position <= before {
			t.Errorf("position %d was given out after %d had been", position, before)
		}
		raise(highest, position)
		answered()
	}
}

func raise(highest *atomic.Uint64, to uint64) {
	for {
		old := highest.Load()
		if old >= to || highest.CompareAndSwap(old, to) {
			return
		}
	}
}

// check compares what the server has with what it acknowledged.
func (w *writer) check(t *testing.T, c client, round int) {
	t.Helper()
	ids := make([]uint64, idsPerWriter)
	for i := range ids {
		ids[i] = w.number*idsPerWriter + uint64(i)
	}
	body, err := json.Marshal(map[string]any{"ids": ids, "with_payload": true})
	require.NoError(t, err)
	var answer struct {
		Result []struct {
			ID      uint64         `json:"id"`
			Payload map[string]int `json:"payload"`
		} `json:"result"`
	}
	require.NoError(t, json.Unmarshal(c.must(t, http.MethodPost, "/collections/c/points", string(body)), &answer))
	found := make(map[uint64]int)
	for _, p := range answer.Result {
		found[p.ID] = p.Payload["v"]
	}
	for _, id := range ids {
		got, exists := found[id]
		if !exists {
			got = -1
		}
		want, known := w.acknowledged[id]
		if !known {
			want = -1
		}
		if w.uncertain && w.uncertainID == id && got == w.uncertainValue {
			w.acknowledged[id] = got // it had become durable
			continue
		}
		require.Equal(t, want, got, "round %d, writer %d, point %d", round, w.number, id)
	}
	w.uncertain = false
}

// client speaks to the server.
type client struct {
	url  string
	http *http.Client
}

func (c client) do(ctx context.Context, method, path, body string) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

// must makes a request that succeeds.
func (c client) must(t *testing.T, method, path, body string) []byte {
	t.Helper()
	status, answer, err := c.do(t.Context(), method, path, body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status, "%s", answer)
	return answer
}

// write makes a write and returns its position. request is a method and a path.
func (c client) write(ctx context.Context, request, body string) (uint64, error) {
	var method, path string
	if _, err := fmt.Sscan(request, &method, &path); err != nil {
		return 0, err
	}
	status, answer, err := c.do(ctx, method, path, body)
	if err != nil {
		return 0, err
	}
	var parsed struct {
		Result struct {
			Position uint64 `json:"operation_id"`
		} `json:"result"`
	}
	if err := json.Unmarshal(answer, &parsed); err != nil || status != http.StatusOK {
		return 0, fmt.Errorf("status %d: %s", status, answer)
	}
	return parsed.Result.Position, nil
}
