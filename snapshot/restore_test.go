package snapshot

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/snapshot/blob/blobtest"
)

func rule(path string) fsx.Rule { return fsx.Rule{Path: path} }

func fileURL(path string) *url.URL { return &url.URL{Scheme: "file", Path: path} }

// snapshotOfC takes a snapshot, then changes the collection.
func snapshotOfC(t *testing.T, h *house) (path string, content []byte, before fakeCollection) {
	t.Helper()
	before, _ = h.engine.get("c")
	info := h.create(t)
	after := before
	after.salt, after.position = 50, 100
	h.engine.set("c", after)
	return filepath.Join(h.dir, "c", info.Name), h.read(t, info.Name), before
}

func TestRestore(t *testing.T) {
	for _, target := range []string{"c", "alias", "new", "ü/.."} {
		t.Run(target, func(t *testing.T) {
			h := newHouse(t)
			path, content, before := snapshotOfC(t, h)
			sum := blobtest.Sum(content)
			for _, checksum := range []string{"", sum, strings.ToUpper(sum)} {
				require.NoError(t, h.Restore(context.Background(), target, Source{Location: fileURL(path), Checksum: checksum}))
				name := strings.ReplaceAll(target, "alias", "c")
				got, ok := h.engine.get(name)
				require.True(t, ok)
				require.Equal(t, before.digest(t), got.digest(t))
				require.Equal(t, before.lineage, got.lineage)
			}
			require.Contains(t, h.events.all(), "restore "+strings.ReplaceAll(target, "alias", "c")+" passed install")
		})
	}
}

// TestAFailingDiskIsNoBadArchive: whoever sent the archive is not told that it is
// wrong when what was unpacked cannot be read.
func TestAFailingDiskIsNoBadArchive(t *testing.T) {
	h := newHouse(t)
	path, _, _ := snapshotOfC(t, h)
	h.faults.Inject(fsx.Rule{Kinds: []fsx.Kind{fsx.KindRead}, Path: segments.SegmentSuffix})
	err := h.Restore(context.Background(), "c", Source{Location: fileURL(path)})
	require.Equal(t, tidemark.Internal, tidemark.KindOf(err))
	require.ErrorIs(t, err, syscall.EIO)
}

// TestRestoreRefuses leaves everything as it was, for a collection that is there
// and one that is not.
func TestRestoreRefuses(t *testing.T) {
	var qdrant bytes.Buffer
	w := tar.NewWriter(&qdrant)
	require.NoError(t, w.WriteHeader(&tar.Header{Name: "0/segments/x.tar", Mode: 0o644, Format: tar.FormatGNU}))
	require.NoError(t, w.Close())
	wrong := strings.Repeat("0", 64)
	for name, tt := range map[string]struct {
		edit     func([]byte) []byte
		checksum string
		config   string // of the collection that is there
		kind     tidemark.Kind
		text     string
		always   bool // also if there is no collection
	}{
		"one bit":             {edit: func(b []byte) []byte { b[len(b)-4000] ^= 1; return b }, kind: tidemark.BadInput, text: "damaged at byte", always: true},
		"cut off":             {edit: func(b []byte) []byte { return b[:len(b)-1] }, kind: tidemark.BadInput, text: "cut off", always: true},
		"longer":              {edit: func(b []byte) []byte { return append(b, 0) }, kind: tidemark.BadInput, text: "bytes follow the end", always: true},
		"junk":                {edit: func([]byte) []byte { return bytes.Repeat([]byte("junk"), 500) }, kind: tidemark.BadInput, text: "this is no snapshot archive", always: true},
		"empty":               {edit: func([]byte) []byte { return nil }, kind: tidemark.BadInput, text: "cut off", always: true},
		"of the reference":    {edit: func([]byte) []byte { return qdrant.Bytes() }, kind: tidemark.BadInput, text: "snapshot archive of Qdrant", always: true},
		"wrong checksum":      {checksum: wrong, kind: tidemark.BadInput, text: "Snapshot checksum mismatch: expected " + wrong + ", got ", always: true},
		"checksum before all": {edit: func([]byte) []byte { return []byte("junk") }, checksum: wrong, kind: tidemark.BadInput, text: "Snapshot checksum mismatch: expected " + wrong + ", got " + blobtest.Sum([]byte("junk")), always: true},
		"other vectors":       {config: `{"size":5}`, kind: tidemark.BadInput, text: `Snapshot is not compatible with existing collection: Collection vectors: {"size":5} Snapshot Vectors: {"size":4}`},
		"checksum before it":  {config: `{"size":5}`, checksum: wrong, kind: tidemark.BadInput, text: "Snapshot checksum mismatch"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			_, content, _ := snapshotOfC(t, h)
			if tt.edit != nil {
				content = tt.edit(content)
			}
			if tt.config != "" {
				c, _ := h.engine.get("c")
				c.config = tt.config
				h.engine.set("c", c)
			}
			before, _ := h.engine.get("c")
			src := Source{Location: fileURL(h.upload(t, "x.snapshot", content)), Checksum: tt.checksum}
			requireError(t, h.Restore(context.Background(), "c", src), tt.kind, tt.text)
			after, _ := h.engine.get("c")
			require.Equal(t, before, after)
			if tt.always {
				requireError(t, h.Restore(context.Background(), "new", src), tt.kind, tt.text)
				_, ok := h.engine.get("new")
				require.False(t, ok, "a phantom")
			}
		})
	}
}

func TestLocations(t *testing.T) {
	h := newHouse(t)
	path, _, _ := snapshotOfC(t, h)
	outside := filepath.Join(t.TempDir(), "outside.snapshot")
	require.NoError(t, os.WriteFile(outside, nil, 0o640))
	loop := filepath.Join(filepath.Dir(outside), "loop")
	require.NoError(t, os.Symlink("loop", loop))
	require.NoError(t, os.Symlink(outside, filepath.Join(h.dir, "link.snapshot")))
	require.NoError(t, os.Symlink(path, filepath.Join(h.dir, "inner.snapshot")))
	require.NoError(t, os.Symlink("loop.snapshot", filepath.Join(h.dir, "loop.snapshot")))
	require.NoError(t, syscall.Mkfifo(filepath.Join(h.dir, "pipe.snapshot"), 0o640))
	for location, want := range map[string]struct {
		kind tidemark.Kind
		text string
	}{
		"file://rel":                         {tidemark.BadRequest, "Invalid snapshot URI, file path must be absolute or on localhost"},
		"file://host/etc/passwd":             {tidemark.BadRequest, "Invalid snapshot URI, file path must be absolute or on localhost"},
		"file:rel":                           {tidemark.BadRequest, "Invalid snapshot URI, file path must be absolute or on localhost"},
		"file:///nope.snapshot":              {tidemark.BadRequest, `Snapshot file "/nope.snapshot" does not exist`},
		"file:///etc/passwd":                 {tidemark.Forbidden, `Snapshot file path must be inside the snapshots directory "` + h.dir + `"`},
		"file://" + outside:                  {tidemark.Forbidden, "must be inside"},
		"file://" + outside + "/x":           {tidemark.Forbidden, "must be inside"},
		"file://" + loop:                     {tidemark.Forbidden, "must be inside"},
		"file://" + h.dir + "/../x":          {tidemark.BadRequest, "does not exist"},
		"file://" + h.dir + "/..":            {tidemark.Forbidden, "must be inside"},
		"file://" + h.dir + "-2/x":           {tidemark.BadRequest, "does not exist"},
		"file://" + h.dir + "/link.snapshot": {tidemark.Forbidden, "must be inside"},
		"file://" + h.dir + "/loop.snapshot": {tidemark.BadRequest, "Failed to resolve snapshot path"},
		"file://" + h.dir + "/pipe.snapshot": {tidemark.BadRequest, "does not exist"},
		"file://" + h.dir + "/c":             {tidemark.BadRequest, "does not exist"},
		"file://" + h.dir:                    {tidemark.BadRequest, "does not exist"},
		"ftp://x/y":                          {tidemark.BadRequest, "URL ftp://x/y with scheme ftp is not supported"},
		"http:///x":                          {tidemark.BadRequest, "URL http:///x names no host"},
		"x.snapshot":                         {tidemark.NotFound, "Snapshot x.snapshot not found"},
		"none/" + filepath.Base(path):        {tidemark.NotFound, "Snapshot none/" + filepath.Base(path) + " not found"},
		"/" + filepath.Base(path):            {tidemark.NotFound, "not found"},
		"c/../c/" + filepath.Base(path):      {tidemark.NotFound, "not found"},
		"c/..":                               {tidemark.NotFound, "Snapshot c/.. not found"},
	} {
		u, err := url.Parse(location)
		require.NoError(t, err)
		requireError(t, h.Restore(context.Background(), "c", Source{Location: u}), want.kind, want.text)
	}
	for _, location := range []string{"file://" + path, "file://localhost" + path, "file://" + h.dir + "/inner.snapshot", "file://" + h.dir + "/c/../inner.snapshot", filepath.Base(path), "c/" + filepath.Base(path), "alias/" + filepath.Base(path)} {
		u, err := url.Parse(location)
		require.NoError(t, err)
		require.NoError(t, h.Restore(context.Background(), "c", Source{Location: u}), location)
	}
}

// TestRestoreFaults lets each file operation of a restore fail.
func TestRestoreFaults(t *testing.T) {
	h := newHouse(t)
	path, _, _ := snapshotOfC(t, h)
	before, _ := h.engine.get("c")
	failures := 0
	for nth := 1; ; nth++ {
		fault := [...]struct {
			err  error
			kind tidemark.Kind
			text string
		}{
			{syscall.ENOSPC, tidemark.Unavailable, "not enough room on the disk"},
			{syscall.EIO, tidemark.Internal, "see the server's log"},
		}[nth%2]
		h.faults.Inject(fsx.Rule{Nth: nth, Times: 1, Err: fault.err, Short: 2})
		err := h.Restore(context.Background(), "c", Source{Location: fileURL(path)})
		h.faults.Clear()
		if err == nil {
			break
		}
		failures++
		requireError(t, err, fault.kind, fault.text)
		after, _ := h.engine.get("c")
		require.Equal(t, before, after)
		h.requireClean(t)
	}
	require.Greater(t, failures, 9, "create, write and sync of three files, sync of the directory")
}

// TestInstallFails discards what was unpacked.
func TestInstallFails(t *testing.T) {
	h := newHouse(t)
	path, _, _ := snapshotOfC(t, h)
	h.engine.onInstall = func(context.Context, string) error { return errors.New("the digest differs") }
	requireError(t, h.Restore(context.Background(), "new", Source{Location: fileURL(path)}), tidemark.Internal, "see the server's log")
	_, ok := h.engine.get("new")
	require.False(t, ok)
	h.requireClean(t)
}

// TestRestoreOfOpenFile goes on when its snapshot is deleted.
func TestRestoreOfOpenFile(t *testing.T) {
	h := newHouse(t)
	path, _, before := snapshotOfC(t, h)
	release, err := h.turns.take(context.Background(), "c")
	require.NoError(t, err)
	job, err := h.StartRestore(context.Background(), "c", Source{Location: fileURL(path)})
	require.NoError(t, err)
	require.NoError(t, h.Delete(context.Background(), "c", filepath.Base(path)))
	release()
	_, err = job.Wait(context.Background())
	require.NoError(t, err)
	after, _ := h.engine.get("c")
	require.Equal(t, before.digest(t), after.digest(t))
}
