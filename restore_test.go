package tidemark

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/wal"
)

// copied is a snapshot in its simplest form: a manifest and files.
type copied struct {
	manifest *segments.Manifest
	dir      string
}

// takeCopy freezes a collection and copies its files.
func takeCopy(t testing.TB, ctx context.Context, s *Store, name string) (copied, error) {
	f, err := s.Freeze(ctx, name)
	if err != nil {
		return copied{}, err
	}
	defer f.Release()
	return copyFrozen(t, ctx, f)
}

func copyFrozen(t testing.TB, ctx context.Context, f *Frozen) (copied, error) {
	c := copied{dir: t.TempDir()}
	m, err := f.Encode(ctx, t.TempDir())
	if err != nil {
		return copied{}, err
	}
	c.manifest = m
	if err := os.Mkdir(filepath.Join(c.dir, segments.SegmentsDir), 0o750); err != nil {
		return copied{}, err
	}
	for _, seg := range m.Segments {
		if err := copyFile(f, seg.Name, filepath.Join(c.dir, segments.SegmentsDir, seg.Name)); err != nil {
			return copied{}, err
		}
	}
	if m.Deletes != nil {
		if err := copyFile(f, m.Deletes.Name, filepath.Join(c.dir, m.Deletes.Name)); err != nil {
			return copied{}, err
		}
	}
	return c, nil
}

func copyFile(f *Frozen, name, to string) error {
	r, err := f.Open(name)
	if err != nil {
		return err
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o600)
}

// restoreCopy puts a copy into the place of a collection.
func restoreCopy(ctx context.Context, s *Store, name string, c copied) error {
	in, err := s.Receive(ctx, name, 0)
	if err != nil {
		return err
	}
	defer func() { _ = in.Discard() }()
	if err := in.Check(c.manifest); err != nil {
		return err
	}
	if err := unpackCopy(s.options.FS, in.Dir(), c); err != nil {
		return err
	}
	if err := segments.CommitManifest(s.options.FS, in.Dir(), c.manifest); err != nil {
		return err
	}
	return in.Install(ctx, c.manifest)
}

// unpackCopy makes the files of a copy durable below dir.
func unpackCopy(fsys fsx.FS, dir string, c copied) error {
	if err := fsx.MkdirAll(fsys, filepath.Join(dir, segments.SegmentsDir), 0o750); err != nil {
		return err
	}
	return filepath.WalkDir(c.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(c.dir, path)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return fsx.WriteAtomic(fsys, filepath.Join(dir, name), data)
	})
}

func TestRestoreBringsBackTheFrozenState(t *testing.T) {
	s, c, _ := newTestCollection(t)
	for i := range uint64(20) {
		mustWrite(t, c, upsert(PointInput{ID: num(i), Payload: object(t, "i", int(i)), Vectors: []NamedVector{dense("", float32(i), 1)}}))
		if i == 10 {
			require.NoError(t, checkpointNow(testContext(t), c))
			mustWrite(t, c, &Delete{Selector: Selector{IDs: []segments.PointID{num(3)}}})
		}
	}
	f, err := s.Freeze(testContext(t), "c")
	require.NoError(t, err)
	defer f.Release()
	before := mustView(t, c)
	// What comes later is not in it, even if it is encoded only then.
	last := mustWrite(t, c, upsert(PointInput{ID: num(1)}, PointInput{ID: num(100)}))[0].Position
	require.NoError(t, checkpointNow(testContext(t), c))
	snap, err := copyFrozen(t, testContext(t), f)
	require.NoError(t, err)
	require.Equal(t, before.Through(), snap.manifest.Through)
	require.Equal(t, before.Digest(), snap.manifest.Digest)

	for _, name := range []string{"c", "other"} {
		require.NoError(t, restoreCopy(testContext(t), s, name, snap))
		restored, err := s.Collection(name)
		require.NoError(t, err)
		v := mustView(t, restored)
		require.Equal(t, before.Digest(), v.Digest())
		require.Equal(t, before.Count(), v.Count())
		require.Equal(t, mustGet(t, before, num(1)), mustGet(t, v, num(1)))
		require.Nil(t, mustGet(t, v, num(3)))
		if name == "c" {
			require.Greater(t, v.Through(), last, "positions never go back")
			next := mustWrite(t, c, upsert(PointInput{ID: num(200)}))[0].Position
			require.Greater(t, next, v.Through(), "who holds the old handle writes to the new collection")
		}
	}
	require.NoError(t, s.Close(testContext(t)))
}

func TestRestoreRefusesOtherVectors(t *testing.T) {
	s, c, _ := newTestCollection(t)
	mustWrite(t, c, upsert(PointInput{ID: num(1)}))
	snap, err := takeCopy(t, testContext(t), s, "c")
	require.NoError(t, err)
	require.NoError(t, s.Create(testContext(t), "d", CreateSpec{Vectors: testSchema()[:1]}))
	err = restoreCopy(testContext(t), s, "d", snap)
	require.Equal(t, BadInput, KindOf(err))
	require.ErrorContains(t, err, "Snapshot is not compatible with existing collection: Collection vectors: ")
	d, err := s.Collection("d")
	require.NoError(t, err)
	mustWrite(t, d, upsert(PointInput{ID: num(1)}))
}

// TestRestoreExpectsWhatItSaw prevents a restore that brings back a collection
// which was dropped meanwhile, or replaces one that was created again.
func TestRestoreExpectsWhatItSaw(t *testing.T) {
	for _, tc := range []struct {
		name      string
		meanwhile func(*Store) error
		left      []string
	}{
		{"dropped", func(s *Store) error { _, err := s.Drop(context.Background(), "c"); return err }, []string{}},
		{"created again", func(s *Store) error {
			if _, err := s.Drop(context.Background(), "c"); err != nil {
				return err
			}
			return s.Create(context.Background(), "c", CreateSpec{})
		}, []string{"c"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, _, _ := newTestCollection(t)
			snap, err := takeCopy(t, testContext(t), s, "c")
			require.NoError(t, err)
			in, err := s.Receive(testContext(t), "c", 0)
			require.NoError(t, err)
			require.NoError(t, tc.meanwhile(s))
			require.ErrorIs(t, in.Install(testContext(t), snap.manifest), errChanged)
			require.NoError(t, in.Discard())
			require.Equal(t, tc.left, append([]string{}, s.Names()...))
			entries, err := os.ReadDir(filepath.Join(s.options.Dir, collectionsDir))
			require.NoError(t, err)
			require.Len(t, entries, len(tc.left), "no directory is left over")
		})
	}
}

// TestWritesRaceWithRestores lets writers go on while their collection is
// replaced again and again. Every write is answered; one that was answered after
// a restore began to be visible is in the restored collection.
func TestWritesRaceWithRestores(t *testing.T) {
	s, c, _ := newTestCollection(t)
	mustWrite(t, c, upsert(PointInput{ID: num(1 << 40)}))
	snap, err := takeCopy(t, testContext(t), s, "c")
	require.NoError(t, err)
	stop := make(chan struct{})
	var group sync.WaitGroup
	for w := range uint64(4) {
		group.Go(func() {
			var last uint64
			for i := uint64(0); ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				results, err := c.Write(t.Context(), []Operation{upsert(PointInput{ID: num(w<<20 + i)})}, WriteOptions{Wait: i%2 == 0})
				if err != nil {
					t.Errorf("write: %v", err)
					return
				}
				p := uint64(results[0].Position)
				if p <= last {
					t.Errorf("position %d came after %d", p, last)
					return
				}
				last = p
			}
		})
	}
	for range 20 {
		require.NoError(t, restoreCopy(testContext(t), s, "c", snap))
	}
	close(stop)
	group.Wait()
	now, err := s.Collection("c")
	require.NoError(t, err)
	mustWrite(t, now, upsert(PointInput{ID: num(77)}))
	require.NotNil(t, mustGet(t, mustView(t, now), num(77)))
	require.NotNil(t, mustGet(t, mustView(t, now), num(1<<40)))
}

// TestDamageStopsBeforeTheRecord: a record that cannot be applied, because the
// row that it patches is damaged, is never skipped. The collection serves what it
// has, names the file, and can be restored.
func TestDamageStopsBeforeTheRecord(t *testing.T) {
	dir := t.TempDir()
	s, err := openOnFiles(t, dir, fsx.OS)
	require.NoError(t, err)
	defer func() { _ = s.Close(context.Background()) }()
	require.NoError(t, s.Create(testContext(t), "c", CreateSpec{}))
	c, err := s.Collection("c")
	require.NoError(t, err)
	for i := range uint64(50) {
		mustWrite(t, c, upsert(PointInput{ID: num(i), Payload: object(t, "text", "some text")}))
	}
	snap, err := takeCopy(t, testContext(t), s, "c")
	require.NoError(t, err)
	require.NoError(t, checkpointNow(testContext(t), c))
	damageSegment(t, c)

	patch := &SetPayload{Selector: Selector{IDs: []segments.PointID{num(7)}}, Payload: object(t, "a", 1)}
	_, err = c.Write(testContext(t), []Operation{patch}, WriteOptions{Wait: true})
	require.Equal(t, Unavailable, KindOf(err))
	require.ErrorIs(t, err, segments.ErrDamaged)
	require.ErrorIs(t, err, wal.ErrOutcomeUnknown)
	require.ErrorContains(t, err, "the write is durable at position")
	require.Equal(t, 50, mustView(t, c).Count(), "what was acknowledged is still counted")
	_, err = c.Write(testContext(t), []Operation{upsert(PointInput{ID: num(1000)})}, WriteOptions{})
	require.Equal(t, Unavailable, KindOf(err), "nothing is acknowledged that cannot be applied")
	require.Equal(t, 50, mustView(t, c).Count())

	require.NoError(t, restoreCopy(testContext(t), s, "c", snap))
	restored, err := s.Collection("c")
	require.NoError(t, err)
	mustWrite(t, restored, patch)
	require.Equal(t, 50, mustView(t, restored).Count())
}

// TestRotIsNotWrittenAnew: bytes rot after their block was verified. A patch that
// would copy them into a new row, with a hash that vouches for them, stops.
func TestRotIsNotWrittenAnew(t *testing.T) {
	for name, rotten := range map[string]func(*segments.Point) []byte{
		"a vector": func(p *segments.Point) []byte { return p.Vectors[0].Data },
		"what the row's hash covers, or the hash": func(p *segments.Point) []byte {
			h := segments.HashPoint(p.ID, p.Version, p.Payload)
			return binary.BigEndian.AppendUint64(nil, h.Hi)
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, c, _ := newTestCollection(t)
			mustWrite(t, c, upsert(PointInput{ID: num(1), Vectors: []NamedVector{dense("", 1.5, 2.25)}}))
			require.NoError(t, checkpointNow(testContext(t), c))
			v := mustView(t, c)
			row, _, err := v.Get(num(1))
			require.NoError(t, err)
			p, err := proven(row, v.Config.Schema) // touches all that is looked at later
			require.NoError(t, err)
			path := v.Segments()[0].Path()
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			at := bytes.Index(content, rotten(p))
			require.Positive(t, at)
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			require.NoError(t, err)
			defer f.Close()
			_, err = f.WriteAt([]byte{content[at] ^ 1}, int64(at))
			require.NoError(t, err)
			patch := &SetPayload{Selector: Selector{IDs: []segments.PointID{num(1)}}, Payload: object(t, "a", 1)}
			_, err = c.Write(testContext(t), []Operation{patch}, WriteOptions{Wait: true})
			require.ErrorIs(t, err, segments.ErrDamaged)
		})
	}
}

// TestRestoreIsTheWayOutOfAPoisonedLog: nobody can ask such a log for its last
// position, and still the restored collection goes on above it.
func TestRestoreIsTheWayOutOfAPoisonedLog(t *testing.T) {
	s, c, logs := newTestCollection(t)
	last := mustWrite(t, c, upsert(PointInput{ID: num(1)}))[0].Position
	snap, err := takeCopy(t, testContext(t), s, "c")
	require.NoError(t, err)
	logs.only(t).Poison()
	_, err = c.Write(testContext(t), []Operation{upsert(PointInput{ID: num(2)})}, WriteOptions{})
	require.Equal(t, Unavailable, KindOf(err))
	require.NoError(t, restoreCopy(testContext(t), s, "c", snap))
	next := mustWrite(t, c, upsert(PointInput{ID: num(2)}))[0].Position
	require.Greater(t, next, last+unknownLast, "as many may have been given out without an answer")
	require.Equal(t, 2, mustView(t, c).Count())
}

// damageSegment changes every 64th byte of the rows of the only segment.
func damageSegment(t *testing.T, c *Collection) {
	names, err := filepath.Glob(filepath.Join(c.dir, segments.SegmentsDir, "*"+segments.SegmentSuffix))
	require.NoError(t, err)
	require.Len(t, names, 1)
	f, err := os.OpenFile(names[0], os.O_RDWR, 0)
	require.NoError(t, err)
	defer f.Close()
	b := make([]byte, 1)
	for off := int64(64); off < 1024; off += 64 {
		_, err := f.ReadAt(b, off)
		require.NoError(t, err)
		b[0] ^= 0xff
		_, err = f.WriteAt(b, off)
		require.NoError(t, err)
	}
}

// TestUnfinishedRestoreGoesAwayOnAFullDisk lets nothing be made where what is
// removed is usually moved to: that must not keep it.
func TestUnfinishedRestoreGoesAwayOnAFullDisk(t *testing.T) {
	faults := fsx.NewFaults(fsx.OS)
	s, err := openOnFiles(t, t.TempDir(), faults)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close(testContext(t))) }()
	in, err := s.Receive(t.Context(), "c", 0)
	require.NoError(t, err)
	require.DirExists(t, in.Dir())
	faults.Inject(fsx.Rule{Kinds: []fsx.Kind{fsx.KindMkdir, fsx.KindCreate}, Err: syscall.ENOSPC})
	err = in.Discard()
	faults.Clear()
	require.NoError(t, err)
	require.NoDirExists(t, in.Dir())
}
