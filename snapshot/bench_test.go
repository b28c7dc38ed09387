package snapshot

import (
	"context"
	"crypto/sha256"
	"flag"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/internal/machine"
	"github.com/tidemark-db/tidemark/internal/machine/machinetest"
	"github.com/tidemark-db/tidemark/internal/writeback"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/snapshot/archive"
	"github.com/tidemark-db/tidemark/snapshot/blob/local"
)

// benchPoints of 128 dimensions are a segment of about 115 MB.
const benchPoints = 200_000

var benchSegments = flag.Int("segments", 1, "segments of the state that BenchmarkSnapshot copies, 115 MB each")

var benchSchema = segments.Schema{{
	Key: segments.VectorKey{Position: 1}, Kind: segments.Dense, Size: 128, Datatype: segments.Float32, Distance: segments.Dot,
}}

// benchFrozen is a state whose one segment is on disk.
type benchFrozen struct {
	fakeFrozen
	m   *segments.Manifest
	dir string
}

func (f *benchFrozen) Encode(context.Context, string) (*segments.Manifest, error) { return f.m, nil }
func (f *benchFrozen) Release()                                                   {}

func (f *benchFrozen) Open(name string) (tidemark.FrozenFile, error) {
	path := filepath.Join(f.dir, name)
	if filepath.Ext(name) != segments.SegmentSuffix {
		file, err := os.Open(path)
		return tidemark.FrozenFile{ReadCloser: file}, err
	}
	s, err := segments.OpenSegment(fsx.OS, path)
	if err != nil {
		return tidemark.FrozenFile{}, err
	}
	return tidemark.FrozenFile{ReadCloser: &benchContent{s.Content(), s}, Checked: true}, nil
}

// benchContent is the content of a segment that is held by nobody else.
type benchContent struct {
	io.Reader
	segment *segments.Segment
}

func (c *benchContent) Close() error {
	c.segment.Release()
	return nil
}

func (f *benchFrozen) State() State {
	return State{f.m.Collection, f.m.Lineage, f.m.Through, f.m.Digest}
}

type benchEngine struct {
	*fakeEngine
	frozen *benchFrozen
}

func (e *benchEngine) Freeze(context.Context, string) (Frozen, error) { return e.frozen, nil }

// benchState writes the files of a state into dir.
func benchState(b *testing.B, dir string) *segments.Manifest {
	m := &segments.Manifest{Generation: generation, Collection: "c", Config: []byte("{}"), Through: 2, EventTime: eventTime}
	m.Sums.Vectors = []segments.VectorSum{{Key: benchSchema[0].Key}}
	for n := range *benchSegments {
		v := benchView(b, n*benchPoints)
		info, err := segments.WriteSegment(context.Background(), fsx.OS, dir, uint64(n+1), benchSchema, segments.NoDurable().Pending(v))
		require.NoError(b, err)
		m.Segments = append(m.Segments, segments.SegmentEntry{FileInfo: info.FileInfo, Rows: info.Rows, Live: info.Sums})
		m.Count += v.Count()
		m.Sums.Points = m.Sums.Points.Add(info.Sums.Points)
		m.Sums.Vectors[0].Sum = m.Sums.Vectors[0].Sum.Add(info.Sums.Vectors[0].Sum)
	}
	slices.SortFunc(m.Segments, func(a, b segments.SegmentEntry) int { return strings.Compare(a.Name, b.Name) })
	m.Digest = m.Sums.Digest()
	return m
}

// benchView returns points with ids from first on.
func benchView(b *testing.B, first int) *segments.View {
	s := newStateBuilder(b)
	s.state = segments.NewState()
	s.state.AddVectors(benchSchema[0])
	vector := make([]float32, 128)
	for id := first; id < first+benchPoints; id++ {
		p := s.point(segments.NumberID(uint64(id)), 2)
		for i := range vector {
			vector[i] = float32(id*31+i*17) / 1000
		}
		data, err := segments.EncodeDense(segments.Float32, vector)
		require.NoError(b, err)
		p.Vectors[0].Data = data
		s.state.Apply(2, []segments.Change{{ID: p.ID, New: p}})
	}
	s.state.Seal(2)
	return s.view(2)
}

// BenchmarkSnapshot takes, verifies and restores a snapshot. Each time a bare
// loop that reads, hashes, writes and syncs the same bytes goes before it;
// "of-loop" is the rate of the operation by that of the loop, "work-of-loop" the
// processor time that it takes by that of the loop: on a machine that has other
// work, and nothing to spare, one is about the inverse of the other. "anon-MB" is
// how far the anonymous memory of the process rose above what it was before. The
// page cache is warm as far as memory holds all that is read and written, but for
// the archive, which the first to read it takes from the disk.
func BenchmarkSnapshot(b *testing.B) {
	machinetest.Report(b)
	dir := b.TempDir()
	m := benchState(b, dir)
	engine := &benchEngine{fakeEngine: &fakeEngine{dir: b.TempDir(), collections: map[string]fakeCollection{}}, frozen: &benchFrozen{m: m, dir: dir}}
	engine.set("c", fakeCollection{})
	snapshots := b.TempDir()
	store, err := local.Open(local.Options{Dir: snapshots})
	require.NoError(b, err)
	staging, err := store.WorkDir()
	require.NoError(b, err)
	manager, err := NewManager(Options{Engine: engine, Store: store, Version: "1.2.3", Staging: staging, Dir: snapshots})
	require.NoError(b, err)
	defer func() { manager.Close(context.Background()); require.NoError(b, store.Close()) }()

	loop := func() (copies []string) {
		for _, s := range m.Segments {
			copies = append(copies, filepath.Join(dir, "copy-"+s.Name))
			bareLoop(b, filepath.Join(dir, s.Name), copies[len(copies)-1])
		}
		return copies
	}
	var last, before string
	b.Run("create", func(b *testing.B) {
		besideLoop(b, m, loop, func() {
			m.Through++ // another state: nothing is reused
			info, err := manager.Create(context.Background(), "c", CreateOptions{})
			require.NoError(b, err)
			last, before = info.Name, last
		}, func() {
			if before != "" {
				require.NoError(b, manager.Delete(context.Background(), "c", before))
			}
		})
	})
	path := filepath.Join(snapshots, "c", last)
	b.Run("verify bytes", func(b *testing.B) {
		besideLoop(b, m, loop, func() {
			f, err := os.Open(path)
			require.NoError(b, err)
			_, err = archive.Verify(context.Background(), f)
			require.NoError(b, err)
			require.NoError(b, f.Close())
		}, func() {})
	})
	b.Run("restore", func(b *testing.B) {
		besideLoop(b, m, loop, func() {
			require.NoError(b, manager.Restore(context.Background(), "new", Source{Location: fileURL(path)}))
		}, func() { engine.collections = map[string]fakeCollection{"c": {}} })
	})
}

// besideLoop runs an operation and the bare loop in turns and reports both. What
// either leaves is tidied up in nobody's time.
func besideLoop(b *testing.B, m *segments.Manifest, loop func() []string, operation, tidy func()) {
	size := int64(0)
	for _, s := range m.Segments {
		size += s.Size
	}
	b.SetBytes(size)
	var bare, bareWork, work time.Duration
	growth := watchMemory(b)
	for b.Loop() {
		b.StopTimer()
		began, before := time.Now(), processorTime(b)
		copies := loop()
		bare += time.Since(began)
		bareWork += processorTime(b) - before
		for _, name := range copies {
			require.NoError(b, os.Remove(name))
		}
		before = processorTime(b)
		b.StartTimer()
		operation()
		b.StopTimer()
		work += processorTime(b) - before
		tidy()
		b.StartTimer()
	}
	b.ReportMetric(float64(size)*float64(b.N)/bare.Seconds()/1e6, "loop-MB/s")
	b.ReportMetric(bare.Seconds()/b.Elapsed().Seconds(), "of-loop")
	b.ReportMetric(work.Seconds()/bareWork.Seconds(), "work-of-loop")
	b.ReportMetric(float64(growth())/1e6, "anon-MB")
}

// processorTime returns the time that the process has had on all processors.
func processorTime(b *testing.B) time.Duration {
	var usage unix.Rusage
	require.NoError(b, unix.Getrusage(unix.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// watchMemory follows the memory of this process, from which what is only
// garbage is taken first, until the function that it returns is called for the
// growth of what is resident and anonymous.
func watchMemory(b *testing.B) (growth func() int64) {
	debug.FreeOSMemory()
	w, err := machine.WatchMemory(os.Getpid(), 2*time.Millisecond)
	require.NoError(b, err)
	return w.Stop
}

// bareLoop does what the disk and the hash need at least.
func bareLoop(b *testing.B, from, to string) {
	in, err := os.Open(from)
	require.NoError(b, err)
	out, err := fsx.OS.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	require.NoError(b, err)
	hash, buffer := sha256.New(), make([]byte, 256<<10)
	w := writeback.NewWriter(out)
	for {
		n, err := in.Read(buffer)
		hash.Write(buffer[:n])
		_, werr := w.Write(buffer[:n])
		require.NoError(b, werr)
		if err == io.EOF {
			break
		}
		require.NoError(b, err)
	}
	require.NoError(b, out.Sync())
	require.NoError(b, out.Close())
	require.NoError(b, in.Close())
}
