package snapshots

import (
	"archive/tar"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// rounds is the number in an environment variable, or usual without it.
func rounds(t *testing.T, variable string, usual int) int {
	if n, err := strconv.Atoi(os.Getenv(variable)); err == nil {
		return n
	}
	if testing.Short() {
		return max(1, usual/10)
	}
	return usual
}

// snapshotters take snapshots at the same time: of one collection they wait for
// each other, of different ones they do not.
const snapshotters = 2

// TestConsistencyUnderLoad lets eight writers write while snapshots are taken and
// restored under other names. Each must hold for every writer exactly the first k
// of its writes, with every write that was acknowledged before the snapshot was
// asked for, and none that began after it was answered.
// TIDEMARK_SNAPSHOT_ROUNDS is how many are taken, 250 without it.
func TestConsistencyUnderLoad(t *testing.T) {
	total := rounds(t, "TIDEMARK_SNAPSHOT_ROUNDS", 250)
	// Small heads, so that segments are written and merged meanwhile.
	s := start(t, t.TempDir(), "TIDEMARK__HEAD_MB=1", "TIDEMARK__HEAD_LOG_MB=4")
	s.must(t, "PUT /collections/c", dense(dim))
	all := newWriters()
	ctx, stop := context.WithCancel(t.Context())
	var writing, snapshotting sync.WaitGroup
	for _, w := range all {
		writing.Go(func() { w.run(ctx, t, s, "c", func() {}) })
	}
	for i := range snapshotters {
		snapshotting.Go(func() {
			for n := i; n < total && !t.Failed(); n += snapshotters {
				consistentRound(t, s, all, n)
			}
		})
	}
	snapshotting.Wait()
	for _, w := range all { // otherwise nothing was proven
		if w.acknowledged.Load() < int64(total) {
			t.Errorf("writer %d made %d writes only", w.number, w.acknowledged.Load())
		}
	}
	stop()
	writing.Wait()
}

// consistentRound takes a snapshot, restores it and looks at it, as a test of its
// own: it does not run on the goroutine of the whole, which alone may end that.
func consistentRound(t *testing.T, s *server, all []*writer, n int) {
	name := fmt.Sprintf("r%d", n)
	t.Run(name, func(t *testing.T) {
		low, high := make([]int, writers), make([]int, writers)
		for i, w := range all {
			low[i] = int(w.acknowledged.Load())
		}
		made := s.create(t, "c")
		for i, w := range all {
			high[i] = int(w.begun.Load())
		}
		s.must(t, recoverRequest(name), recoverBody(s.file("c", made.Name), made.Checksum))
		got := s.read(t, name)
		for i, w := range all {
			_, ok := w.prefix(nil, 0, got[i], low[i], high[i])
			require.True(t, ok, "writer %d: what %s holds is no prefix of %d to %d writes: %v", i, made.Name, low[i], high[i], got[i])
		}
		says := manifestOf(t, s.file("c", made.Name))
		is := s.state(t, name)
		require.Equal(t, says.Digest, is.Digest)
		require.Equal(t, says.Count, is.Count)
		require.Greater(t, is.Position, says.Position)
		s.must(t, "DELETE /collections/"+name, "")
		s.must(t, "DELETE /collections/c/snapshots/"+made.Name, "")
	})
}

// manifestOf reads what a snapshot says of itself, as any tar program can.
func manifestOf(t *testing.T, path string) (m state) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	r := tar.NewReader(f)
	h, err := r.Next()
	require.NoError(t, err)
	require.Equal(t, "manifest.json", h.Name)
	require.NoError(t, json.NewDecoder(r).Decode(&m))
	return m
}
