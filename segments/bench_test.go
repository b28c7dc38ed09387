package segments

import (
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/wal"
)

var benchSchema = Schema{{Key: VectorKey{1, 0}, Kind: Dense, Size: 128, Datatype: Float32, Distance: Dot}}

// benchPoint has a vector of 128 float32 and a small payload.
func benchPoint(n int, at wal.Position) *Point {
	data := make([]byte, benchSchema[0].Stride())
	for i := 0; i < len(data); i += 4 {
		binary.LittleEndian.PutUint32(data[i:], uint32(0x3f000000+n*31+i))
	}
	return &Point{ID: NumberID(uint64(n)), Version: at, Payload: testObject(int64(n), 20), Vectors: []Vector{{Key: benchSchema[0].Key, Data: data}}}
}

func benchState(rows int) *State {
	s := newTestState(benchSchema)
	for n := range rows {
		s.Apply(1, []Change{{ID: NumberID(uint64(n)), New: benchPoint(n, 1)}})
	}
	return s
}

// BenchmarkApply locates and replaces points, a hundred at a position, each
// followed by a publication. A head is dropped when it is full, as a checkpoint
// would do.
func BenchmarkApply(b *testing.B) {
	for _, group := range []int{1, 100} {
		b.Run(fmt.Sprintf("points=%d", group), func(b *testing.B) {
			points := make([]*Point, 100_000)
			for n := range points {
				points[n] = benchPoint(n, 1)
			}
			s, at := newTestState(benchSchema), wal.Position(1)
			changes := make([]Change, 0, group)
			b.ReportAllocs()
			b.SetBytes(int64(benchSchema[0].Stride()))
			b.ResetTimer()
			for i := 0; i < b.N; {
				at++
				changes = changes[:0]
				for range group {
					p := points[i%len(points)]
					old, _, err := s.Locate(p.ID)
					require.NoError(b, err)
					changes = append(changes, Change{ID: p.ID, Old: old, New: p})
					i++
				}
				s.Apply(at, changes)
				s.Publish(at).Release()
				if s.Usage().Active > 64<<20 {
					s = newTestState(benchSchema)
				}
			}
		})
	}
}

func BenchmarkPublish(b *testing.B) {
	s := benchState(100_000)
	b.ReportAllocs()
	for b.Loop() {
		s.active().frozen = nil // as after each record
		s.Publish(1).Release()
	}
}

func BenchmarkRetain(b *testing.B) {
	v := benchState(1000).Publish(1)
	b.ReportAllocs()
	for b.Loop() {
		if !v.TryRetain() {
			b.Fatal("released")
		}
		v.Release()
	}
}

// benchSegment writes and opens a segment.
func benchSegment(b *testing.B, rows int) *State {
	v := benchState(rows).Publish(1)
	dir := b.TempDir()
	info, err := WriteSegment(context.Background(), fsx.OS, dir, 1, benchSchema, v.HeadRows())
	require.NoError(b, err)
	s, err := OpenSegment(fsx.OS, filepath.Join(dir, info.Name))
	require.NoError(b, err)
	b.Cleanup(func() { _ = s.Release() })
	return stateOf(benchSchema, s)
}

func BenchmarkGet(b *testing.B) {
	const rows = 200_000
	for name, s := range map[string]*State{"head": benchState(rows), "segment": benchSegment(b, rows)} {
		v := s.Publish(1)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			n := uint64(0)
			for b.Loop() {
				n = (n*25214903917 + 11) % rows
				if _, ok, err := v.Get(NumberID(n)); !ok || err != nil {
					b.Fatal(ok, err)
				}
			}
		})
		b.Run(name+" missing", func(b *testing.B) {
			n := uint64(rows)
			for b.Loop() {
				n++
				if _, ok, err := v.Get(NumberID(n)); ok || err != nil {
					b.Fatal(ok, err)
				}
			}
		})
	}
}

// sink keeps the compiler from leaving out what is measured.
var sink uint64

//go:noinline
func addUp(data []byte) (x uint64) {
	for ; len(data) >= 32; data = data[32:] {
		x += binary.LittleEndian.Uint64(data) + binary.LittleEndian.Uint64(data[8:]) +
			binary.LittleEndian.Uint64(data[16:]) + binary.LittleEndian.Uint64(data[24:])
	}
	return x
}

// BenchmarkDense adds up all numbers of all vectors, eight bytes at a time:
// about as fast as memory can be read by one goroutine. "bare" is the same loop
// over one slice.
func BenchmarkDense(b *testing.B) {
	const rows = 200_000
	size := int64(rows * benchSchema[0].Stride())
	bare := make([]byte, size)
	for i := range bare { // else all pages are the one page of zeros
		bare[i] = byte(i)
	}
	b.Run("bare", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			sink += addUp(bare)
		}
	})
	for name, s := range map[string]*State{"head": benchState(rows), "segment": benchSegment(b, rows)} {
		v := s.Publish(1)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				err := eachDense(v.Parts()[0].Vectors(benchSchema[0].Key), func(block DenseBlock) error {
					sink += addUp(block.Data)
					return nil
				})
				require.NoError(b, err)
			}
		})
	}
}

func BenchmarkWriteSegment(b *testing.B) {
	const rows = 100_000
	v := benchState(rows).Publish(1)
	dir := b.TempDir()
	b.ReportAllocs()
	for b.Loop() {
		info, err := WriteSegment(context.Background(), fsx.OS, dir, 1, benchSchema, v.HeadRows())
		require.NoError(b, err)
		b.SetBytes(info.Size)
	}
}

func BenchmarkMerge(b *testing.B) {
	const rows = 100_000
	s := benchSegment(b, rows)
	v := s.Publish(1)
	dir := b.TempDir()
	b.ReportAllocs()
	for b.Loop() {
		info, err := WriteSegment(context.Background(), fsx.OS, dir, 1, benchSchema, v.SegmentRows(v.Segments()[0].Name()))
		require.NoError(b, err)
		b.SetBytes(info.Size)
	}
}

func BenchmarkScan(b *testing.B) {
	const rows = 200_000
	for name, s := range map[string]*State{"head": benchState(rows), "segment": benchSegment(b, rows)} {
		v := s.Publish(1)
		b.Run(name+" with payload", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				scan, n := v.Scan(PointID{}), 0
				for ; scan.Next(); n++ {
					if _, err := scan.Row().Payload(); err != nil {
						b.Fatal(err)
					}
				}
				if n != rows || scan.Err() != nil {
					b.Fatal(n, scan.Err())
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
		})
	}
}

// BenchmarkVerify reads every row of a state of several ranges and computes all
// hashes, with as many goroutines as there are processors.
func BenchmarkVerify(b *testing.B) {
	const rows = 200_000
	s := benchSegment(b, rows).set.segments[0]
	b.SetBytes(s.Size())
	b.ReportAllocs()
	for b.Loop() {
		_, err := s.verifyRows(context.Background())
		require.NoError(b, err)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
}
