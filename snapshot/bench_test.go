package snapshot

import (
	"context"
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/internal/writeback"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/snapshot/archive"
	"github.com/tidemark-db/tidemark/snapshot/blob/local"
)

// benchPoints of 128 dimensions are about 110 MB.
const benchPoints = 200_000

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

func (f *benchFrozen) Open(name string) (io.ReadCloser, error) {
	return os.Open(filepath.Join(f.dir, name))
}

func (f *benchFrozen) State() State {
	return State{f.m.Collection, f.m.Lineage, f.m.Through, f.m.Digest}
}

type benchEngine struct {
	*fakeEngine
	frozen *benchFrozen
}

func (e *benchEngine) Freeze(context.Context, string) (Frozen, error) { return e.frozen, nil }

func benchState(b *testing.B, dir string) *segments.Manifest {
	s := newStateBuilder(b)
	s.state = segments.NewState()
	s.state.AddVector(benchSchema[0])
	vector := make([]float32, 128)
	for first := 0; first < benchPoints; first += 1000 {
		var changes []segments.Change
		for id := first; id < first+1000; id++ {
			p := s.point(segments.NumberID(uint64(id)), 2)
			for i := range vector {
				vector[i] = float32(id*31+i*17) / 1000
			}
			data, err := segments.EncodeDense(segments.Float32, vector)
			require.NoError(b, err)
			p.Vectors[0].Data = data
			changes = append(changes, segments.Change{ID: p.ID, New: p})
		}
		s.state.Apply(2, changes)
	}
	s.state.Seal(2)
	v := s.view(2)
	info, err := segments.WriteSegment(context.Background(), fsx.OS, dir, generation, benchSchema, segments.NoDurable().Pending(v))
	require.NoError(b, err)
	return &segments.Manifest{
		Generation: generation, Collection: "c", Config: []byte("{}"), Through: 2, EventTime: eventTime, Digest: v.Digest(), Sums: v.Sums(), Count: v.Count(),
		Segments: []segments.SegmentEntry{{FileInfo: info.FileInfo, Rows: info.Rows, Live: info.Sums}},
	}
}

// BenchmarkSnapshot compares taking and restoring a snapshot with a bare loop
// that reads, hashes, writes and syncs the same bytes. The page cache is warm.
func BenchmarkSnapshot(b *testing.B) {
	dir := b.TempDir()
	m := benchState(b, dir)
	segment := filepath.Join(dir, m.Segments[0].Name)
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

	b.Run("loop", func(b *testing.B) {
		b.SetBytes(m.Segments[0].Size)
		for b.Loop() {
			bareLoop(b, segment, filepath.Join(b.TempDir(), "copy"))
		}
	})
	var last string
	b.Run("create", func(b *testing.B) {
		b.SetBytes(m.Segments[0].Size)
		for b.Loop() {
			m.Through++ // another state: nothing is reused
			info, err := manager.Create(context.Background(), "c", CreateOptions{})
			require.NoError(b, err)
			if last != "" {
				require.NoError(b, manager.Delete(context.Background(), "c", last))
			}
			last = info.Name
		}
	})
	path := filepath.Join(snapshots, "c", last)
	b.Run("verify bytes", func(b *testing.B) {
		b.SetBytes(m.Segments[0].Size)
		for b.Loop() {
			f, err := os.Open(path)
			require.NoError(b, err)
			_, err = archive.Verify(context.Background(), f)
			require.NoError(b, err)
			require.NoError(b, f.Close())
		}
	})
	b.Run("restore", func(b *testing.B) {
		b.SetBytes(m.Segments[0].Size)
		for b.Loop() {
			require.NoError(b, manager.Restore(context.Background(), "new", Source{Location: fileURL(path)}))
			engine.collections = map[string]fakeCollection{"c": {}}
		}
	})
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
	require.NoError(b, os.Remove(to))
}
