package snapshot

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/snapshot/blob/local"
	"github.com/tidemark-db/tidemark/wal"
	wallocal "github.com/tidemark-db/tidemark/wal/local"
)

// server is a store on files with a Manager before it.
type server struct {
	t       *testing.T
	dir     string
	store   *tidemark.Store
	blobs   *local.Store
	manager *Manager
}

// startServer opens what is below dir. Heads are small, so that there are
// checkpoints and merges.
func startServer(t *testing.T, dir string) *server {
	t.Helper()
	s := &server{t: t, dir: dir}
	var err error
	s.store, err = tidemark.Open(context.Background(), tidemark.Options{
		Dir: filepath.Join(dir, "storage"), HeadBytes: 64 << 10,
		OpenLog: func(o tidemark.LogOptions) (wal.Log, error) {
			l, _, err := wallocal.Open(o.Dir, wallocal.Options{Base: o.Base, From: o.From, AtLeast: o.AtLeast})
			if err != nil {
				return nil, err
			}
			return l, nil
		},
	})
	require.NoError(t, err)
	require.Eventually(t, s.store.Ready, time.Minute, time.Millisecond)
	s.blobs, err = local.Open(local.Options{Dir: filepath.Join(dir, "snapshots")})
	require.NoError(t, err)
	staging, err := s.blobs.WorkDir()
	require.NoError(t, err)
	s.manager, err = NewManager(Options{
		Engine: OfStore(s.store), Store: s.blobs, Version: "1.2.3", Staging: staging, Dir: filepath.Join(dir, "snapshots"),
	})
	require.NoError(t, err)
	return s
}

func (s *server) stop() {
	s.manager.Close(context.Background())
	require.NoError(s.t, s.blobs.Close())
	require.NoError(s.t, s.store.Close(context.Background()))
}

func (s *server) create(name string) {
	s.t.Helper()
	spec := tidemark.CreateSpec{Vectors: []segments.VectorSpec{{Kind: segments.Dense, Size: 4, Datatype: segments.Float32, Distance: segments.Dot}}, Settings: []byte(`{"a":1}`)}
	require.NoError(s.t, s.store.Create(context.Background(), name, spec))
}

func (s *server) collection(name string) *tidemark.Collection {
	s.t.Helper()
	c, err := s.store.Collection(name)
	require.NoError(s.t, err)
	return c
}

// digest returns what proves the content of a collection.
func (s *server) digest(name string) (digest segments.Digest, count int, through wal.Position) {
	s.t.Helper()
	v, err := s.collection(name).View(context.Background())
	require.NoError(s.t, err)
	defer v.Release()
	return v.Digest(), v.Count(), v.Through()
}

func upsert(c *tidemark.Collection, ids ...uint64) (wal.Position, error) {
	return upsertWith(c, true, ids...)
}

// upsertWith waits until the write is applied, or only until it is durable.
func upsertWith(c *tidemark.Collection, wait bool, ids ...uint64) (wal.Position, error) {
	op := &tidemark.Upsert{}
	for _, id := range ids {
		op.Points = append(op.Points, tidemark.PointInput{ID: segments.NumberID(id), Vectors: []tidemark.NamedVector{{
			Vector: tidemark.VectorInput{Kind: segments.Dense, Dense: []float32{float32(id % 1000), 1, 2, rand.Float32()}},
		}}})
	}
	results, err := c.Write(context.Background(), []tidemark.Operation{op}, tidemark.WriteOptions{Wait: wait})
	if err != nil {
		return 0, err
	}
	return results[0].Position, nil
}

func remove(c *tidemark.Collection, ids ...uint64) error {
	op := &tidemark.Delete{}
	for _, id := range ids {
		op.Selector.IDs = append(op.Selector.IDs, segments.NumberID(id))
	}
	_, err := c.Write(context.Background(), []tidemark.Operation{op}, tidemark.WriteOptions{Wait: true})
	return err
}

func (s *server) snapshot(name string) Source {
	s.t.Helper()
	info, err := s.manager.Create(context.Background(), name, CreateOptions{})
	require.NoError(s.t, err)
	return Source{Location: fileURL(filepath.Join(s.dir, "snapshots", name, info.Name)), Checksum: info.SHA256}
}

// TestStoreAndBack loses a collection, brings it back from its snapshot, also
// under another name, writes on, and finds it all after a restart.
func TestStoreAndBack(t *testing.T) {
	s := startServer(t, t.TempDir())
	s.create("c")
	for i := range uint64(40) {
		ids := make([]uint64, 50)
		for j := range ids {
			ids[j] = rand.Uint64N(1000)*10 + i%7
		}
		_, err := upsert(s.collection("c"), ids...)
		require.NoError(t, err)
		require.NoError(t, remove(s.collection("c"), ids[:5]...))
	}
	want, count, through := s.digest("c")
	src := s.snapshot("c")
	report, err := VerifyFile(context.Background(), src.Location.Path, t.TempDir())
	require.NoError(t, err)
	require.EqualValues(t, through, report.Manifest.Position)
	require.Equal(t, want.String(), report.Manifest.Digest)

	last, err := upsert(s.collection("c"), 1, 2, 3)
	require.NoError(t, err)
	dropped, err := s.store.Drop(context.Background(), "c")
	require.NoError(t, err)
	require.True(t, dropped)
	for _, name := range []string{"c", "other", "c"} {
		require.NoError(t, s.manager.Restore(context.Background(), name, src))
		got, gotCount, at := s.digest(name)
		require.Equal(t, want, got)
		require.Equal(t, count, gotCount)
		require.Greater(t, at, through)
	}
	next, err := upsert(s.collection("c"), 4)
	require.NoError(t, err)
	require.Greater(t, next, last)
	want, _, through = s.digest("c")
	s.stop()

	s = startServer(t, s.dir)
	defer s.stop()
	got, _, at := s.digest("c")
	require.Equal(t, want, got)
	require.Equal(t, through, at)
	second := s.snapshot("c")
	require.NoError(t, s.manager.Restore(context.Background(), "third", second))
	got, _, _ = s.digest("third")
	require.Equal(t, want, got)
}

// TestDamageToRealArchives flips bits of an archive with segments and deletes
// and looks at what is served meanwhile.
func TestDamageToRealArchives(t *testing.T) {
	s := startServer(t, t.TempDir())
	defer s.stop()
	s.create("c")
	for i := range uint64(300) {
		_, err := upsert(s.collection("c"), i, i%10)
		require.NoError(t, err)
	}
	src := s.snapshot("c")
	content, err := os.ReadFile(src.Location.Path)
	require.NoError(t, err)
	_, err = upsert(s.collection("c"), 1000)
	require.NoError(t, err)
	want, _, _ := s.digest("c")
	names := s.store.Names()
	for range 50 {
		at := rand.IntN(len(content))
		content[at] ^= 1 << rand.IntN(8)
		bad := Source{Location: fileURL(filepath.Join(s.dir, "snapshots", "bad.snapshot"))}
		require.NoError(t, os.WriteFile(bad.Location.Path, content, 0o640))
		for _, name := range []string{"c", "phantom"} {
			err := s.manager.Restore(context.Background(), name, bad)
			require.Equal(t, tidemark.BadInput, tidemark.KindOf(err), "byte %d: %v", at, err)
		}
		content, err = os.ReadFile(src.Location.Path)
		require.NoError(t, err)
	}
	got, _, _ := s.digest("c")
	require.Equal(t, want, got)
	require.Equal(t, names, s.store.Names())
	entries, err := os.ReadDir(filepath.Join(s.dir, "storage", "collections"))
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing is left of what was refused")
}

// TestSnapshotsHoldPrefixes takes snapshots while writers write numbered points.
// Each snapshot must hold, of every writer, exactly the first points, and at
// least all that were acknowledged before the call.
func TestSnapshotsHoldPrefixes(t *testing.T) {
	s := startServer(t, t.TempDir())
	defer s.stop()
	s.create("c")
	const writers, snapshots = 4, 12
	var acknowledged [writers]atomic.Uint64
	stop := make(chan struct{})
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for n := uint64(0); ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				// The second point is written again and again: it must never go back.
				if _, err := upsertWith(s.collection("c"), n%2 == 0, uint64(w)<<32+n, 1<<60+uint64(w)); err != nil {
					t.Errorf("writer %d: %v", w, err)
					return
				}
				acknowledged[w].Store(n + 1)
			}
		})
	}
	for i := range snapshots {
		var before [writers]uint64
		for w := range writers {
			before[w] = acknowledged[w].Load()
		}
		src := s.snapshot("c")
		probe := fmt.Sprintf("probe%d", i%2)
		require.NoError(t, s.manager.Restore(context.Background(), probe, src))
		s.requirePrefixes(probe, before[:])
	}
	close(stop)
	group.Wait()
}

func (s *server) requirePrefixes(name string, atLeast []uint64) {
	s.t.Helper()
	v, err := s.collection(name).View(context.Background())
	require.NoError(s.t, err)
	defer v.Release()
	next := make([]uint64, len(atLeast))
	last := make([]wal.Position, len(atLeast))
	scan := v.Scan(segments.NumberID(0))
	for scan.Next() {
		row := scan.Row()
		id := row.ID().Number()
		if id >= 1<<60 { // after all others
			w := id - 1<<60
			require.Equal(s.t, last[w], row.Version(), "the newest write of writer %d is torn", w)
			continue
		}
		w, n := id>>32, id&(1<<32-1)
		require.Equal(s.t, next[w], n, "writer %d: a hole", w)
		next[w]++
		last[w] = row.Version()
	}
	require.NoError(s.t, scan.Err())
	for w := range atLeast {
		require.GreaterOrEqual(s.t, next[w], atLeast[w], "writer %d: an acknowledged write is missing", w)
	}
}

// TestSnapshotsRaceWithDrops creates and restores while the collection is dropped
// and made again. Every answer is one of the documented ones, and nothing is left.
func TestSnapshotsRaceWithDrops(t *testing.T) {
	s := startServer(t, t.TempDir())
	defer s.stop()
	s.create("c")
	_, err := upsert(s.collection("c"), 1, 2, 3)
	require.NoError(t, err)
	src := s.snapshot("c")
	allowed := func(err error) {
		switch tidemark.KindOf(err) {
		case tidemark.NotFound, tidemark.AlreadyExists, tidemark.BadRequest, tidemark.Unavailable:
		default:
			if err != nil {
				t.Errorf("unexpected: %v", err)
			}
		}
	}
	var group sync.WaitGroup
	work := func(do func() error) {
		group.Go(func() {
			for range 15 {
				allowed(do())
			}
		})
	}
	ctx := context.Background()
	work(func() error { _, err := s.manager.Create(ctx, "c", CreateOptions{}); return err })
	work(func() error { return s.manager.Restore(ctx, "c", src) })
	work(func() error { _, err := s.store.Drop(ctx, "c"); return err })
	work(func() error {
		c, err := s.store.Collection("c")
		if err == nil {
			_, err = upsert(c, 7)
		}
		return err
	})
	group.Wait()
	require.NoError(t, s.manager.Restore(ctx, "c", src))
	entries, err := os.ReadDir(filepath.Join(s.dir, "storage", "collections"))
	require.NoError(t, err)
	named := 1
	if _, ok := s.store.Previous("c"); ok {
		named++
	}
	require.Len(t, entries, named)
}
