package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Latency is how long each of many equal operations took.
type Latency struct {
	Count             int
	PerSecond         float64
	P50, P99, Highest time.Duration
}

// newLatency sums up durations, at least one, and sorts them.
func newLatency(took []time.Duration) Latency {
	var total time.Duration
	for _, d := range took {
		total += d
	}
	slices.Sort(took)
	n := len(took)
	return Latency{
		Count: n, PerSecond: float64(n) / max(total, 1).Seconds(),
		P50: took[n/2], P99: took[n*99/100], Highest: took[n-1],
	}
}

const (
	syncBytes = 4 << 10 // of one synced write
	maxSyncs  = 16 << 10
)

// MeasureSync appends to a file in dir and syncs its data after each small
// write, for about d and at least once. The file's room is set aside where the
// file system can do that.
func MeasureSync(ctx context.Context, dir string, d time.Duration) (l Latency, err error) {
	f, err := os.CreateTemp(dir, ".measure-")
	if err != nil {
		return Latency{}, fmt.Errorf("measure syncs: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	_ = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, maxSyncs*syncBytes) // advice
	block := make([]byte, syncBytes)
	var took []time.Duration
	for began := time.Now(); len(took) == 0 || (len(took) < maxSyncs && time.Since(began) < d); {
		if err := ctx.Err(); err != nil {
			return Latency{}, err
		}
		before := time.Now()
		if _, err := f.Write(block); err != nil {
			return Latency{}, fmt.Errorf("measure syncs: %w", err)
		}
		if err := syncData(f); err != nil {
			return Latency{}, fmt.Errorf("measure syncs: %w", err)
		}
		took = append(took, time.Since(before))
	}
	return newLatency(took), nil
}

func syncData(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }
