package machine

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// DefaultDuration is how long Measure takes unless it is told otherwise.
const DefaultDuration = 2 * time.Second

// Figures are what a machine can do, one thing at a time and one thread each.
// MB is 10^6 bytes.
type Figures struct {
	// Sync is one small write to a file whose room is set aside, and its
	// fdatasync: what a log pays for each group of writes.
	Sync Latency
	// Write is writing through the page cache with one fdatasync at the end, Hash
	// sha256, FileRead reading a file that is in the page cache, Memory adding up
	// what lies in memory; all in MB/s.
	Write, Hash, FileRead, Memory float64
	// Load is the load average of the last minute before the measurement, 0 if
	// it is not known.
	Load float64
}

// String returns the figures in one line.
func (f Figures) String() string {
	return fmt.Sprintf("fdatasync %.0f/s (p50 %v, p99 %v, highest %v), write and fdatasync %.0f MB/s, sha256 %.0f MB/s, read from the page cache %.0f MB/s, from memory %.0f MB/s, load %.1f",
		f.Sync.PerSecond, f.Sync.P50, f.Sync.P99, f.Sync.Highest, f.Write, f.Hash, f.FileRead, f.Memory, f.Load)
}

// Options say where and how long Measure measures.
type Options struct {
	// Dir is the directory whose disk is measured. It must exist; what is written
	// there, at most fileBytes, is removed again.
	Dir string
	// Duration is about how long all measurements take together; default
	// DefaultDuration. On a slow disk they take longer, since each does at least
	// one step.
	Duration time.Duration
}

const (
	fileBytes  = 128 << 20 // of the file that is written and read
	chunkBytes = 1 << 20   // of one read or write
	// memoryBytes is more than processors cache.
	memoryBytes = 64 << 20
)

// Measure measures one thing after the other.
func Measure(ctx context.Context, o Options) (f Figures, err error) {
	if o.Duration <= 0 {
		o.Duration = DefaultDuration
	}
	part := o.Duration / 5
	f.Load = loadAverage()
	if f.Sync, err = MeasureSync(ctx, o.Dir, part); err != nil {
		return f, err
	}
	if f.Write, f.FileRead, err = MeasureFile(ctx, o.Dir, part); err != nil {
		return f, err
	}
	block := make([]byte, chunkBytes)
	f.Hash, err = rate(ctx, part, func() (int, error) {
		sha256.Sum256(block)
		return len(block), nil
	})
	if err != nil {
		return f, err
	}
	f.Memory, err = measureMemory(ctx, part)
	return f, err
}

// rate repeats a step that reports how many bytes it did, for about d and at
// least once, and returns MB/s.
func rate(ctx context.Context, d time.Duration, step func() (int, error)) (float64, error) {
	began, bytes := time.Now(), 0
	for {
		n, err := step()
		if err != nil {
			return 0, err
		}
		bytes += n
		if took := time.Since(began); took >= d {
			return float64(bytes) / 1e6 / took.Seconds(), nil
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
	}
}

// MeasureFile returns the MB/s at which a file in dir is written until it is durable,
// and at which it is read while it is in the page cache, each measured for about d.
func MeasureFile(ctx context.Context, dir string, d time.Duration) (write, read float64, err error) {
	f, err := os.CreateTemp(dir, ".measure-")
	if err != nil {
		return 0, 0, fmt.Errorf("measure the disk: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	size, write, err := measureWrite(ctx, f, d)
	if err != nil {
		return 0, 0, fmt.Errorf("measure writing: %w", err)
	}
	block, at := make([]byte, chunkBytes), int64(0)
	read, err = rate(ctx, d, func() (int, error) {
		n, err := f.ReadAt(block, at)
		at = (at + chunkBytes) % size
		return n, err
	})
	if err != nil {
		return 0, 0, fmt.Errorf("measure reading: %w", err)
	}
	return write, read, nil
}

// measureWrite fills f for about d, without what the sync takes then, and returns
// its size.
func measureWrite(ctx context.Context, f *os.File, d time.Duration) (size int64, mbs float64, err error) {
	block := make([]byte, chunkBytes)
	for i := range block {
		block[i] = byte(i * 2654435761 >> 8) // no disk should find it easy
	}
	began := time.Now()
	for size < fileBytes && (size == 0 || time.Since(began) < d) {
		if err := ctx.Err(); err != nil {
			return 0, 0, err
		}
		if _, err := f.Write(block); err != nil {
			return 0, 0, err
		}
		size += chunkBytes
	}
	if err := syncData(f); err != nil {
		return 0, 0, err
	}
	return size, float64(size) / 1e6 / time.Since(began).Seconds(), nil
}

// measureMemory returns the MB/s at which memory is read.
func measureMemory(ctx context.Context, d time.Duration) (float64, error) {
	words := make([]uint64, memoryBytes/8)
	for i := range words {
		words[i] = uint64(i) // an untouched page is no memory
	}
	var sum uint64
	mbs, err := rate(ctx, d, func() (int, error) {
		sum += add(words)
		return memoryBytes, nil
	})
	if sum == 1 { // never: the compiler must not drop what nobody uses
		return 0, errors.New("the sum is odd")
	}
	return mbs, err
}

// add adds up words, several at a time so that it waits for memory alone.
func add(words []uint64) uint64 {
	var a, b, c, d uint64
	for ; len(words) >= 8; words = words[8:] {
		a += words[0] + words[4]
		b += words[1] + words[5]
		c += words[2] + words[6]
		d += words[3] + words[7]
	}
	return a + b + c + d
}

// loadAverage returns the load of the last minute, 0 if the system does not say.
func loadAverage() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	var load float64
	if _, err := fmt.Fscan(strings.NewReader(string(text)), &load); err != nil {
		return 0
	}
	return load
}
