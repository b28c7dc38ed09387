package snapshot

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/internal/jsondoc"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/snapshot/archive"
)

// TestEverythingAtOnce creates, lists, reads, restores and deletes from several
// goroutines. Whatever is listed can be read and verifies, or is gone.
func TestEverythingAtOnce(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	var group sync.WaitGroup
	work := func(n int, do func(i int) error) {
		group.Go(func() {
			for i := range n {
				if err := do(i); err != nil && tidemark.KindOf(err) != tidemark.NotFound {
					t.Errorf("unexpected: %v", err)
				}
			}
		})
	}
	for w := range 3 {
		work(8, func(i int) error {
			_, err := h.Create(ctx, "c", CreateOptions{Description: fmt.Sprint(w, i%3)})
			return err
		})
	}
	work(20, func(i int) error {
		list, err := h.List(ctx, "alias")
		if err != nil || len(list) == 0 {
			return err
		}
		return h.Delete(ctx, "c", list[i%len(list)].Name)
	})
	work(20, func(i int) error {
		list, err := h.List(ctx, "c")
		if err != nil || len(list) == 0 {
			return err
		}
		o, err := h.Open(ctx, "c", list[i%len(list)].Name)
		if err != nil {
			return err
		}
		_, err = archive.Verify(ctx, o)
		return err
	})
	work(8, func(i int) error {
		list, err := h.List(ctx, "c")
		if err != nil || len(list) == 0 {
			return err
		}
		err = h.Restore(ctx, fmt.Sprint("r", i%2), Source{Location: fileURL(filepath.Join(h.dir, "c", list[0].Name)), Checksum: list[0].SHA256})
		if tidemark.KindOf(err) == tidemark.BadRequest { // deleted a moment ago
			return nil
		}
		return err
	})
	group.Wait()
	list, err := h.List(ctx, "c")
	require.NoError(t, err)
	for _, info := range list {
		verified(t, h.read(t, info.Name))
	}
}

// FuzzDocument feeds what config.json of an archive holds, in an envelope whose
// checksum is right. What is accepted places files only where they belong.
func FuzzDocument(f *testing.F) {
	m := writeState(f, f.TempDir(), 0)
	m.Config = []byte("{}")
	seed, err := json.Marshal(m)
	require.NoError(f, err)
	f.Add(seed)
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		config, err := jsondoc.Encode(1, json.RawMessage(data))
		if err != nil {
			return
		}
		d, err := decodeDocument(config)
		if err != nil {
			return
		}
		for _, file := range d.files {
			name := d.nameOnDisk(file)
			require.True(t, filepath.IsLocal(name), name)
			if file.Kind == archive.KindSegment {
				require.Equal(t, segments.SegmentsDir, filepath.Dir(name))
			}
		}
		again, err := newDocument(d.manifest)
		require.NoError(t, err)
		require.Equal(t, d.files[1:], again.files[1:])
	})
}
