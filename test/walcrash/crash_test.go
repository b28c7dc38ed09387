// Package walcrash kills a process that writes a log, again and again, and
// checks what it was told against what the log holds.
package walcrash

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/wal"
	"github.com/tidemark-db/tidemark/wal/local"
)

const (
	childEnv  = "TIDEMARK_WALCRASH_DIR"   // makes the test binary the writer
	firstEnv  = "TIDEMARK_WALCRASH_FIRST" // number before the writer's first record
	roundsEnv = "TIDEMARK_CRASH_ROUNDS"   // how often to kill it

	shortRounds = 30
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		fmt.Fprintln(os.Stderr, writeUntilKilled(dir, os.Getenv(firstEnv)))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// witness knows everything that the log ever promised.
type witness struct {
	dir      string
	serial   uint64                  // highest number ever given to a record
	seen     map[wal.Position]uint64 // records found in the log, by position
	released wal.Position
	repairs  int
}

// ack is what the writer printed for one record.
type ack struct {
	serial uint64
	at     wal.Position
}

func TestCrashOfTheLog(t *testing.T) {
	rounds := shortRounds
	if s := os.Getenv(roundsEnv); s != "" {
		n, err := strconv.Atoi(s)
		require.NoError(t, err)
		rounds = n
	}
	w := &witness{dir: filepath.Join(t.TempDir(), "wal"), seen: map[wal.Position]uint64{}}
	acknowledged := 0
	for range rounds {
		acks := w.kill(t)
		acknowledged += len(acks)
		w.check(t, acks)
	}
	t.Logf("%d rounds, %d acknowledged records, %d torn tails repaired, last position %d",
		rounds, acknowledged, w.repairs, w.last())
}

// kill runs the writer, ends it after some acknowledgements, and returns all
// that it printed.
func (w *witness) kill(t *testing.T) []ack {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	c := exec.CommandContext(t.Context(), exe)
	c.Env = append(os.Environ(), childEnv+"="+w.dir, fmt.Sprintf("%s=%d", firstEnv, w.serial))
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	var acks []ack
	enough := 1 + rand.IntN(300)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var a ack
		_, err := fmt.Sscan(lines.Text(), &a.serial, &a.at)
		require.NoError(t, err, lines.Text())
		acks = append(acks, a)
		if len(acks) == enough {
			require.NoError(t, c.Process.Kill())
		}
	}
	require.ErrorContains(t, c.Wait(), "killed")
	require.GreaterOrEqual(t, len(acks), enough)
	w.serial += uint64(len(acks)) + 10*writers // above every number that the writer can have used
	return acks
}

// check opens the log: every acknowledged record is where it was promised to
// be, nothing that was there before has changed, and nothing is there twice.
func (w *witness) check(t *testing.T, acks []ack) {
	t.Helper()
	log, r, err := local.Open(w.dir, local.Options{SegmentBytes: segmentBytes, From: w.released + 1, AtLeast: w.last()})
	require.NoError(t, err)
	require.False(t, r.PerhapsLost, "no kill can damage a group that was acknowledged")
	if r.Dropped > 0 {
		w.repairs++
	}
	w.read(t, log, r)
	for _, a := range acks {
		require.Equal(t, a.serial, w.seen[a.at], "acknowledged at %d", a.at)
	}
	if last := w.last(); last > 2000 {
		require.NoError(t, log.Release(t.Context(), last-1000))
		w.released = last - 1000
	}
	require.NoError(t, log.Close())
	for p := range w.seen {
		if p <= w.released {
			delete(w.seen, p)
		}
	}
}

// read takes note of what the log holds.
func (w *witness) read(t *testing.T, log *local.Log, r local.Recovery) {
	t.Helper()
	reader, err := log.Tail(t.Context(), r.After)
	require.NoError(t, err)
	defer func() { require.NoError(t, reader.Close()) }()
	before := w.last()
	found := map[uint64]bool{}
	for at := r.After; at < r.Last; {
		records, err := reader.Next(t.Context())
		require.NoError(t, err)
		for _, rec := range records {
			at++
			require.Equal(t, at, rec.Position)
			serial := binary.LittleEndian.Uint64(rec.Payload)
			require.Equal(t, record(serial), rec.Payload, "record %d", at)
			require.False(t, found[serial], "record %d is there twice", serial)
			found[serial] = true
			if at <= before && at > w.released {
				require.Equal(t, w.seen[at], serial, "what lies at %d has changed", at)
			}
			w.seen[at] = serial
		}
	}
}

func (w *witness) last() wal.Position {
	last := w.released
	for p := range w.seen {
		last = max(last, p)
	}
	return last
}
