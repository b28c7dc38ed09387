package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// storageSample is an archive of a storage in memory.
type storageSample struct {
	storage Storage
	parts   []*sample
}

func newStorageSample(t require.TestingT, parts ...*sample) *storageSample {
	s := &storageSample{storage: Storage{Format: StorageFormat, Version: "1.2.3"}, parts: parts}
	for _, p := range parts {
		part, err := PartOf(&p.manifest)
		require.NoError(t, err)
		s.storage.Collections = append(s.storage.Collections, part)
	}
	return s
}

// smallStorage has two collections and two aliases.
func smallStorage(t require.TestingT) *storageSample {
	a, b := smallSample(), newSample([]byte("{}"), nil, []byte("segment"))
	a.manifest.Collection, b.manifest.Collection = "a", "wörter"
	a.manifest.Labels, a.manifest.Description = nil, ""
	s := newStorageSample(t, a, b)
	s.storage.Description = "before the \"upgrade\""
	s.storage.Labels = map[string]string{"b": "2", "a": "1"}
	s.storage.Aliases = []Alias{{"live", "a"}, {"\u1f642", "wörter"}}
	slices.SortFunc(s.storage.Aliases, func(a, b Alias) int { return strings.Compare(a.Alias, b.Alias) })
	return s
}

func (s *storageSample) open(i int) (*Manifest, Open) { return &s.parts[i].manifest, s.parts[i].open }

func (s *storageSample) bytes(t require.TestingT) []byte {
	var out bytes.Buffer
	require.NoError(t, WriteStorage(context.Background(), &out, &s.storage, s.open))
	return out.Bytes()
}

// TestStorageGolden fixes the bytes of format 1 for ever.
func TestStorageGolden(t *testing.T) {
	name := filepath.Join("testdata", "storage1.snapshot")
	s := smallStorage(t)
	got := s.bytes(t)
	if *update {
		require.NoError(t, os.WriteFile(name, got, 0o644))
	}
	want, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, want, got)
	size, err := StorageSize(&s.storage)
	require.NoError(t, err)
	require.EqualValues(t, len(want), size)

	storage, err := VerifyStorage(context.Background(), bytes.NewReader(want))
	require.NoError(t, err)
	require.Equal(t, &s.storage, storage)
}

// TestPartsStandAlone takes the archives of the collections out with a tar reader
// that knows nothing of us: each is a snapshot of its collection.
func TestPartsStandAlone(t *testing.T) {
	s := smallStorage(t)
	r := tar.NewReader(bytes.NewReader(s.bytes(t)))
	var names []string
	parts := 0
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		names = append(names, h.Name)
		if strings.HasSuffix(h.Name, ".snapshot") {
			m, err := Verify(context.Background(), r)
			require.NoError(t, err)
			require.Equal(t, &s.parts[parts].manifest, m)
			parts++
		}
	}
	require.Equal(t, []string{StorageName, s.storage.Collections[0].Name(), s.storage.Collections[1].Name(), StorageEndName}, names)
}

// TestEmptyStorage has neither collections nor aliases.
func TestEmptyStorage(t *testing.T) {
	s := newStorageSample(t)
	got, err := VerifyStorage(context.Background(), bytes.NewReader(s.bytes(t)))
	require.NoError(t, err)
	require.Empty(t, got.Collections)
}

// TestBytesOfAStorage flips a bit in every third byte and cuts there. Nothing may
// pass. Within the archives of collections other tests look at every bit.
func TestBytesOfAStorage(t *testing.T) {
	s := newStorageSample(t, newSample([]byte("{}"), nil, []byte("segment")))
	s.storage.Aliases = []Alias{{"x", "wörter"}}
	whole := s.bytes(t)
	for i := 0; i < len(whole); i += 3 {
		_, err := VerifyStorage(context.Background(), bytes.NewReader(whole[:i]))
		var corrupt *CorruptError
		require.ErrorAs(t, err, &corrupt, "cut after %d bytes", i)
		require.EqualValues(t, i, corrupt.Offset, "the place of the cut")
	}
	changed := bytes.Clone(whole)
	for i := 0; i < len(whole); i += 3 {
		changed[i] ^= 1 << (i % 8)
		_, err := VerifyStorage(context.Background(), bytes.NewReader(changed))
		changed[i] ^= 1 << (i % 8)
		require.Error(t, err, "bit %d of byte %d", i%8, i)
	}
}

func (s *storageSample) json(t require.TestingT) string {
	data, err := s.storage.Encode()
	require.NoError(t, err)
	return string(data)
}

// entries takes the small storage apart.
func (s *storageSample) entries(t *testing.T) []entry {
	out := []entry{file(StorageName, s.json(t))}
	for i, p := range s.storage.Collections {
		out = append(out, file(p.Name(), string(s.parts[i].bytes(t))))
	}
	return append(out, file(StorageEndName, string(endContent([]byte(s.json(t)), StorageName))))
}

func TestHostileStorage(t *testing.T) {
	s := smallStorage(t)
	own := s.entries(t)
	require.Equal(t, s.bytes(t), pack(t, own...), "the helper packs as we do")
	with := func(i int, e ...entry) []byte {
		return pack(t, append(append(append([]entry{}, own[:i]...), e...), own[i+1:]...)...)
	}
	replace := func(old, replacement string) []byte {
		require.Contains(t, own[0].content, old)
		return with(0, file(StorageName, strings.Replace(own[0].content, old, replacement, 1)))
	}
	first, second := own[1].header.Name, own[2].header.Name
	size := fmt.Sprintf(`"size":%d`, own[1].header.Size)
	tests := map[string]struct {
		archive []byte
		want    string
	}{
		"empty":                  {nil, "byte 0, entry storage.json: the archive is cut off"},
		"no tar":                 {bytes.Repeat([]byte("junk"), 1000), "this is no snapshot archive"},
		"one collection":         {smallSample().bytes(t), "this is a snapshot of one collection"},
		"of the reference":       {pack(t, file("c-1-2026-01-01-00-00-00.snapshot", "x")), "snapshot archive of Qdrant"},
		"unlisted collection":    {with(2, own[2], file("collections/x.snapshot", "x")), `in its place stands "collections/x.snapshot"`},
		"missing collection":     {with(1), "in its place stands"},
		"collections exchanged":  {pack(t, own[0], own[2], own[1], own[3]), "in its place stands"},
		"collection twice":       {with(1, own[1], own[1]), "in its place stands"},
		"traversal":              {with(1, file("collections/../../x", own[1].content)), `in its place stands "collections/../../x"`},
		"symbolic link":          {with(1, special(first, tar.TypeSymlink, "/etc/passwd")), "it is a symbolic link, not a file"},
		"another archive":        {with(1, file(first, own[2].content+strings.Repeat("\x00", len(own[1].content)-len(own[2].content)))), `its manifest is that of "wörter"`},
		"no archive":             {with(1, file(first, strings.Repeat("x", len(own[1].content)))), "this is no snapshot archive"},
		"storage in a storage":   {with(1, file(first, strings.Repeat(string(s.bytes(t)), 2)[:len(own[1].content)])), "snapshot of the whole storage"},
		"shorter":                {with(1, file(first, own[1].content[512:])), "its header says"},
		"size lies":              {replace(size, fmt.Sprintf(`"size":%d`, own[1].header.Size+512)), "its header says"},
		"negative size":          {replace(size, `"size":-512`), "is not that of an archive"},
		"size is no multiple":    {replace(size, `"size":513`), "is not that of an archive"},
		"huge size":              {replace(size, `"size":9223372036854775296`), "is not that of an archive"},
		"end missing":            {with(3), "entry storage.sha256: the archive ends before this entry"},
		"end twice":              {with(3, own[3], own[3]), "a byte of padding is not zero"},
		"end of something else":  {with(3, file(StorageEndName, string(endContent([]byte("x"), StorageName)))), "it does not name the sha256 of storage.json"},
		"name with a slash":      {replace(`{"collection":"a"`, `{"collection":"../a"`), `no collection can be named "../a"`},
		"name of dots":           {replace(`{"collection":"a"`, `{"collection":".."`), `no collection can be named ".."`},
		"empty name":             {replace(`{"collection":"a"`, `{"collection":""`), "is not 1 to 255 characters"},
		"listed twice":           {replace(`{"collection":"wörter"`, `{"collection":"a"`), "stands in the wrong place or twice"},
		"not sorted":             {replace(`{"collection":"a"`, `{"collection":"z"`), "stands in the wrong place or twice"},
		"other collection":       {replace(`{"collection":"a"`, `{"collection":"b"`), "which is not in the archive"},
		"other position":         {replace(`"position":4711`, `"position":4712`), "storage.json says otherwise"},
		"position 0":             {replace(`"position":4711`, `"position":0`), "outside 1 to 2^52"},
		"other count":            {replace(`"count":3`, `"count":4`), "storage.json says otherwise"},
		"alias of nothing":       {replace(`{"alias":"live","collection":"a"}`, `{"alias":"live","collection":"b"}`), `alias "live" stands for "b", which is not in the archive`},
		"alias like collection":  {replace(`{"alias":"live"`, `{"alias":"a"`), `"a" is the name of a collection and of an alias`},
		"alias with a slash":     {replace(`{"alias":"live"`, `{"alias":"a/b"`), `no collection can be named "a/b"`},
		"format 0":               {replace(`"format":1`, `"format":0`), "format 0 is unknown"},
		"unknown key":            {replace(`"format":1`, `"format":1,"x":1`), "not in canonical form"},
		"spaces":                 {replace(`"format":1`, `"format": 1`), "not in canonical form"},
		"no collections":         {replace(`"collections":[`, `"collections":null,"x":[`), "which is not in the archive"},
		"a million nulls":        {replace(`"collections":[`, `"collections":[`+strings.Repeat("null,", 1<<20)), "more collections or aliases than any archive may"},
		"manifest in upper case": {replace(second[12:16], strings.ToUpper("abcd")), "is not 64 hex digits"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := VerifyStorage(context.Background(), bytes.NewReader(tt.archive))
			require.ErrorContains(t, err, tt.want)
		})
	}
}

// TestKindsAreToldApart names what an archive is instead of what it was taken for.
func TestKindsAreToldApart(t *testing.T) {
	_, err := NewReader(bytes.NewReader(smallStorage(t).bytes(t)))
	var kind *OtherKindError
	require.ErrorAs(t, err, &kind)
	require.True(t, kind.Storage)
	require.ErrorContains(t, err, "PUT /snapshots/recover")
	_, err = NewStorageReader(bytes.NewReader(smallSample().bytes(t)))
	require.ErrorAs(t, err, &kind)
	require.False(t, kind.Storage)
}

// TestNewerStorage names the version that reads a later format.
func TestNewerStorage(t *testing.T) {
	later := fmt.Sprintf(`{"format":%d,"version":"9.1.0","nodes":[1,2]}`, StorageFormat+1)
	_, err := NewStorageReader(bytes.NewReader(pack(t, file(StorageName, later))))
	require.ErrorContains(t, err, "restore it with Tidemark 9.1.0 or later")
}

// TestAnotherPartIsNotWritten refuses to archive what was not described.
func TestAnotherPartIsNotWritten(t *testing.T) {
	s := smallStorage(t)
	s.parts[1].manifest.Count++
	err := WriteStorage(context.Background(), io.Discard, &s.storage, s.open)
	require.ErrorContains(t, err, "is not the one that was described")
}

// TestStorageJSON writes and reads descriptions of every kind.
func TestStorageJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &Storage{Format: StorageFormat, Version: "1", Collections: []Part{}, Aliases: []Alias{}}
		names := rapid.SliceOfNDistinct(rapid.StringN(1, 20, 80).Filter(func(n string) bool { return CheckName(n) == nil }), 0, 6, rapid.ID[string]).Draw(t, "names")
		slices.Sort(names)
		for i, name := range names {
			if len(s.Collections) > 0 && rapid.Bool().Draw(t, "alias") {
				s.Aliases = append(s.Aliases, Alias{name, s.Collections[0].Collection})
				continue
			}
			s.Collections = append(s.Collections, Part{Collection: name, Position: uint64(i + 1), Size: 512, Manifest: strings.Repeat("0", 64)})
		}
		data, err := s.Encode()
		require.NoError(t, err)
		got, err := decodeStorage(data)
		require.NoError(t, err)
		require.Equal(t, s, got)
	})
}

// FuzzStorage reads anything without a panic, and accepts only what it would
// write itself.
func FuzzStorage(f *testing.F) {
	f.Add(smallStorage(f).bytes(f))
	f.Add(newStorageSample(f).bytes(f))
	f.Add(smallSample().bytes(f))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := VerifyStorage(context.Background(), bytes.NewReader(data))
		if err != nil {
			return
		}
		size, err := StorageSize(s)
		require.NoError(t, err)
		require.EqualValues(t, len(data), size)
	})
}
