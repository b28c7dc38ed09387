package snapshot

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/snapshot/blob"
	"github.com/tidemark-db/tidemark/snapshot/blob/local"
)

// versionedStore is a store that knows whether somebody replaced an object.
type versionedStore struct {
	*local.Store
	version string // of all objects
	read    atomic.Int64
}

func (s *versionedStore) of(info blob.Info, err error) (blob.Info, error) {
	info.Version = s.version
	return info, err
}

func (s *versionedStore) Put(ctx context.Context, key blob.Key, src blob.Source) (blob.Info, error) {
	return s.of(s.Store.Put(ctx, key, src))
}

func (s *versionedStore) Copy(ctx context.Context, from, to blob.Key) (blob.Info, error) {
	return s.of(s.Store.Copy(ctx, from, to))
}

func (s *versionedStore) Get(ctx context.Context, key blob.Key) (blob.Object, error) {
	o, err := s.Store.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	info, _ := s.of(o.Info(), nil)
	return &countedObject{o, info, &s.read}, nil
}

type countedObject struct {
	blob.Object
	info blob.Info
	read *atomic.Int64
}

func (o *countedObject) Info() blob.Info { return o.info }

func (o *countedObject) Read(p []byte) (int, error) {
	n, err := o.Object.Read(p)
	o.read.Add(int64(n))
	return n, err
}

// TestProvenIsNotReadAgain: a snapshot that was put or proven not long ago gets a
// second name without its being read. Whatever is in doubt is read.
func TestProvenIsNotReadAgain(t *testing.T) {
	h := newHouse(t)
	store := &versionedStore{Store: h.store.Store.(*local.Store), version: "1"}
	h.store.Store, h.Manager.store, h.details = store, store, newDetails(store)
	now := testNow
	h.options.Now = func() time.Time { return now }
	size := h.create(t).Size
	// again makes a snapshot, which is a second name, and tells whether the first
	// was read.
	again := func() bool {
		t.Helper()
		before := store.read.Load()
		require.Equal(t, size, h.create(t).Size)
		read := store.read.Load() - before
		require.Positive(t, read, "the manifest is always read")
		return read >= size
	}
	require.False(t, again(), "it was put a moment ago")
	require.False(t, again(), "so was what the copy is of")
	now = now.Add(vouchedFor - time.Second)
	require.False(t, again())
	now = now.Add(time.Second)
	require.True(t, again(), "copies are no proof")
	require.False(t, again(), "it was read a moment ago")
	now = now.Add(-time.Hour)
	require.True(t, again(), "a proof from the future")

	h.vouchers.known = nil // as after a restart
	require.True(t, again())
	store.version = "2"
	require.True(t, again(), "somebody has replaced them")
	store.version = ""
	require.True(t, again(), "nobody knows whether somebody has")
	require.True(t, again())
}

// TestReceiptsSpareReading: so do receipts, after a restart too.
func TestReceiptsSpareReading(t *testing.T) {
	receipt := func(change func(*Receipt)) Receipt {
		r := Receipt{Level: LevelStructure, At: testNow.Add(-time.Hour), SHA256: "s", Version: "v"}
		change(&r)
		return r
	}
	good := receipt(func(*Receipt) {})
	object := blob.Info{Size: 5, SHA256: "s", Version: "v"}
	key := blob.Key{Folder: "c", Name: "a.snapshot"}
	for name, tt := range map[string]struct {
		receipts []Receipt
		want     bool
	}{
		"none":            {nil, false},
		"structure":       {[]Receipt{good}, true},
		"state":           {[]Receipt{receipt(func(r *Receipt) { r.Level = LevelState })}, true},
		"bytes":           {[]Receipt{receipt(func(r *Receipt) { r.Level = LevelBytes })}, false},
		"damaged":         {[]Receipt{good, receipt(func(r *Receipt) { r.Level, r.Error = LevelBytes, "x" })}, false},
		"too old":         {[]Receipt{receipt(func(r *Receipt) { r.At = testNow.Add(-vouchedFor) })}, false},
		"from the future": {[]Receipt{receipt(func(r *Receipt) { r.At = testNow.Add(time.Second) })}, false},
		"other version":   {[]Receipt{receipt(func(r *Receipt) { r.Version = "w" })}, false},
		"no version":      {[]Receipt{receipt(func(r *Receipt) { r.Version = "" })}, false},
		"other bytes":     {[]Receipt{receipt(func(r *Receipt) { r.SHA256 = "t" })}, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			store := &notedStore{Store: h.Manager.store}
			h.Manager.store = store
			v := &verification{Manager: h.Manager, key: key}
			for _, r := range tt.receipts {
				v.note(context.Background(), r)
			}
			at, ok := h.vouched(context.Background(), key, object)
			require.Equal(t, tt.want, ok)
			if ok {
				require.Equal(t, good.At, at)
			}
			_, ok = h.vouched(context.Background(), key, blob.Info{Size: 5, SHA256: "s"})
			require.False(t, ok, "an object without a version")
			if name == "damaged" {
				h.vouchers.note(key, object, testNow, testNow)
				_, ok = h.vouched(context.Background(), key, object)
				require.False(t, ok, "a receipt of damage outweighs that it was put well")
			}
		})
	}
}

// notedStore keeps one note.
type notedStore struct {
	blob.Store
	text []byte
}

func (s *notedStore) SetNote(_ context.Context, _ blob.Key, text []byte) error {
	s.text = text
	return nil
}

func (s *notedStore) Note(context.Context, blob.Key) ([]byte, error) { return s.text, nil }

// TestVouchersAreForgotten bounds what is remembered.
func TestVouchersAreForgotten(t *testing.T) {
	var v vouchers
	object := blob.Info{Version: "1", SHA256: "s"}
	for i := range 10 {
		now := testNow.Add(time.Duration(i) * vouchedFor / 2)
		v.note(blob.Key{Name: string(rune('a' + i))}, object, now, now)
		require.LessOrEqual(t, len(v.known), 2)
	}
	v.note(blob.Key{Name: "x"}, blob.Info{SHA256: "s"}, testNow, testNow)
	require.NotContains(t, v.known, blob.Key{Name: "x"})
}
