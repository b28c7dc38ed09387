package archive

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tidemark-db/tidemark/internal/fsx"
)

func drawSample(t *rapid.T) *sample {
	content := rapid.SliceOfN(rapid.Byte(), 0, 1500)
	var deletes []byte
	if rapid.Bool().Draw(t, "has deletes") {
		deletes = append([]byte{}, content.Draw(t, "deletes")...)
	}
	s := newSample(content.Draw(t, "config"), deletes, rapid.SliceOfN(content, 0, 5).Draw(t, "segments")...)
	s.manifest.Collection = rapid.StringN(1, MaxNameChars, -1).Draw(t, "collection")
	s.manifest.Position = rapid.Uint64Range(1, MaxPosition).Draw(t, "position")
	s.manifest.Count = rapid.Uint64().Draw(t, "count")
	s.manifest.Description = rapid.StringN(0, 100, 400).Draw(t, "description")
	labels := rapid.MapOfN(rapid.StringN(1, 20, MaxLabelKeyBytes), rapid.StringN(0, 20, -1), 0, 5).Draw(t, "labels")
	if len(labels) > 0 {
		s.manifest.Labels = labels
	}
	return s
}

// TestRoundTrip writes and reads random archives; the size is known beforehand.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSample(t)
		whole := s.bytes(t)
		size, err := Size(&s.manifest)
		require.NoError(t, err)
		require.EqualValues(t, len(whole), size)
		content, m, err := files(iotest.OneByteReader(bytes.NewReader(whole)))
		require.NoError(t, err)
		require.Equal(t, &s.manifest, m)
		require.Len(t, content, len(s.content))
		for name, want := range s.content {
			require.True(t, bytes.Equal(want, content[name]), name)
		}
	})
}

// FuzzReader feeds arbitrary bytes. What is accepted is exactly what Write
// makes of its content.
func FuzzReader(f *testing.F) {
	f.Add(smallSample().bytes(f))
	f.Add(newSample([]byte("{}"), nil).bytes(f))
	f.Add([]byte("junk"))
	f.Fuzz(func(t *testing.T, data []byte) {
		content, m, err := files(bytes.NewReader(data))
		if err != nil {
			return
		}
		s := &sample{manifest: *m, content: content}
		require.Equal(t, data, s.bytes(t))
	})
}

// FuzzManifest does the same with the manifest alone, which a mutated archive
// seldom reaches.
func FuzzManifest(f *testing.F) {
	seed, err := smallSample().manifest.Encode()
	require.NoError(f, err)
	f.Add(seed)
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := decodeManifest(data)
		if err != nil {
			return
		}
		again, err := m.Encode()
		require.NoError(t, err)
		require.Equal(t, data, again)
	})
}

func TestUnpack(t *testing.T) {
	s, dir := smallSample(), t.TempDir()
	var config []byte
	place := func(f File) string {
		if f.Kind == KindDeletes {
			return "deletes-7"
		}
		return f.Name
	}
	m, err := Unpack(context.Background(), fsx.OS, dir, bytes.NewReader(s.bytes(t)), UnpackOptions{
		Path:   place,
		Config: func(b []byte) error { config = bytes.Clone(b); return nil },
	})
	require.NoError(t, err)
	require.Equal(t, &s.manifest, m)
	require.Equal(t, s.content[ConfigName], config)
	for _, f := range s.manifest.Files {
		got, err := os.ReadFile(filepath.Join(dir, place(f)))
		require.NoError(t, err)
		require.Equal(t, s.content[f.Name], got)
	}
}

// TestRefusals stop an unpacking before it goes on.
func TestRefusals(t *testing.T) {
	no := errors.New("no")
	whole := smallSample().bytes(t)
	for name, tt := range map[string]struct {
		options UnpackOptions
		files   int // that were written before
	}{
		"by manifest":      {UnpackOptions{Manifest: func(*Manifest) error { return no }}, 0},
		"by configuration": {UnpackOptions{Config: func([]byte) error { return no }}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			_, err := Unpack(context.Background(), fsx.OS, dir, bytes.NewReader(whole), tt.options)
			require.ErrorIs(t, err, no)
			entries, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Len(t, entries, tt.files)
		})
	}
	_, err := Unpack(context.Background(), fsx.OS, t.TempDir(), bytes.NewReader(whole), UnpackOptions{Path: func(File) string { return "../x" }})
	require.ErrorContains(t, err, "not below the directory")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = Unpack(ctx, fsx.OS, t.TempDir(), bytes.NewReader(whole), UnpackOptions{})
	require.ErrorIs(t, err, context.Canceled)
}

// TestSourceError keeps an error of the stream apart from damage.
func TestSourceError(t *testing.T) {
	broken := errors.New("connection reset")
	whole := smallSample().bytes(t)
	for n := 0; n < len(whole); n += 100 {
		src := io.MultiReader(bytes.NewReader(whole[:n]), iotest.ErrReader(broken))
		_, err := Verify(context.Background(), src)
		require.ErrorIs(t, err, broken)
		var corrupt *CorruptError
		require.False(t, errors.As(err, &corrupt))
	}
}

// TestRotIsNeverArchived changes a file between its description and its
// archiving.
func TestRotIsNeverArchived(t *testing.T) {
	for name, change := range map[string]func([]byte) []byte{
		"a bit":   func(b []byte) []byte { b[3] ^= 4; return b },
		"shorter": func(b []byte) []byte { return b[:len(b)-1] },
		"longer":  func(b []byte) []byte { return append(b, 'x') },
		"empty":   func([]byte) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			s := smallSample()
			victim := s.manifest.Files[3].Name
			s.content[victim] = change(bytes.Clone(s.content[victim]))
			var out bytes.Buffer
			err := Write(context.Background(), &out, &s.manifest, s.open)
			var changed *ChangedError
			require.ErrorAs(t, err, &changed)
			require.Equal(t, victim, changed.Entry)
			_, err = Verify(context.Background(), &out)
			require.Error(t, err)
		})
	}
}

// TestWriterErrors end the archive wherever they come from.
func TestWriterErrors(t *testing.T) {
	s := smallSample()
	full := errors.New("no space left")
	for n := range len(s.bytes(t)) {
		require.ErrorIs(t, Write(context.Background(), &limited{n, full}, &s.manifest, s.open), full)
	}
	delete(s.content, DeletesName)
	require.ErrorContains(t, Write(context.Background(), io.Discard, &s.manifest, s.open), "open deletes")
	s.manifest.Digest = "x"
	require.ErrorContains(t, Write(context.Background(), io.Discard, &s.manifest, s.open), "digest")
}

type limited struct {
	left int
	err  error
}

func (l *limited) Write(p []byte) (int, error) {
	if len(p) > l.left {
		return l.left, l.err
	}
	l.left -= len(p)
	return len(p), nil
}
