package segments

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/internal/jsondoc"
)

func someManifest() *Manifest {
	one := Sums{Points: Hash{1, 2}, Vectors: []VectorSum{{VectorKey{1, 0}, Hash{3, 4}}}}
	two := Sums{Points: Hash{0, ^uint64(0)}, Vectors: []VectorSum{{VectorKey{1, 0}, Hash{5, 6}}, {VectorKey{2, 0}, Hash{7, 8}}}}
	sums := Sums{Points: one.Points.Add(two.Points), Vectors: []VectorSum{{VectorKey{1, 0}, Hash{8, 10}}}}
	return &Manifest{
		Generation: 12, Collection: "cities", Lineage: uuid.MustParse("6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
		Config: []byte(`{"a":1}`), Through: 4711, EventTime: time.Date(2026, 11, 24, 10, 0, 0, 5000, time.UTC),
		Digest: sums.Digest(), Sums: sums, Count: 9, Counters: map[string]uint64{"records_since_mark": 7},
		Segments: []SegmentEntry{
			{FileInfo: FileInfo{"11-aaaaaaaaaaaaaaaa.seg", 4096, sha256Hex([]byte("a"))}, Rows: 7, Dead: 3, Live: one},
			{FileInfo: FileInfo{"12-bbbbbbbbbbbbbbbb.seg", 8192, sha256Hex([]byte("b"))}, Rows: 5, Live: two},
		},
		Deletes: &FileInfo{"deletes-12", 100, sha256Hex([]byte("d"))},
	}
}

func TestManifestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	_, err := LoadManifest(fsx.OS, dir)
	require.ErrorIs(t, err, ErrNoManifest)
	older := someManifest()
	older.Generation, older.Through = 9, 5
	require.NoError(t, CommitManifest(fsx.OS, dir, older))
	require.NoError(t, CommitManifest(fsx.OS, dir, someManifest()))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "manifest-99.json.tmp"), nil, 0o600))
	got, err := LoadManifest(fsx.OS, dir)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(someManifest(), got), "12 comes after 9")
	generations, err := ManifestGenerations(fsx.OS, dir)
	require.NoError(t, err)
	require.Equal(t, []uint64{9, 12}, generations)
}

// A damaged newest manifest is an error: the older one is not used instead.
func TestDamagedManifestIsNotReplacedByTheOlder(t *testing.T) {
	dir := t.TempDir()
	older := someManifest()
	older.Generation = 11
	require.NoError(t, CommitManifest(fsx.OS, dir, older))
	require.NoError(t, CommitManifest(fsx.OS, dir, someManifest()))
	path := filepath.Join(dir, ManifestName(12))
	require.NoError(t, os.Truncate(path, 100))
	_, err := LoadManifest(fsx.OS, dir)
	var damaged *DamagedError
	require.ErrorAs(t, err, &damaged)
	require.Equal(t, path, damaged.File)

	b, err := os.ReadFile(filepath.Join(dir, ManifestName(11)))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, b, 0o600))
	_, err = LoadManifest(fsx.OS, dir)
	require.ErrorIs(t, err, ErrDamaged, "a manifest under the name of another generation")
}

func TestEveryFlippedBitOfAManifest(t *testing.T) {
	b, err := someManifest().Encode()
	require.NoError(t, err)
	for bit := range len(b) * 8 {
		b[bit/8] ^= 1 << (bit % 8)
		got, err := DecodeManifest("x", b)
		var newer *jsondoc.NewerFormatError
		if err == nil {
			// A bit of the envelope may change what does not count, as a space.
			require.Empty(t, cmp.Diff(someManifest(), got), "bit %d of byte %d", bit%8, bit/8)
		} else if !errors.Is(err, ErrDamaged) && !errors.As(err, &newer) {
			t.Fatal(err)
		}
		b[bit/8] ^= 1 << (bit % 8)
	}
}

func TestManifestThatDisagreesWithItselfIsRefused(t *testing.T) {
	for name, change := range map[string]func(*Manifest){
		"count":               func(m *Manifest) { m.Count++ },
		"sum of rows":         func(m *Manifest) { m.Sums.Points.Lo++; m.Digest = m.Sums.Digest() },
		"sum of vectors":      func(m *Manifest) { m.Segments[0].Live.Vectors[0].Sum.Hi++ },
		"digest":              func(m *Manifest) { m.Digest[3]++ },
		"order of segments":   func(m *Manifest) { m.Segments[0], m.Segments[1] = m.Segments[1], m.Segments[0] },
		"segment twice":       func(m *Manifest) { m.Segments[1].Name = m.Segments[0].Name },
		"segment elsewhere":   func(m *Manifest) { m.Segments[0].Name = "../11-aaaaaaaaaaaaaaaa.seg" },
		"deletes elsewhere":   func(m *Manifest) { m.Deletes.Name = "../deletes-12" },
		"dead without a file": func(m *Manifest) { m.Deletes = nil },
		"more dead than rows": func(m *Manifest) { m.Segments[0].Dead, m.Count = 8, 4 },
	} {
		t.Run(name, func(t *testing.T) {
			m := someManifest()
			change(m)
			dir := t.TempDir()
			require.Error(t, CommitManifest(fsx.OS, dir, m))
			left, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Empty(t, left)
			b, err := m.Encode()
			require.NoError(t, err)
			_, err = DecodeManifest("x", b)
			require.ErrorIs(t, err, ErrDamaged)
		})
	}
}

func TestNewerManifestIsRefused(t *testing.T) {
	b, err := jsondoc.Encode(manifestFormat+1, someManifest())
	require.NoError(t, err)
	_, err = DecodeManifest("manifest-1.json", b)
	var newer *jsondoc.NewerFormatError
	require.ErrorAs(t, err, &newer)
	require.ErrorContains(t, err, "manifest-1.json")
}

func TestManifestNames(t *testing.T) {
	g, ok := ParseManifestName(ManifestName(7))
	require.True(t, ok)
	require.Equal(t, uint64(7), g)
	for _, name := range []string{"manifest-.json", "manifest-07.json", "manifest-+7.json", "manifest-7.json.tmp", "manifest-7", "7.json", "manifest-99999999999999999999.json"} {
		_, ok := ParseManifestName(name)
		require.False(t, ok, name)
	}
}

// Nothing is lost if a file that the manifest names is not what it says.
func TestOpenDurableComparesFilesWithTheManifest(t *testing.T) {
	c := newTestCollection(t, t.TempDir())
	c.write([]int{1, 2, 3, 4}, nil)
	c.beginCheckpoint()
	c.commitCheckpoint()
	c.replace(10, false)
	c.write(nil, []int{2})
	c.beginCheckpoint()
	c.commitCheckpoint()
	m := *c.manifest
	c.close()
	require.Len(t, m.Segments, 1)
	require.NotNil(t, m.Deletes)
	for name, change := range map[string]func(*Manifest){
		"size":          func(m *Manifest) { m.Segments[0].Size++ },
		"rows":          func(m *Manifest) { m.Segments[0].Rows++ },
		"dead":          func(m *Manifest) { m.Segments[0].Dead++ },
		"no deletes":    func(m *Manifest) { m.Deletes = nil },
		"other deletes": func(m *Manifest) { m.Deletes = &FileInfo{Name: m.Deletes.Name, Size: 1} },
	} {
		t.Run(name, func(t *testing.T) {
			bad := m
			bad.Segments = append([]SegmentEntry(nil), m.Segments...)
			change(&bad)
			_, err := OpenDurable(fsx.OS, c.dir, &bad)
			require.ErrorIs(t, err, ErrDamaged)
		})
	}
	require.NoError(t, os.Remove(filepath.Join(c.dir, SegmentsDir, m.Segments[0].Name)))
	_, err := OpenDurable(fsx.OS, c.dir, &m)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func FuzzDecodeManifest(f *testing.F) {
	b, err := someManifest().Encode()
	require.NoError(f, err)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := DecodeManifest("x", b)
		if err != nil {
			return
		}
		again, err := m.Encode()
		require.NoError(t, err)
		back, err := DecodeManifest("x", again)
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(m, back))
	})
}
