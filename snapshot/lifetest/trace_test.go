package lifetest

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tidemark-db/tidemark/internal/fsx"
)

var update = flag.Bool("update", false, "write the golden trace anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long one life may take, on a machine with much else to do.
const patience = time.Minute

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// memoryDir returns a directory in memory if the host has one with room: these
// tests sync many thousand times, and what a power failure leaves they lay out
// themselves. Its owner may remove it earlier.
func memoryDir(t testing.TB) string {
	const memory, room = "/dev/shm", 1 << 30
	if free, err := fsx.OS.FreeBytes(memory); err != nil || free < room {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(memory, "tidemark-life-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

// moment is what was true when a number of operations had been done.
type moment struct {
	operations int
	seen       seen
	taken      []taken
}

// record lives a whole life and keeps what was true before each step, and at the
// end. It leaves the house closed.
func record(t *testing.T, generation int64) (*fsx.Recorder, []moment) {
	ctx, dir := testContext(t), memoryDir(t)
	rec, err := fsx.NewRecorder(fsx.OS, dir)
	require.NoError(t, err)
	l := &life{house: newHouse(dir, options{fsys: rec, generation: generation})}
	rec.Mark("start")
	require.NoError(t, l.open(ctx))
	var moments []moment
	note := func() {
		now, err := l.look(ctx)
		require.NoError(t, err)
		moments = append(moments, moment{rec.Len(), now, append([]taken(nil), l.taken...)})
	}
	note()
	for _, s := range wholeLife() {
		if s.name != "" {
			rec.Mark(s.name)
		}
		require.NoError(t, s.do(l, ctx), s.name)
		if s.name == "" {
			require.NoError(t, shown("c")(l, ctx))
		}
		note()
	}
	rec.Mark("close")
	require.NoError(t, l.close(ctx))
	return rec, moments
}

// TestGoldenTrace keeps the order of writes and syncs as text: a change of it is
// a change of what a crash leaves.
func TestGoldenTrace(t *testing.T) {
	rec, _ := record(t, largeGeneration)
	golden := filepath.Join("testdata", "trace.txt")
	trace := normalise(rec.Trace(0))
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(trace), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(strings.Split(string(want), "\n"), strings.Split(trace, "\n")))
}

// Sizes of a file of the log: one that no life fills, and one of a few records.
const (
	largeGeneration = 1 << 20
	smallGeneration = 16 << 10
)

var (
	uuidText = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	peerText = regexp.MustCompile(`-\d+-2026-11-24-10-53-37-`)
	// What documents hold depends on ids and on the clock.
	sizeText = regexp.MustCompile(`((?:catalog-\d+\.json|manifest-\d+\.json)\S* \d+\+)\d+`)
	// An archive is written in as many pieces as its writer likes.
	archiveText = regexp.MustCompile(`(write snapshots/\.staging/\d+) .*(?:\n(write snapshots/\.staging/\d+) .*)*`)
)

// normalise gives ids the names in whose order they appear, and leaves out what
// differs from run to run.
func normalise(trace string) string {
	names := make(map[string]string)
	trace = uuidText.ReplaceAllStringFunc(trace, func(id string) string {
		if names[id] == "" {
			names[id] = "<id" + strconv.Itoa(len(names)+1) + ">"
		}
		return names[id]
	})
	trace = peerText.ReplaceAllString(trace, "-<peer>-<time>-")
	trace = archiveText.ReplaceAllString(trace, "$1 …")
	trace = sizeText.ReplaceAllString(trace, "$1…")
	return strings.TrimSpace(trace) + "\n"
}
