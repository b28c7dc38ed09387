package snapshot

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/snapshot/blob"
	"github.com/tidemark-db/tidemark/snapshot/blob/blobtest"
)

func TestCreateListOpenDelete(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	list, err := h.List(ctx, "c")
	require.NoError(t, err)
	require.Empty(t, list)

	info, err := h.Create(ctx, "alias", CreateOptions{Description: "d", Labels: map[string]string{"k": "v"}})
	require.NoError(t, err)
	require.Equal(t, "c-42-2026-11-24-10-53-37-7.snapshot", info.Name, "named after the collection, not the alias")
	content := h.read(t, info.Name)
	require.EqualValues(t, len(content), info.Size)
	require.Equal(t, blobtest.Sum(content), info.SHA256)
	m := verified(t, content)
	require.Equal(t, "c", m.Collection)
	require.EqualValues(t, 7, m.Position)
	require.Equal(t, eventTime, m.EventTime)
	require.Equal(t, "d", m.Description)
	require.Equal(t, map[string]string{"k": "v"}, m.Labels)
	require.Len(t, m.Files, 4)
	require.EqualValues(t, 5, m.Count)

	list, err = h.List(ctx, "alias")
	require.NoError(t, err)
	require.Equal(t, []blob.Info{info}, list)
	require.NoError(t, h.Delete(ctx, "c", info.Name))
	_, err = h.Open(ctx, "c", info.Name)
	requireError(t, err, tidemark.NotFound, "Snapshot "+info.Name+" not found")
	require.Equal(t, []string{
		"create c began", "create c passed wait", "create c passed freeze", "create c passed reuse",
		"create c passed encode", "create c passed store", "create c ended ",
	}, h.events.all())
	result := <-h.events.ended
	require.Equal(t, Result{Size: info.Size, Position: 7, At: result.At, Took: result.Took}, result)
}

// TestUnknown is what the contract says of names that are not there.
func TestUnknown(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	noCollection := "Collection `zzz` doesn't exist!"
	_, err := h.Create(ctx, "zzz", CreateOptions{})
	requireError(t, err, tidemark.NotFound, noCollection)
	_, err = h.List(ctx, "zzz")
	requireError(t, err, tidemark.NotFound, noCollection)
	_, err = h.Open(ctx, "zzz", "a.snapshot")
	requireError(t, err, tidemark.NotFound, noCollection)
	requireError(t, h.Delete(ctx, "zzz", "a.snapshot"), tidemark.NotFound, noCollection)
	for _, name := range []string{"none.snapshot", "../../x", "../x", "..", "", "/etc/passwd", "x.snapshot.checksum", ".staging"} {
		_, err := h.Open(ctx, "c", name)
		requireError(t, err, tidemark.NotFound, "Snapshot "+name+" not found")
		requireError(t, h.Delete(ctx, "c", name), tidemark.NotFound, "Snapshot "+name+" not found")
	}
	entries, err := os.ReadDir(h.dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "no folder was made for a collection that is not there")
	_, err = h.Create(ctx, "c", CreateOptions{Description: strings.Repeat("x", 5000)})
	requireError(t, err, tidemark.BadInput, "description")
}

// TestNamesWithinOneSecond are unique.
func TestNamesWithinOneSecond(t *testing.T) {
	h := newHouse(t)
	seen := map[string]bool{}
	for range 3 {
		c, _ := h.engine.get("c")
		c.salt++ // another state; the position does not matter here
		h.engine.set("c", c)
		seen[h.create(t).Name] = true
	}
	require.Equal(t, map[string]bool{
		"c-42-2026-11-24-10-53-37-7.snapshot": true, "c-42-2026-11-24-10-53-37-7-2.snapshot": true, "c-42-2026-11-24-10-53-37-7-3.snapshot": true,
	}, seen)
}

// TestUnchanged gives the same bytes a second name.
func TestUnchanged(t *testing.T) {
	h := newHouse(t)
	first := h.create(t)
	h.store.onPut = func(context.Context, blob.Key, blob.Source) error { return errors.New("nothing may be put") }
	second := h.create(t)
	require.Zero(t, (<-h.events.ended).Reused)
	require.Equal(t, second.Size, (<-h.events.ended).Reused)
	require.NotEqual(t, first.Name, second.Name)
	require.Equal(t, first.SHA256, second.SHA256)
	require.Equal(t, h.read(t, first.Name), h.read(t, second.Name))
	h.store.onPut = nil
	seen := map[string]bool{first.SHA256: true}

	for name, change := range map[string]func(*fakeCollection, *CreateOptions){
		"description": func(_ *fakeCollection, o *CreateOptions) { o.Description = "new" },
		"labels":      func(_ *fakeCollection, o *CreateOptions) { o.Labels = map[string]string{"a": "b"} },
		"content":     func(c *fakeCollection, _ *CreateOptions) { c.salt++ },
		"position":    func(c *fakeCollection, _ *CreateOptions) { c.position++ },
		"lineage":     func(c *fakeCollection, _ *CreateOptions) { c.lineage[0]++ },
	} {
		c, _ := h.engine.get("c")
		changed, o := c, CreateOptions{}
		change(&changed, &o)
		h.engine.set("c", changed)
		info, err := h.Create(context.Background(), "c", o)
		require.NoError(t, err)
		require.NotContains(t, seen, info.SHA256, name)
		seen[info.SHA256] = true
		h.engine.set("c", c)
	}
	require.Equal(t, first.SHA256, h.create(t).SHA256, "the first is found behind the others")
}

// TestDamagedIsNotReused makes a new snapshot if the old one rotted.
func TestDamagedIsNotReused(t *testing.T) {
	h := newHouse(t)
	first := h.create(t)
	path := filepath.Join(h.dir, "c", first.Name)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	content[len(content)-2000] ^= 1
	require.NoError(t, os.WriteFile(path, content, 0o640))
	second := h.create(t)
	require.Equal(t, first.SHA256, second.SHA256, "made again from the collection")
	verified(t, h.read(t, second.Name))
}

// TestCreateFails leaves nothing visible and says why.
func TestCreateFails(t *testing.T) {
	noRoom := &blob.NoRoomError{Place: "the snapshots directory", Need: 10, Free: 5}
	for name, tt := range map[string]struct {
		prepare      func(*house)
		kind         tidemark.Kind
		text, reason string
	}{
		"no room": {
			func(h *house) { h.store.onPut = func(context.Context, blob.Key, blob.Source) error { return noRoom } },
			tidemark.Unavailable, "not enough room in the snapshots directory", "no_room",
		},
		"store fails": {
			func(h *house) {
				h.store.onPut = func(context.Context, blob.Key, blob.Source) error { return errors.New("/secret/path") }
			},
			tidemark.Internal, "cannot be read or written", "store",
		},
		"outcome unknown": {
			func(h *house) {
				h.store.onPut = func(context.Context, blob.Key, blob.Source) error { return blob.ErrOutcomeUnknown }
			},
			tidemark.Internal, "not known whether", "store",
		},
		"rot": {
			func(h *house) {
				h.store.onPut = func(context.Context, blob.Key, blob.Source) error {
					file, err := filepath.Glob(filepath.Join(h.staging, "*", "4-*.seg"))
					if err != nil || len(file) != 1 {
						return errors.New("no staged segment")
					}
					content, err := os.ReadFile(file[0])
					if err != nil {
						return err
					}
					content[len(content)/2] ^= 1
					return os.WriteFile(file[0], content, 0o640)
				}
			},
			tidemark.Internal, "were not archived", "damaged",
		},
		"engine refuses": {
			func(h *house) {
				h.engine.onFreeze = func(context.Context, string) error { return tidemark.Errorf(tidemark.Unavailable, "halted") }
			},
			tidemark.Unavailable, "halted", "internal",
		},
		"panic": {
			func(h *house) { h.engine.onFreeze = func(context.Context, string) error { panic("boom") } },
			tidemark.Internal, "see the server's log", "internal",
		},
		"staging fails": {
			func(h *house) { h.faults.Inject(rule("freeze-")) },
			tidemark.Internal, "see the server's log", "internal",
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			tt.prepare(h)
			_, err := h.Create(context.Background(), "c", CreateOptions{})
			requireError(t, err, tt.kind, tt.text)
			require.NotContains(t, err.(*tidemark.Error).Text, "secret") //nolint:errorlint // its type was checked
			require.Equal(t, tt.reason, (<-h.events.ended).Reason)
			list, err := h.List(context.Background(), "c")
			require.NoError(t, err)
			require.Empty(t, list)
			h.faults.Clear()
			h.store.onPut, h.engine.onFreeze = nil, nil
			h.create(t)
		})
	}
}

// TestRequestEnds lets the request end while the work goes on.
func TestRequestEnds(t *testing.T) {
	h := newHouse(t)
	frozen, goOn := make(chan struct{}), make(chan struct{})
	h.engine.onFreeze = func(context.Context, string) error { close(frozen); <-goOn; return nil }
	ctx, cancel := context.WithCancel(context.Background())
	answer := make(chan error)
	go func() {
		_, err := h.Create(ctx, "c", CreateOptions{})
		answer <- err
	}()
	<-frozen
	cancel()
	requireError(t, <-answer, tidemark.Timeout, "which goes on")
	close(goOn)
	require.Empty(t, (<-h.events.ended).Reason)
	list, err := h.List(context.Background(), "c")
	require.NoError(t, err)
	require.Len(t, list, 1)
}

// TestSecondWaits lets a second snapshot of a collection begin only after the
// first, and one of another collection at once.
func TestSecondWaits(t *testing.T) {
	h := newHouse(t)
	other, _ := h.engine.get("c")
	h.engine.set("d", other)
	freezes, goOn := make(chan string, 3), make(chan struct{})
	h.engine.onFreeze = func(_ context.Context, name string) error {
		freezes <- name
		if name == "c" {
			<-goOn
		}
		return nil
	}
	first, err := h.StartCreate("c", CreateOptions{})
	require.NoError(t, err)
	require.Equal(t, "c", <-freezes)
	second, err := h.StartCreate("alias", CreateOptions{Description: "second"})
	require.NoError(t, err)
	_, err = h.Create(context.Background(), "d", CreateOptions{})
	require.NoError(t, err)
	require.Equal(t, "d", <-freezes)
	require.Empty(t, freezes, "the second began before the first was done")
	close(goOn)
	_, err = first.Wait(context.Background())
	require.NoError(t, err)
	info, err := second.Wait(context.Background())
	require.NoError(t, err)
	require.Equal(t, "second", verified(t, h.read(t, info.Name)).Description)
}

// TestClose ends work early once its context ends, and waits until it is gone.
func TestClose(t *testing.T) {
	h := newHouse(t)
	frozen := make(chan struct{}, 2) // who waits may get the turn in the moment in which all end
	h.engine.onFreeze = func(ctx context.Context, _ string) error { frozen <- struct{}{}; <-ctx.Done(); return ctx.Err() }
	job, err := h.StartCreate("c", CreateOptions{})
	require.NoError(t, err)
	waiting, err := h.StartCreate("c", CreateOptions{})
	require.NoError(t, err)
	<-frozen
	expired, cancel := context.WithCancel(context.Background())
	cancel()
	h.Close(expired)
	for _, j := range []*Job[blob.Info]{job, waiting} {
		_, err = j.Wait(context.Background())
		requireError(t, err, tidemark.Unavailable, "the server stopped")
	}
	require.Equal(t, "cancelled", (<-h.events.ended).Reason)
	_, err = h.StartCreate("c", CreateOptions{})
	requireError(t, err, tidemark.Unavailable, "the server is stopping")
}

// TestArchiveIsReproducible makes the same bytes from the same state.
func TestArchiveIsReproducible(t *testing.T) {
	a, b := newHouse(t), newHouse(t)
	require.Equal(t, a.create(t).SHA256, b.create(t).SHA256)
}
