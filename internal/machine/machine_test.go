package machine

import (
	"context"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestMeasureFillsEveryFigureAndLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	f, err := Measure(t.Context(), Options{Dir: dir, Duration: time.Millisecond})
	require.NoError(t, err)
	for name, figure := range map[string]float64{
		"syncs": f.Sync.PerSecond, "count": float64(f.Sync.Count), "p50": float64(f.Sync.P50),
		"write": f.Write, "hash": f.Hash, "read": f.FileRead, "memory": f.Memory,
	} {
		require.Positive(t, figure, name)
	}
	require.LessOrEqual(t, f.Sync.P50, f.Sync.P99)
	require.LessOrEqual(t, f.Sync.P99, f.Sync.Highest)
	require.Contains(t, f.String(), "MB/s")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestMeasureReportsWhatItCannotUse(t *testing.T) {
	_, err := Measure(t.Context(), Options{Dir: filepath.Join(t.TempDir(), "missing")})
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestMeasureEndsWithItsContext(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Measure(ctx, Options{Dir: dir, Duration: time.Hour})
	require.ErrorIs(t, err, context.Canceled)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestLatency(t *testing.T) {
	var took []time.Duration
	for i := 100; i > 0; i-- {
		took = append(took, time.Duration(i)*time.Millisecond)
	}
	require.Equal(t, Latency{
		Count: 100, PerSecond: 100 / 5.05,
		P50: 51 * time.Millisecond, P99: 100 * time.Millisecond, Highest: 100 * time.Millisecond,
	}, newLatency(took))
	require.Equal(t, Latency{Count: 1, PerSecond: 1, P50: time.Second, P99: time.Second, Highest: time.Second}, newLatency([]time.Duration{time.Second}))
}

func TestAddAddsEveryWord(t *testing.T) {
	require.EqualValues(t, 1+2+3+4+5+6+7+8+9+10+11+12+13+14+15+16, add([]uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}))
}

func TestRssAnonIsRead(t *testing.T) {
	for _, c := range []struct {
		status string
		want   int64
		fails  bool
	}{
		{status: "VmHWM:\t  100 kB\nRssAnon:\t    2 kB\nRssFile:\t 50 kB\n", want: 2048},
		{status: "VmHWM:\t  100 kB\n", fails: true},
		{status: "RssAnon:\t 2 MB\n", fails: true},
		{status: "RssAnon:\t x kB\n", fails: true},
		{status: "", fails: true},
	} {
		got, err := parseRssAnon([]byte(c.status))
		if c.fails {
			require.Error(t, err, c.status)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, c.want, got)
	}
}

// TestMemoryWatchSeesWhatWasAllocated: the last look is at the end, whatever the
// interval.
func TestMemoryWatchSeesWhatWasAllocated(t *testing.T) {
	debug.FreeOSMemory() // what earlier tests left must not go meanwhile
	w, err := WatchMemory(os.Getpid(), time.Hour)
	require.NoError(t, err)
	const size = 64 << 20 // from the kernel: the heap may have as much to spare
	block, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	require.NoError(t, err)
	for i := 0; i < size; i += 4096 {
		block[i] = 1
	}
	growth := w.Stop()
	require.NoError(t, unix.Munmap(block))
	require.Greater(t, growth, int64(size/2)) // the rest may shrink meanwhile
}

func TestMemoryOfAProcessThatIsNotThere(t *testing.T) {
	_, err := WatchMemory(-1, time.Hour)
	require.Error(t, err)
}
