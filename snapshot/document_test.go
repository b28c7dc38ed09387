package snapshot

import (
	"bytes"
	"context"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/snapshot/archive"
)

// pack makes an archive of the files in dir and of documents that were tampered
// with.
func pack(t *testing.T, dir string, m *segments.Manifest, editState func(*segments.Manifest), editArchive func(*archive.Manifest)) []byte {
	t.Helper()
	d, err := newDocument(m)
	require.NoError(t, err)
	names := d.names
	changed := *m
	editState(&changed)
	config, err := changed.Encode()
	require.NoError(t, err)
	d.manifest, d.config = &changed, config
	d.files[0].Size, d.files[0].SHA256 = int64(len(config)), sumHex(config)
	am := d.archiveManifest("1.2.3", CreateOptions{})
	editArchive(am)
	var out bytes.Buffer
	require.NoError(t, archive.Write(context.Background(), &out, am, func(f archive.File) (archive.Content, error) {
		if f.Kind == archive.KindConfig {
			return archive.Content{ReadCloser: io.NopCloser(bytes.NewReader(config))}, nil
		}
		file, err := os.Open(filepath.Join(dir, filepath.Base(names[f.Name])))
		return archive.Content{ReadCloser: file}, err
	}))
	return out.Bytes()
}

// TestLyingArchives are whole, and hold something else than they say.
func TestLyingArchives(t *testing.T) {
	dir := t.TempDir()
	m := writeState(t, dir, 0)
	m.Collection, m.Config, m.EventTime = "c", []byte(`{"size":4}`), eventTime
	entry := func(m *segments.Manifest, edit func(*segments.SegmentEntry)) {
		m.Segments = append([]segments.SegmentEntry(nil), m.Segments...)
		edit(&m.Segments[0])
	}
	for name, tt := range map[string]struct {
		state   func(*segments.Manifest)
		archive func(*archive.Manifest)
		text    string
	}{
		"position":          {archive: func(m *archive.Manifest) { m.Position++ }, text: "its position is 4"},
		"count":             {archive: func(m *archive.Manifest) { m.Count++ }, text: "it counts 5 points"},
		"digest":            {archive: func(m *archive.Manifest) { m.Digest = "00112233445566778899aabbccddeeff" }, text: "its digest is"},
		"lineage":           {archive: func(m *archive.Manifest) { m.Lineage[0]++ }, text: "its lineage is"},
		"collection":        {archive: func(m *archive.Manifest) { m.Collection = "d" }, text: `its collection is "c"`},
		"event time":        {archive: func(m *archive.Manifest) { m.EventTime = m.EventTime.Add(1) }, text: "its event time is"},
		"a segment missing": {archive: func(m *archive.Manifest) { m.Files = m.Files[:len(m.Files)-1] }, text: "it names other files"},
		"generation":        {state: func(m *segments.Manifest) { m.Generation = 2 }, text: "its manifest has generation 2"},
		"no deletes":        {state: func(m *segments.Manifest) { m.Deletes = nil }, text: "config.json is damaged"},
		"deletes elsewhere": {state: func(m *segments.Manifest) {
			f := *m.Deletes
			f.Name = "deletes-2"
			m.Deletes = &f
		}, text: `its deletes are named "deletes-2"`},
		"segment with another name": {
			state: func(m *segments.Manifest) {
				entry(m, func(e *segments.SegmentEntry) { e.Name = "1-0000000000000000.seg" })
			},
			text: `a segment is named "1-0000000000000000.seg"`,
		},
		"segment elsewhere": {
			state: func(m *segments.Manifest) {
				entry(m, func(e *segments.SegmentEntry) { e.Name = "../1-" + e.SHA256[:16] + ".seg" })
			},
			text: "is out of order or has no valid name",
		},
		"rows": {
			state: func(m *segments.Manifest) { entry(m, func(e *segments.SegmentEntry) { e.Rows++; e.Dead++ }) },
			text:  "the manifest says",
		},
		"sums": {
			state: func(m *segments.Manifest) {
				entry(m, func(e *segments.SegmentEntry) {
					e.Live = e.Live.Clone()
					e.Live.Points.Lo++
				})
				m.Sums = m.Sums.Clone()
				m.Sums.Points = m.Sums.Points.Add(segments.Hash{Lo: 1})
				m.Digest = m.Sums.Digest()
			},
			text: "do not add up",
		},
		"sums of all": {
			state: func(m *segments.Manifest) {
				m.Sums = m.Sums.Clone()
				m.Sums.Points = m.Sums.Points.Add(segments.Hash{Lo: 1})
				m.Digest = m.Sums.Digest()
			},
			text: "do not add up",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.state == nil {
				tt.state = func(*segments.Manifest) {}
			}
			if tt.archive == nil {
				tt.archive = func(*archive.Manifest) {}
			}
			h := newHouse(t)
			content := pack(t, dir, m, tt.state, tt.archive)
			verified(t, content)
			before, _ := h.engine.get("c")
			path := h.upload(t, "x.snapshot", content)
			_, err := VerifyFile(context.Background(), path, t.TempDir())
			require.ErrorContains(t, err, tt.text)
			require.True(t, IsDamage(err))
			src := Source{Location: fileURL(path)}
			for _, name := range []string{"c", "new"} {
				err := h.Restore(context.Background(), name, src)
				requireError(t, err, tidemark.BadInput, "does not hold what it says")
				requireError(t, err, tidemark.BadInput, tt.text)
				require.NotContains(t, err.(*tidemark.Error).Text, h.engine.dir) //nolint:errorlint // its type was checked
			}
			after, _ := h.engine.get("c")
			require.Equal(t, before, after)
			_, phantom := h.engine.get("new")
			require.False(t, phantom)
		})
	}
	h := newHouse(t)
	honest := pack(t, dir, m, func(*segments.Manifest) {}, func(*archive.Manifest) {})
	require.NoError(t, h.Restore(context.Background(), "new", Source{Location: fileURL(h.upload(t, "x.snapshot", honest))}))
}

// TestEmptyState has neither segments nor deletes.
func TestEmptyState(t *testing.T) {
	m := &segments.Manifest{Generation: generation, Collection: "c", Config: []byte("{}"), Through: 1, EventTime: eventTime}
	m.Digest = m.Sums.Digest()
	content := pack(t, t.TempDir(), m, func(*segments.Manifest) {}, func(*archive.Manifest) {})
	require.Len(t, verified(t, content).Files, 1)
	h := newHouse(t)
	require.NoError(t, h.Restore(context.Background(), "new", Source{Location: fileURL(h.upload(t, "x.snapshot", content))}))
}

func TestSegmentNames(t *testing.T) {
	sum := sumHex(nil)
	for name, want := range map[string]bool{
		"1-" + sum[:16] + ".seg":                     true,
		"18446744073709551615-" + sum[:16] + ".seg":  true,
		"1-0000000000000000.seg":                     false,
		"-" + sum[:16] + ".seg":                      false,
		"../1-" + sum[:16] + ".seg":                  false,
		"1-" + sum[:16] + ".seg/x":                   false,
		"1-" + sum[:16] + "xseg":                     false,
		"111111111111111111111-" + sum[:16] + ".seg": false,
	} {
		require.Equal(t, want, isSegmentName(segments.FileInfo{Name: name, SHA256: sum}), name)
	}
}

var update = flag.Bool("update", false, "write the golden files")

// TestGolden keeps an archive that every later version must restore to the same
// points. What is written may differ: compression is not fixed for ever.
func TestGolden(t *testing.T) {
	h := newHouse(t)
	name := filepath.Join("testdata", "state.snapshot")
	if *update {
		require.NoError(t, os.WriteFile(name, h.read(t, h.create(t).Name), 0o644))
	}
	golden, err := os.ReadFile(name)
	require.NoError(t, err)
	require.NoError(t, h.Restore(context.Background(), "new", Source{Location: fileURL(h.upload(t, "x.snapshot", golden))}))
	got, _ := h.engine.get("new")
	c, _ := h.engine.get("c")
	require.Equal(t, c.digest(t), got.digest(t))
	require.Equal(t, c.lineage, got.lineage)
}
