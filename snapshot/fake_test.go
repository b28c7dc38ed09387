package snapshot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/snapshot/archive"
	"github.com/tidemark-db/tidemark/snapshot/blob"
	"github.com/tidemark-db/tidemark/snapshot/blob/local"
	"github.com/tidemark-db/tidemark/wal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeCollection stands for a state: what it is made of, or, if it was restored,
// its digest.
type fakeCollection struct {
	lineage  uuid.UUID
	position wal.Position
	config   string
	salt     int // makes the points differ
	restored segments.Digest
}

func (c fakeCollection) digest(t require.TestingT) segments.Digest {
	if c.restored != (segments.Digest{}) {
		return c.restored
	}
	b := newStateBuilder(t)
	b.first()
	b.second(c.salt)
	return b.state.Digest()
}

// fakeEngine keeps collections in memory and does what Engine promises.
type fakeEngine struct {
	t    *testing.T
	dir  string
	busy atomic.Bool

	mu          sync.Mutex
	collections map[string]fakeCollection
	aliases     map[string]string
	received    int
	frozen      int // not released
	previous    map[string]fakePrevious

	// onFreeze, onInstall and onUndo run before the work, if they are set.
	onFreeze, onInstall, onUndo func(ctx context.Context, name string) error
}

// fakePrevious is a collection that was replaced.
type fakePrevious struct {
	fakeCollection
	id uuid.UUID
}

func newFakeEngine(t *testing.T) *fakeEngine {
	return &fakeEngine{
		t: t, dir: t.TempDir(), previous: make(map[string]fakePrevious), aliases: map[string]string{"alias": "c"},
		collections: map[string]fakeCollection{"c": {
			lineage: uuid.MustParse("0e3b5a0c-98a1-4a53-8d0b-5d1f3f2f7a11"), position: 7,
			config: `{"size":4}`,
		}},
	}
}

func (e *fakeEngine) PeerID() uint64   { return 42 }
func (e *fakeEngine) WritesWait() bool { return e.busy.Load() }

func (e *fakeEngine) get(name string) (fakeCollection, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c, ok := e.collections[name]
	return c, ok
}

func (e *fakeEngine) set(name string, c fakeCollection) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.collections[name] = c
}

func (e *fakeEngine) Resolve(name string) (string, error) {
	e.mu.Lock()
	target, ok := e.aliases[name]
	e.mu.Unlock()
	if ok {
		name = target
	}
	if _, ok := e.get(name); !ok {
		return "", tidemark.Errorf(tidemark.NotFound, "Collection `%s` doesn't exist!", name)
	}
	return name, nil
}

func (e *fakeEngine) Freeze(ctx context.Context, name string) (Frozen, error) {
	if e.onFreeze != nil {
		if err := e.onFreeze(ctx, name); err != nil {
			return nil, err
		}
	}
	c, ok := e.get(name)
	if !ok {
		return nil, tidemark.Errorf(tidemark.NotFound, "Collection `%s` doesn't exist!", name)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.frozen++
	return &fakeFrozen{engine: e, name: name, c: c}, nil
}

type fakeFrozen struct {
	engine   *fakeEngine
	name     string
	c        fakeCollection
	released bool
	dir      string // into which Encode wrote, if it did
}

var eventTime = time.Date(2026, 11, 24, 10, 53, 0, 0, time.UTC)

func (f *fakeFrozen) State() State {
	return State{Collection: f.name, Lineage: f.c.lineage, Position: f.c.position, Digest: f.c.digest(f.engine.t)}
}

func (f *fakeFrozen) Size() int64 { return 10_000 }
func (f *fakeFrozen) Files() int  { return 3 }
func (f *fakeFrozen) Count() int  { return 5 }

func (e *fakeEngine) Room(size int64) (needed, free int64, err error) { return size + 1, 1 << 40, nil }

func (f *fakeFrozen) Release() {
	if !f.released {
		f.released = true
		if _, err := os.Stat(f.dir); f.dir != "" && err != nil {
			panic("staging went before the release")
		}
		f.engine.mu.Lock()
		defer f.engine.mu.Unlock()
		f.engine.frozen--
	}
}

func (f *fakeFrozen) Encode(_ context.Context, dir string) (*segments.Manifest, error) {
	f.dir = dir
	m := writeState(f.engine.t, dir, f.c.salt)
	m.Collection, m.Lineage, m.Through, m.Config, m.EventTime = f.name, f.c.lineage, f.c.position, []byte(f.c.config), eventTime
	return m, nil
}

func (f *fakeFrozen) Open(name string) (tidemark.FrozenFile, error) {
	if f.released {
		return tidemark.FrozenFile{}, errors.New("it was released")
	}
	file, err := os.Open(filepath.Join(f.dir, name))
	return tidemark.FrozenFile{ReadCloser: file}, err
}

func (e *fakeEngine) Cut(ctx context.Context) (*Cut, error) {
	e.mu.Lock()
	names := slices.Sorted(maps.Keys(e.collections))
	e.mu.Unlock()
	cut := &Cut{Aliases: e.Aliases()}
	for _, name := range names {
		f, err := e.Freeze(ctx, name)
		if err != nil {
			cut.Release()
			return nil, err
		}
		cut.Collections = append(cut.Collections, f)
	}
	return cut, nil
}

func (e *fakeEngine) Aliases() (out []tidemark.Alias) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(e.aliases)) {
		out = append(out, tidemark.Alias{Name: name, Collection: e.aliases[name]})
	}
	return out
}

// InstallAll installs nothing if the hook of one of them fails.
func (e *fakeEngine) InstallAll(ctx context.Context, arrivals []Arrival, aliases []tidemark.AliasChange) error {
	for _, a := range arrivals {
		if e.onInstall != nil {
			if err := e.onInstall(ctx, a.Incoming.(*fakeIncoming).name); err != nil {
				return err
			}
		}
	}
	for _, a := range arrivals {
		in := a.Incoming.(*fakeIncoming)
		if _, err := segments.LoadManifest(fsx.OS, in.dir); err != nil {
			return err
		}
		if in.exists {
			e.keep(in.name)
		}
		e.set(in.name, fakeCollection{lineage: a.Manifest.Lineage, position: a.Manifest.Through + 1, config: string(a.Manifest.Config), restored: a.Manifest.Digest})
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, a := range aliases {
		e.aliases[a.Alias] = a.Target
	}
	return nil
}

func (e *fakeEngine) Receive(_ context.Context, name string, _ int64) (Incoming, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.received++
	dir := filepath.Join(e.dir, fmt.Sprintf("incoming-%d", e.received))
	if err := os.Mkdir(dir, 0o750); err != nil {
		return nil, err
	}
	expected, exists := e.collections[name]
	return &fakeIncoming{engine: e, name: name, dir: dir, expected: expected, exists: exists}, nil
}

type fakeIncoming struct {
	engine    *fakeEngine
	name, dir string
	expected  fakeCollection
	exists    bool
}

func (i *fakeIncoming) Dir() string { return i.dir }

func (i *fakeIncoming) Check(m *segments.Manifest) error {
	if i.exists && i.expected.config != string(m.Config) {
		return tidemark.Errorf(tidemark.BadInput, "Snapshot is not compatible with existing collection: Collection vectors: %s Snapshot Vectors: %s", i.expected.config, m.Config)
	}
	return nil
}

func (i *fakeIncoming) CheckConfig(*segments.Manifest) error { return nil }

func (i *fakeIncoming) Install(ctx context.Context, m *segments.Manifest) error {
	if i.engine.onInstall != nil {
		if err := i.engine.onInstall(ctx, i.name); err != nil {
			return err
		}
	}
	if _, err := segments.LoadManifest(fsx.OS, i.dir); err != nil {
		return err
	}
	if i.exists {
		i.engine.keep(i.name)
	}
	i.engine.set(i.name, fakeCollection{lineage: m.Lineage, position: m.Through + 1, config: string(m.Config), restored: m.Digest})
	return nil
}

func (i *fakeIncoming) Discard() error { return os.RemoveAll(i.dir) }

// events is an Observer that remembers.
type events struct {
	mu    sync.Mutex
	lines []string
	ended chan Result
}

func (e *events) add(format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lines = append(e.lines, fmt.Sprintf(format, args...))
}

func (e *events) Began(op Operation, c string) { e.add("%s %s began", op, c) }
func (e *events) Passed(op Operation, c string, p Phase, _ time.Duration) {
	e.add("%s %s passed %s", op, c, p)
}

func (e *events) Ended(op Operation, c string, r Result) {
	e.add("%s %s ended %s", op, c, r.Reason)
	e.ended <- r
}

func (e *events) all() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string(nil), e.lines...)
}

// house is a Manager with what is around it.
type house struct {
	*Manager
	engine  *fakeEngine
	dir     string // of snapshots
	staging string
	events  *events
	faults  *fsx.Faults // in the Manager's file system
	store   *hookedStore
}

// hookedStore lets tests step in before an object is put or listed.
type hookedStore struct {
	blob.Store
	onPut  func(ctx context.Context, key blob.Key, src blob.Source) error
	onList func(folder string)
}

func (s *hookedStore) List(ctx context.Context, folder string) ([]blob.Info, error) {
	if s.onList != nil {
		s.onList(folder)
	}
	return s.Store.List(ctx, folder)
}

func (s *hookedStore) Put(ctx context.Context, key blob.Key, src blob.Source) (blob.Info, error) {
	if s.onPut != nil {
		if err := s.onPut(ctx, key, src); err != nil {
			return blob.Info{}, err
		}
	}
	return s.Store.Put(ctx, key, src)
}

var testNow = time.Date(2026, 11, 24, 10, 53, 37, 0, time.UTC)

func newHouse(t *testing.T) *house {
	h := &house{
		engine: newFakeEngine(t), dir: t.TempDir(),
		events: &events{ended: make(chan Result, 100)}, faults: fsx.NewFaults(fsx.OS),
	}
	store, err := local.Open(local.Options{Dir: h.dir})
	require.NoError(t, err)
	h.store = &hookedStore{Store: store}
	h.staging, err = store.WorkDir()
	require.NoError(t, err)
	h.Manager, err = NewManager(Options{
		Engine: h.engine, Store: h.store, Version: "1.2.3", Staging: h.staging, Dir: h.dir,
		FS: h.faults, Observer: h.events, Now: func() time.Time { return testNow },
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		h.Close(context.Background())
		h.requireClean(t) // before the store empties staging
		require.NoError(t, store.Close())
	})
	return h
}

// requireClean checks that nothing is left of finished work but its result.
func (h *house) requireClean(t *testing.T) {
	t.Helper()
	for _, dir := range []string{h.staging, h.engine.dir} {
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		if dir == h.engine.dir && len(names) > 0 {
			t.Errorf("left over from a restore: %v", names)
		}
		if dir == h.staging && len(names) > 0 {
			t.Errorf("left over in staging: %v", names)
		}
	}
	h.engine.mu.Lock()
	defer h.engine.mu.Unlock()
	require.Zero(t, h.engine.frozen, "views that nobody released")
	require.Empty(t, h.turns.keys)
}

func (h *house) create(t *testing.T) blob.Info {
	t.Helper()
	info, err := h.Create(context.Background(), "c", CreateOptions{})
	require.NoError(t, err)
	return info
}

// read returns the whole archive of a snapshot.
func (h *house) read(t *testing.T, name string) []byte {
	t.Helper()
	o, err := h.Open(context.Background(), "c", name)
	require.NoError(t, err)
	defer func() { require.NoError(t, o.Close()) }()
	content, err := io.ReadAll(o)
	require.NoError(t, err)
	return content
}

// upload puts a file beside the snapshots and returns its path.
func (h *house) upload(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(h.dir, name)
	require.NoError(t, os.WriteFile(path, content, 0o640))
	return path
}

func requireError(t *testing.T, err error, kind tidemark.Kind, text string) {
	t.Helper()
	var e *tidemark.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, kind, e.Kind, err)
	require.Contains(t, e.Text, text)
}

func verified(t *testing.T, content []byte) *archive.Manifest {
	t.Helper()
	m, err := archive.Verify(context.Background(), bytes.NewReader(content))
	require.NoError(t, err)
	return m
}
