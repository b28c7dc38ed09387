package snapshot

import (
	"archive/tar"
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/snapshot/blob"
	"github.com/tidemark-db/tidemark/snapshot/blob/blobtest"
)

var levels = []Level{LevelBytes, LevelStructure, LevelState}

// newVerifier is a house whose Manager sees the store itself, which keeps notes.
func newVerifier(t *testing.T) *house {
	h := newHouse(t)
	h.Manager.store = h.store.Store
	return h
}

func (h *house) verify(name string, level Level) (Receipt, error) {
	job, err := h.StartVerify("c", name, level)
	if err != nil {
		return Receipt{}, err
	}
	return job.Wait(context.Background())
}

func (h *house) receiptsOf(t *testing.T, name string) map[Level]Receipt {
	t.Helper()
	list, err := h.Describe(context.Background(), "c")
	require.NoError(t, err)
	out := make(map[Level]Receipt)
	for _, d := range list {
		for _, r := range d.Receipts {
			if d.Name == name {
				require.NotContains(t, out, r.Level, "one for each level")
				out[r.Level] = r
			}
		}
	}
	return out
}

func TestVerifyStored(t *testing.T) {
	h := newVerifier(t)
	info := h.create(t)
	require.Empty(t, h.receiptsOf(t, info.Name))
	<-h.events.ended
	for i, level := range levels {
		for range 2 { // the second receipt replaces the first
			r, err := h.verify(info.Name, level)
			require.NoError(t, err)
			require.Empty(t, (<-h.events.ended).Reason)
			require.Equal(t, level, r.Level)
			require.Equal(t, testNow, r.At)
			require.Equal(t, level != LevelBytes, r.Position == 7)
			require.Empty(t, r.Error)
			require.Equal(t, info.SHA256, r.SHA256)
			require.Equal(t, r, h.receiptsOf(t, info.Name)[level])
		}
		require.Len(t, h.receiptsOf(t, info.Name), i+1)
		require.Equal(t, JobVerify, h.Jobs()[0].Kind)
		require.Equal(t, JobDone, h.Jobs()[0].State)
	}
	h.requireClean(t)
	for _, name := range []string{"none.snapshot", "../x", info.Name + ".note"} {
		_, err := h.verify(name, LevelBytes)
		requireError(t, err, tidemark.NotFound, "Snapshot "+name+" not found")
	}
	_, err := ParseLevel("x")
	requireError(t, err, tidemark.BadRequest, `unknown level "x"`)

	// A receipt is of certain bytes, and goes with them.
	require.NoError(t, h.Delete(context.Background(), "c", info.Name))
	entries, err := os.ReadDir(filepath.Join(h.dir, "c"))
	require.NoError(t, err)
	require.Empty(t, entries)
}

// TestVerifyFindsDamage at every level, and says so in the list until it is
// mended.
func TestVerifyFindsDamage(t *testing.T) {
	for name, change := range map[string]func([]byte) []byte{
		"a bit of a point": func(b []byte) []byte { b[len(b)-4000] ^= 1; return b },
		"a bit of padding": func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"cut off":          func(b []byte) []byte { return b[:len(b)-1] },
		"longer":           func(b []byte) []byte { return append(b, 0) },
		"empty":            func([]byte) []byte { return nil },
		"Qdrant's":         func([]byte) []byte { return tarOf(t, "config.json", "{}") },
		"junk":             func(b []byte) []byte { return bytes.Repeat([]byte("junk"), len(b)/4) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newVerifier(t)
			info := h.create(t)
			path := filepath.Join(h.dir, "c", info.Name)
			good := h.read(t, info.Name)
			<-h.events.ended
			require.NoError(t, os.WriteFile(path, change(bytes.Clone(good)), 0o640))
			for _, level := range levels {
				_, err := h.verify(info.Name, level)
				requireError(t, err, tidemark.BadInput, "snapshot")
				require.Equal(t, JobFailed, h.Jobs()[0].State)
				require.Equal(t, "damaged", (<-h.events.ended).Reason)
				require.NotEmpty(t, h.receiptsOf(t, info.Name)[level].Error)
				h.requireClean(t)
			}
			require.NoError(t, os.WriteFile(path, good, 0o640))
			_, err := h.verify(info.Name, LevelState)
			require.NoError(t, err)
			require.Empty(t, h.receiptsOf(t, info.Name)[LevelState].Error)
		})
	}
}

// tarOf returns a tar file with one entry.
func tarOf(t *testing.T, name, content string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	require.NoError(t, w.WriteHeader(&tar.Header{Name: name, Size: int64(len(content)), Mode: 0o644}))
	_, err := w.Write([]byte(content))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

// TestVerifyFindsAnotherArchive that is whole but not the one that was stored.
func TestVerifyFindsAnotherArchive(t *testing.T) {
	h := newVerifier(t)
	info := h.create(t)
	h.engine.set("c", fakeCollection{config: `{"size":4}`, position: 9, salt: 3})
	other := h.read(t, h.create(t).Name)
	path := filepath.Join(h.dir, "c", info.Name)
	require.NoError(t, os.WriteFile(path, other, 0o640))
	for _, level := range levels {
		_, err := h.verify(info.Name, level)
		requireError(t, err, tidemark.BadInput, "its sha256 is "+blobtest.Sum(other)+", it was stored as "+info.SHA256)
	}
	// Put there on purpose, with its checksum, it is another snapshot: the
	// receipts of the first are not its own.
	require.NoError(t, os.WriteFile(path+".checksum", []byte(blobtest.Sum(other)), 0o640))
	require.Empty(t, h.receiptsOf(t, info.Name))
}

// TestVerifyFaults: what cannot be read is not called damaged, and nothing is
// left in staging.
func TestVerifyFaults(t *testing.T) {
	h := newVerifier(t)
	info := h.create(t)
	for nth := 1; nth <= 12; nth++ {
		h.faults.Inject(fsx.Rule{Nth: nth, Times: 1, Err: [...]error{syscall.ENOSPC, syscall.EIO}[nth%2]})
		_, err := h.verify(info.Name, LevelState)
		h.faults.Clear()
		if err != nil {
			require.NotEqual(t, tidemark.BadInput, tidemark.KindOf(err), "%v", err)
			require.NotContains(t, err.Error(), "damaged")
			require.Empty(t, h.receiptsOf(t, info.Name))
		} else {
			require.NoError(t, h.store.Store.(blob.Noter).SetNote(context.Background(), blob.Key{Folder: "c", Name: info.Name}, nil))
		}
	}
	_, err := h.verify(info.Name, LevelState)
	require.NoError(t, err)
}

func FuzzDecodeReceipts(f *testing.F) {
	f.Add([]byte(`[{"level":"state","at":"2026-11-24T10:53:37Z","took_ns":1,"position":7,"sha256":"ab"}]`))
	f.Add([]byte(`[{"level":"x"},null,{"level":"bytes","at":"9999-12-31T23:59:59-14:00"}]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, r := range decodeReceipts(b) {
			_, err := ParseLevel(string(r.Level))
			require.NoError(t, err)
			require.NotEmpty(t, r.At.Format(time.RFC3339))
		}
		require.Empty(t, decodeReceipts([]byte(strings.Repeat("[", 10)+string(b))))
	})
}
