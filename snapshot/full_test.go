package snapshot

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/snapshot/archive"
	"github.com/tidemark-db/tidemark/snapshot/blob"
)

// newFullHouse has two collections and an alias of the first.
func newFullHouse(t *testing.T) *house {
	h := newHouse(t)
	h.engine.set("d", fakeCollection{lineage: uuid.MustParse("1e3b5a0c-98a1-4a53-8d0b-5d1f3f2f7a11"), position: 9, config: `{"size":5}`, salt: 3})
	return h
}

func (h *house) createFull(t *testing.T) blob.Info {
	t.Helper()
	info, err := h.CreateFull(context.Background(), CreateOptions{Description: "all", Labels: map[string]string{"k": "v"}})
	require.NoError(t, err)
	return info
}

// readFull returns the whole archive of a snapshot of the storage.
func (h *house) readFull(t *testing.T, name string) []byte {
	t.Helper()
	o, err := h.OpenFull(context.Background(), name)
	require.NoError(t, err)
	defer func() { require.NoError(t, o.Close()) }()
	content, err := io.ReadAll(o)
	require.NoError(t, err)
	return content
}

func storedName(name string) Source { return Source{Location: &url.URL{Path: name}} }

// seen is what the engine has.
func (e *fakeEngine) seen(t *testing.T) map[string]any {
	out := map[string]any{}
	for _, a := range e.Aliases() {
		out["alias "+a.Name] = a.Collection
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for name, c := range e.collections {
		out[name] = c.digest(t)
	}
	return out
}

func TestFullCreateListOpenDelete(t *testing.T) {
	h, ctx := newFullHouse(t), context.Background()
	info := h.createFull(t)
	require.Equal(t, "full-snapshot-2026-11-24-10-53-37.snapshot", info.Name)
	require.FileExists(t, filepath.Join(h.dir, info.Name))
	require.Equal(t, []string{
		"create_full  began", "create_full  passed wait", "create_full  passed cut", "create_full  passed encode",
		"create_full  passed store", "create_full  ended ",
	}, h.events.all())
	second := h.createFull(t)
	require.Equal(t, "full-snapshot-2026-11-24-10-53-37-2.snapshot", second.Name)
	require.Equal(t, info.SHA256, second.SHA256, "the same state gives the same bytes")

	storage, err := archive.VerifyStorage(ctx, bytes.NewReader(h.readFull(t, info.Name)))
	require.NoError(t, err)
	require.Equal(t, []archive.Alias{{Alias: "alias", Collection: "c"}}, storage.Aliases)
	require.Len(t, storage.Collections, 2)
	require.Equal(t, "all", storage.Description)

	list, err := h.DescribeFull(ctx)
	require.NoError(t, err)
	require.Equal(t, []FullDescription{{Info: second, Storage: storage}, {Info: info, Storage: storage}}, list)
	ofCollection, err := h.List(ctx, "c")
	require.NoError(t, err)
	require.Empty(t, ofCollection)

	require.NoError(t, h.DeleteFull(ctx, info.Name))
	requireError(t, h.DeleteFull(ctx, info.Name), tidemark.NotFound, "Snapshot "+info.Name+" not found")
	for _, name := range []string{info.Name, "none", "../c/x.snapshot", "c/x.snapshot", "jobs"} {
		_, err := h.OpenFull(ctx, name)
		requireError(t, err, tidemark.NotFound, "Snapshot "+name+" not found")
	}
	_, err = h.StartCreateFull(CreateOptions{Labels: map[string]string{"": "x"}})
	requireError(t, err, tidemark.BadInput, "label key")
}

// TestFullRestore loses and changes everything and brings it back in every way.
func TestFullRestore(t *testing.T) {
	ctx := context.Background()
	ways := map[string]func(*testing.T, *house, string) error{
		"stored": func(_ *testing.T, h *house, name string) error {
			return h.RestoreFull(ctx, storedName(name), FullOptions{})
		},
		"file": func(_ *testing.T, h *house, name string) error {
			return h.RestoreFull(ctx, Source{Location: fileURL(filepath.Join(h.dir, name))}, FullOptions{})
		},
		"any file": func(t *testing.T, h *house, name string) error {
			path := filepath.Join(t.TempDir(), "x")
			require.NoError(t, os.WriteFile(path, h.readFull(t, name), 0o600))
			return h.RestoreFull(ctx, Source{File: path}, FullOptions{})
		},
		"upload": func(t *testing.T, h *house, name string) error {
			return h.sendFull(t, h.readFull(t, name), UploadOptions{})
		},
		"kept upload": func(t *testing.T, h *house, name string) error {
			content := h.readFull(t, name)
			require.NoError(t, h.sendFull(t, content, UploadOptions{Keep: true, Name: "mine.snapshot"}))
			require.Equal(t, content, h.readFull(t, "mine.snapshot"))
			return nil
		},
	}
	for way, restore := range ways {
		t.Run(way, func(t *testing.T) {
			h := newFullHouse(t)
			want := h.engine.seen(t)
			info := h.createFull(t)
			h.engine.mu.Lock()
			delete(h.engine.collections, "d")
			h.engine.aliases["alias"] = "e"
			h.engine.mu.Unlock()
			h.engine.set("c", fakeCollection{config: "of another kind", salt: 8})
			h.engine.set("e", fakeCollection{salt: 9})
			h.engine.previous = map[string]fakePrevious{}
			require.NoError(t, restore(t, h, info.Name))
			require.Equal(t, untilOf, h.Jobs()[0].UndoUntil)
			require.NotNil(t, h.Previous("c"))
			require.Nil(t, h.Previous("d"), "it replaced nothing")
			got := h.engine.seen(t)
			require.Contains(t, got, "e", "what the snapshot does not have stays")
			delete(got, "e")
			require.Equal(t, want, got)
		})
	}
}

// sendFull uploads an archive in pieces.
func (h *house) sendFull(t *testing.T, content []byte, o UploadOptions) error {
	t.Helper()
	up, err := h.StartUploadFull(o)
	require.NoError(t, err)
	for len(content) > 0 && err == nil {
		n := min(700, len(content))
		_, err = up.Write(content[:n])
		content = content[n:]
	}
	up.End(nil)
	_, err = up.Wait(context.Background())
	return err
}

// TestFullChoice restores parts, under other names, and refuses what would not be
// what was meant. What is refused changes nothing.
func TestFullChoice(t *testing.T) {
	type names = map[string]string
	tests := map[string]struct {
		o       FullOptions
		change  func(*fakeEngine)
		want    names // what each name stands for afterwards: c, d or the target of an alias
		refused string
	}{
		"one":              {o: FullOptions{Collections: []string{"d"}}, want: names{"d": "d"}},
		"none":             {o: FullOptions{Collections: []string{}}},
		"with its alias":   {o: FullOptions{Collections: []string{"c"}}, want: names{"c": "c", "alias": "c"}},
		"renamed":          {o: FullOptions{Rename: names{"d": "e"}}, want: names{"c": "c", "e": "d", "alias": "c"}},
		"exchanged":        {o: FullOptions{Rename: names{"d": "c", "c": "d"}}, want: names{"c": "d", "d": "c", "alias": "d"}},
		"alias renamed":    {o: FullOptions{Rename: names{"alias": "other", "c": "c2"}}, want: names{"c2": "c", "other": "c2", "d": "d"}},
		"unknown":          {o: FullOptions{Collections: []string{"z"}}, refused: "the snapshot has no collection `z`"},
		"alias as one":     {o: FullOptions{Collections: []string{"alias"}}, refused: "the snapshot has no collection `alias`"},
		"unknown renamed":  {o: FullOptions{Rename: names{"z": "y"}}, refused: "`z` cannot be renamed"},
		"not chosen":       {o: FullOptions{Collections: []string{"c"}, Rename: names{"d": "e"}}, refused: "`d` cannot be renamed"},
		"same name":        {o: FullOptions{Rename: names{"d": "c"}}, refused: "two of the collections and aliases that are restored would be named `c`"},
		"alias like one":   {o: FullOptions{Rename: names{"alias": "d"}}, refused: "would be named `d`"},
		"bad name":         {o: FullOptions{Rename: names{"d": "../e"}}, refused: `no collection can be named "../e"`},
		"reserved name":    {o: FullOptions{Rename: names{"d": ".."}}, refused: `no collection can be named ".."`},
		"collection there": {o: FullOptions{Fresh: true}, change: func(e *fakeEngine) { e.set("d", fakeCollection{}) }, refused: "Collection d already exists. Use --force-snapshot to overwrite it."},
		"alias there": {
			o: FullOptions{Fresh: true}, change: func(e *fakeEngine) { e.set("x", fakeCollection{}); e.aliases["alias"] = "x" },
			refused: "Alias alias already exists. Use --force-snapshot to overwrite it.",
		},
		"nothing there":  {o: FullOptions{Fresh: true}, want: names{"c": "c", "d": "d", "alias": "c"}},
		"alias in use":   {o: FullOptions{Rename: names{"c": "c2"}}, change: func(e *fakeEngine) { e.set("c", fakeCollection{}); e.aliases["alias"] = "c" }, refused: "the alias `alias` stands for `c` and would stand for `c2`"},
		"alias taken":    {change: func(e *fakeEngine) { e.set("alias", fakeCollection{}) }, refused: "the alias `alias` of the snapshot is the name of a collection"},
		"name of alias":  {change: func(e *fakeEngine) { e.set("x", fakeCollection{}); e.aliases["d"] = "x" }, refused: "a collection cannot be restored as `d`: that is an alias of `x`"},
		"alias moved on": {change: func(e *fakeEngine) { e.set("x", fakeCollection{}); e.aliases["alias"] = "x" }, want: names{"c": "c", "d": "d", "alias": "c"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h, ctx := newFullHouse(t), context.Background()
			originals := h.engine.seen(t)
			info := h.createFull(t)
			clear(h.engine.collections)
			clear(h.engine.aliases)
			if tt.change != nil {
				tt.change(h.engine)
			}
			before := h.engine.seen(t)
			plan, planErr := h.PlanRestoreFull(ctx, storedName(info.Name), tt.o)
			require.Equal(t, before, h.engine.seen(t), "a plan changes nothing")
			err := h.RestoreFull(ctx, storedName(info.Name), tt.o)
			if tt.refused != "" {
				require.ErrorContains(t, err, tt.refused)
				require.ErrorContains(t, planErr, tt.refused)
				require.Equal(t, before, h.engine.seen(t))
				return
			}
			require.NoError(t, err)
			require.NoError(t, planErr)
			got := h.engine.seen(t)
			for name, target := range tt.want {
				if alias, ok := got["alias "+name]; ok {
					require.Equal(t, target, alias)
				} else {
					require.Equal(t, originals[target], got[name], name)
				}
			}
			planned := 0
			for _, p := range plan.Collections {
				require.Equal(t, originals[p.Collection], got[p.Name])
				planned++
			}
			if tt.change == nil {
				require.Len(t, got, len(tt.want))
				require.Equal(t, len(tt.want), planned+len(plan.Aliases))
			}
		})
	}
}

// TestFullAllOrNothing fails in the middle in many ways.
func TestFullAllOrNothing(t *testing.T) {
	ctx := context.Background()
	flip := func(at func(content []byte) int) func(*testing.T, *house, []byte) []byte {
		return func(_ *testing.T, _ *house, content []byte) []byte {
			content[at(content)] ^= 1
			return content
		}
	}
	tests := map[string]struct {
		spoil func(*testing.T, *house, []byte) []byte
		kind  tidemark.Kind
		text  string
	}{
		"flipped in the last collection": {flip(func(c []byte) int { return len(c) - 3000 }), tidemark.BadInput, "damaged at byte"},
		"flipped in the end":             {flip(func(c []byte) int { return len(c) - 1 }), tidemark.BadInput, "a byte of padding is not zero"},
		"cut off":                        {func(_ *testing.T, _ *house, c []byte) []byte { return c[:len(c)-512] }, tidemark.BadInput, "the file has"},
		"install fails": {func(_ *testing.T, h *house, c []byte) []byte {
			h.engine.onInstall = func(_ context.Context, name string) error {
				if name == "d" {
					return errors.New("no")
				}
				return nil
			}
			return c
		}, tidemark.Internal, "the snapshot operation failed"},
		"disk full": {func(_ *testing.T, h *house, c []byte) []byte {
			h.faults.Inject(fsx.Rule{Kinds: []fsx.Kind{fsx.KindWrite}, Nth: 6, Err: syscall.ENOSPC})
			return c
		}, tidemark.Unavailable, "not enough room"},
		"one collection": {func(t *testing.T, h *house, _ []byte) []byte {
			return h.read(t, h.create(t).Name)
		}, tidemark.BadInput, "this is a snapshot of one collection"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newFullHouse(t)
			content := h.readFull(t, h.createFull(t).Name)
			h.engine.set("c", fakeCollection{position: 1, config: "{}", salt: 20})
			before := h.engine.seen(t)
			path := h.upload(t, "x.snapshot", tt.spoil(t, h, content))
			err := h.RestoreFull(ctx, Source{Location: fileURL(path)}, FullOptions{})
			requireError(t, err, tt.kind, tt.text)
			require.Equal(t, before, h.engine.seen(t))
		})
	}
}

// TestFullKeptOnlyIfInstalled removes an archive that was to be kept and was not
// restored.
func TestFullKeptOnlyIfInstalled(t *testing.T) {
	h := newFullHouse(t)
	info := h.createFull(t)
	h.engine.onInstall = func(context.Context, string) error { return errors.New("no") }
	require.Error(t, h.sendFull(t, h.readFull(t, info.Name), UploadOptions{Keep: true, Name: "mine.snapshot"}))
	list, err := h.ListFull(context.Background())
	require.NoError(t, err)
	require.Equal(t, []blob.Info{info}, list)
}

// TestFullChecksum compares the checksum before anything else is said.
func TestFullChecksum(t *testing.T) {
	h := newFullHouse(t)
	info := h.createFull(t)
	src := storedName(info.Name)
	src.Checksum = info.SHA256
	require.NoError(t, h.RestoreFull(context.Background(), src, FullOptions{}))
	src.Checksum = "00" + info.SHA256[2:]
	requireError(t, h.RestoreFull(context.Background(), src, FullOptions{}), tidemark.BadInput, "Snapshot checksum mismatch: expected 00")
}

// TestFullCreateFails leaves nothing.
func TestFullCreateFails(t *testing.T) {
	h := newFullHouse(t)
	h.engine.onFreeze = func(_ context.Context, name string) error {
		if name == "d" {
			return tidemark.Errorf(tidemark.Unavailable, "collection d is being recovered")
		}
		return nil
	}
	_, err := h.CreateFull(context.Background(), CreateOptions{})
	requireError(t, err, tidemark.Unavailable, "d is being recovered")
	h.engine.onFreeze = nil
	h.faults.Inject(fsx.Rule{Kinds: []fsx.Kind{fsx.KindMkdir}, Nth: 2, Err: syscall.ENOSPC})
	_, err = h.CreateFull(context.Background(), CreateOptions{})
	requireError(t, err, tidemark.Unavailable, "not enough room")
	list, err := h.ListFull(context.Background())
	require.NoError(t, err)
	require.Empty(t, list)
}

// TestFullVerify proves in all levels, and finds a state that is not what it says
// though all checksums are right.
func TestFullVerify(t *testing.T) {
	h, ctx := newFullHouse(t), context.Background()
	info := h.createFull(t)
	for _, level := range []Level{LevelBytes, LevelStructure, LevelState} {
		job, err := h.StartVerifyFull(info.Name, level)
		require.NoError(t, err)
		receipt, err := job.Wait(ctx)
		require.NoError(t, err)
		require.Empty(t, receipt.Error)
	}
	report, err := VerifyFile(ctx, filepath.Join(h.dir, info.Name), t.TempDir())
	require.NoError(t, err)
	require.Equal(t, info.SHA256, report.SHA256)
	require.Len(t, report.Storage.Collections, 2)
	inspected, err := Inspect(filepath.Join(h.dir, info.Name))
	require.NoError(t, err)
	require.Equal(t, report.Storage, inspected.Storage)
	require.Nil(t, inspected.Manifest)

	wrong := wrongRows(t)
	path := h.upload(t, "wrong.snapshot", wrong)
	for level, text := range map[Level]string{LevelBytes: "", LevelStructure: "", LevelState: "the snapshot does not hold what it says"} {
		job, err := h.StartVerifyFull("wrong.snapshot", level)
		require.NoError(t, err)
		_, err = job.Wait(ctx)
		if text == "" {
			require.NoError(t, err)
			continue
		}
		requireError(t, err, tidemark.BadInput, text)
	}
	_, err = VerifyFile(ctx, path, t.TempDir())
	require.True(t, IsDamage(err), err)
	before := h.engine.seen(t)
	requireError(t, h.RestoreFull(ctx, Source{Location: fileURL(path)}, FullOptions{}), tidemark.BadInput, "the snapshot does not hold what it says")
	require.Equal(t, before, h.engine.seen(t))
	_, err = h.StartVerifyFull("none", LevelState)
	requireError(t, err, tidemark.NotFound, "Snapshot none not found")
}

// wrongRows is an archive of a storage with a collection that has one row less
// than it says. All checksums are right.
func wrongRows(t *testing.T) []byte {
	dir := t.TempDir()
	m := writeState(t, dir, 1)
	m.Collection, m.Config, m.EventTime = "c", []byte("{}"), eventTime
	inner := pack(t, dir, m, func(m *segments.Manifest) {
		m.Segments[0].Rows++
		m.Segments[0].Dead++
	}, func(*archive.Manifest) {})
	return wrap(t, inner)
}

// wrap makes an archive of a storage of one of a collection.
func wrap(t *testing.T, inner []byte) []byte {
	dir := t.TempDir()
	m, err := archive.Unpack(context.Background(), fsx.OS, dir, bytes.NewReader(inner), archive.UnpackOptions{})
	require.NoError(t, err)
	part, err := archive.PartOf(m)
	require.NoError(t, err)
	storage := &archive.Storage{Format: archive.StorageFormat, Version: "1.2.3", Collections: []archive.Part{part}}
	var out bytes.Buffer
	require.NoError(t, archive.WriteStorage(context.Background(), &out, storage, func(int) (*archive.Manifest, archive.Open) {
		return m, func(f archive.File) (archive.Content, error) {
			file, err := os.Open(filepath.Join(dir, f.Name))
			return archive.Content{ReadCloser: file}, err
		}
	}))
	return out.Bytes()
}

// TestFullGolden keeps an archive that every later version must restore to the
// same points.
func TestFullGolden(t *testing.T) {
	h := newFullHouse(t)
	name := filepath.Join("testdata", "storage.snapshot")
	if *update {
		require.NoError(t, os.WriteFile(name, h.readFull(t, h.createFull(t).Name), 0o644))
	}
	want := h.engine.seen(t)
	clear(h.engine.collections)
	clear(h.engine.aliases)
	require.NoError(t, h.RestoreFull(context.Background(), Source{File: name}, FullOptions{Fresh: true}))
	require.Equal(t, want, h.engine.seen(t))
}
