package snapshot

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/snapshot/blob"
)

func TestPlanCreate(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	h.Manager.store = h.store.Store // which knows its room
	p, err := h.PlanCreate(ctx, "alias", CreateOptions{})
	require.NoError(t, err)
	require.Positive(t, p.Free)
	p.Free = 0
	require.Equal(t, Plan{Kind: JobCreate, Collection: "c", Position: 7, Files: 3, Bytes: 10_000, Needed: 10_000, Took: -1}, p)
	require.Empty(t, h.Jobs(), "it is no job")

	info := h.create(t)
	p, err = h.PlanCreate(ctx, "c", CreateOptions{})
	require.NoError(t, err)
	require.Equal(t, info.Name, p.Reuses)
	require.Zero(t, p.Needed)
	require.Positive(t, p.Took, "something was measured")
	p, err = h.PlanCreate(ctx, "c", CreateOptions{Description: "another"})
	require.NoError(t, err)
	require.Empty(t, p.Reuses)

	_, err = h.PlanCreate(ctx, "none", CreateOptions{})
	requireError(t, err, tidemark.NotFound, "doesn't exist")
	_, err = h.PlanCreate(ctx, "c", CreateOptions{Labels: map[string]string{"": "x"}})
	requireError(t, err, tidemark.BadInput, "label")
	h.Manager.store = fullStore{h.store.Store}
	_, err = h.PlanCreate(ctx, "c", CreateOptions{})
	requireError(t, err, tidemark.Unavailable, "not enough room")
	h.requireClean(t)
}

// fullStore has no room and does not know how much there is.
type fullStore struct{ blob.Store }

func (fullStore) CheckRoom(context.Context, int64) error {
	return &blob.NoRoomError{Place: "the place", Need: 2, Free: 1}
}

func TestPlanRestore(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	path, content, before := snapshotOfC(t, h)
	from := newHost(t, sends(content))
	for _, location := range []string{"file://" + path, from.URL, "c/" + filepath.Base(path)} {
		p, err := h.PlanRestore(ctx, "new", Source{Location: parsed(t, location)})
		require.NoError(t, err)
		require.Equal(t, "c", p.Archive.Collection)
		size := int64(len(content))
		require.Equal(t, Plan{
			Kind: JobRecover, Collection: "new", Archive: p.Archive, Position: 7, Files: 4, Bytes: size, Needed: size + 1, Free: 1 << 40, Took: -1,
		}, p)
	}
	_, ok := h.engine.get("new")
	require.False(t, ok)
	require.Len(t, h.Jobs(), 1, "it is no job")

	p, err := h.PlanRestore(ctx, "alias", Source{Location: fileURL(path)})
	require.NoError(t, err)
	require.Equal(t, &Replaced{Position: 100, Points: 5, Lineage: before.lineage}, p.Replaces)
	h.engine.onFreeze = func(context.Context, string) error { return errors.New("it is damaged") }
	p, err = h.PlanRestore(ctx, "c", Source{Location: fileURL(path)})
	require.NoError(t, err)
	require.Equal(t, &Replaced{Damaged: true}, p.Replaces)
	h.engine.onFreeze = nil

	require.NoError(t, h.Restore(ctx, "other", Source{Location: fileURL(path)}))
	p, err = h.PlanRestore(ctx, "new", Source{Location: fileURL(path)})
	require.NoError(t, err)
	require.Positive(t, p.Took)
	h.requireClean(t)
}

// TestPlanRestoreRefuses what the restore would refuse, in its words.
func TestPlanRestoreRefuses(t *testing.T) {
	h := newHouse(t)
	path, content, _ := snapshotOfC(t, h)
	cut := h.upload(t, "cut.snapshot", content[:len(content)-1])
	junk := h.upload(t, "junk.snapshot", []byte("junk"))
	flipped := append([]byte(nil), content...)
	flipped[1600] ^= 1 // in the manifest or the configuration
	bad := h.upload(t, "flipped.snapshot", flipped)
	other, _ := h.engine.get("c")
	other.config = `{"size":5}`
	h.engine.set("other", other)
	for _, tt := range []struct {
		collection, location string
		kind                 tidemark.Kind
		text                 string
	}{
		{"new", "file://" + cut, tidemark.BadInput, fmt.Sprintf("the file has %d bytes, its manifest says %d", len(content)-1, len(content))},
		{"new", "file://" + junk, tidemark.BadInput, "cut off"},
		{"new", "file://" + bad, tidemark.BadInput, "damaged"},
		{"new", "file:///none", tidemark.BadRequest, "does not exist"},
		{"new", "none.snapshot", tidemark.NotFound, "not found"},
		{"other", "file://" + path, tidemark.BadInput, "not compatible with existing collection"},
	} {
		_, err := h.PlanRestore(context.Background(), tt.collection, Source{Location: parsed(t, tt.location)})
		requireError(t, err, tt.kind, tt.text)
		h.requireClean(t)
	}
}

func TestDescribe(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	notes := CreateOptions{Description: "before the release", Labels: map[string]string{"team": "search"}}
	made, err := h.Create(ctx, "c", notes)
	require.NoError(t, err)
	h.upload(t, "c/z-junk.snapshot", []byte("junk"))
	for range 2 { // the second time from memory
		list, err := h.Describe(ctx, "alias")
		require.NoError(t, err)
		require.Len(t, list, 2)
		require.Equal(t, made, list[0].Info)
		require.Equal(t, notes, CreateOptions{list[0].Manifest.Description, list[0].Manifest.Labels})
		require.EqualValues(t, 7, list[0].Manifest.Position)
		require.Nil(t, list[1].Manifest, "it is no archive")
	}
	require.Len(t, h.details.known, 1)
	// Other bytes under the same name are looked at anew.
	require.NoError(t, h.Delete(ctx, "c", made.Name))
	h.engine.set("c", fakeCollection{config: `{"size":4}`, position: 9, salt: 3})
	h.Manager.options.Now = func() time.Time { return testNow.Add(time.Hour) }
	again, err := h.Create(ctx, "c", CreateOptions{})
	require.NoError(t, err)
	list, err := h.Describe(ctx, "c")
	require.NoError(t, err)
	require.Equal(t, again, list[0].Info)
	require.EqualValues(t, 9, list[0].Manifest.Position)
	_, err = h.Describe(ctx, "none")
	requireError(t, err, tidemark.NotFound, "doesn't exist")
}
