package walcrash

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/tidemark-db/tidemark/wal/local"
)

const (
	writers      = 8
	largeRecord  = 200 << 10
	segmentBytes = 2 << 20
)

// record returns the payload with this number, of a length between a few bytes
// and largeRecord; everything in it follows from the number.
func record(serial uint64) []byte {
	r := rand.New(rand.NewPCG(serial, 1))
	n := 8 + r.IntN(300)
	if r.IntN(8) == 0 {
		n += r.IntN(largeRecord)
	}
	b := binary.LittleEndian.AppendUint64(make([]byte, 0, n+8), serial)
	for len(b) < n {
		b = binary.LittleEndian.AppendUint64(b, r.Uint64())
	}
	return b[:n]
}

// writeUntilKilled is the process that is killed. It appends numbered records
// and prints number and position of each that was acknowledged.
func writeUntilKilled(dir, first string) error {
	from, err := strconv.ParseUint(first, 10, 64)
	if err != nil {
		return err
	}
	log, _, err := local.Open(dir, local.Options{SegmentBytes: segmentBytes})
	if err != nil {
		return err
	}
	var serial atomic.Uint64
	serial.Store(from)
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for {
				n := serial.Add(1)
				p, err := log.Enqueue(context.Background(), record(n))
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				at, err := p.Wait(context.Background())
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				fmt.Fprintf(os.Stdout, "%d %d\n", n, at) // one write, shorter than a pipe's atomic size
			}
		})
	}
	all.Wait()
	return nil
}
