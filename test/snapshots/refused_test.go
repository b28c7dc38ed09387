package snapshots

import (
	"archive/tar"
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// refusal is a restore that must fail.
type refusal struct {
	name     string
	content  []byte // of the file; nil: the good archive
	checksum string
	status   int
	text     string // part of the answer
	// only is a collection that the restore would be for; empty: both one that is
	// there and one that is not.
	only string
}

// refusals are made of a good archive of collection c, and one of d, whose
// vectors are others.
func refusals(good, other []byte) []refusal {
	list := []refusal{
		{name: "wrong checksum", checksum: strings.Repeat("0", 64), status: 400, text: "Snapshot checksum mismatch: expected 000"},
		{name: "checksum of another", checksum: sum(other), status: 400, text: "got " + sum(good)},
		{name: "no checksum at all", checksum: "zz", status: 422, text: "invalid_sha256_hash"},
		{name: "empty", content: []byte{}, status: 400, text: "the archive is cut off"},
		{name: "no archive", content: bytes.Repeat([]byte("junk"), 1000), status: 400, text: "this is no snapshot archive"},
		{name: "bytes follow", content: append(slices.Clone(good), 0), status: 400, text: "bytes follow the end"},
		{name: "other vectors", content: other, status: 400, text: "Snapshot is not compatible with existing collection: Collection vectors:", only: "c"},
		{name: "layout of the reference", content: foreign("0/segments/x.tar", "config.json", "version.info"), status: 400, text: "this is a snapshot archive of Qdrant"},
		{name: "whole storage of the reference", content: foreign("c-1-2026-01-01-00-00-00.snapshot", "config.json"), status: 400, text: "this is a snapshot archive of Qdrant"},
	}
	for _, n := range []int{1, 511, 512, 1000, len(good) / 3, len(good) / 2, len(good) - 1024, len(good) - 1} {
		list = append(list, refusal{name: fmt.Sprintf("cut off at %d", n), content: good[:n], status: 400, text: "the archive is cut off"})
	}
	for _, bit := range flips(len(good)) {
		content := slices.Clone(good)
		content[bit/8] ^= 1 << (bit % 8)
		list = append(list, refusal{name: fmt.Sprintf("bit %d flipped", bit), content: content, status: 400, text: " "})
	}
	return list
}

// flips are bits spread over an archive: many in its first blocks and its last
// ones, which hold headers, manifest and padding, and some in between.
func flips(size int) (bits []int) {
	for i := range 24 {
		bits = append(bits, (i*97)*8+i%8, (size-1-i*113)*8+i%8, (size/25*(i+1))*8+i%8)
	}
	return bits
}

// foreign is a tar file with entries of these names.
func foreign(names ...string) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range names {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: 2}); err != nil {
			panic(err) // it is written to memory
		}
		if _, err := w.Write([]byte("{}")); err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// TestRefusedRestores lets many restores fail, over a collection and where there
// is none. Nothing may change, nothing may be left over, and the collection goes
// on.
func TestRefusedRestores(t *testing.T) {
	s := start(t, t.TempDir())
	s.must(t, "PUT /collections/c", dense(8))
	s.must(t, "PUT /collections/d", dense(9))
	s.fill(t, "c", 800, 8)
	s.fill(t, "d", 50, 9)
	c, d := s.create(t, "c"), s.create(t, "d")
	good, err := os.ReadFile(s.file("c", c.Name))
	require.NoError(t, err)
	other, err := os.ReadFile(s.file("d", d.Name))
	require.NoError(t, err)
	s.must(t, "PUT /collections/c/points?wait=true", `{"points":[{"id":5000,"vector":[1,2,3,4,5,6,7,8]}]}`)
	before, directories := s.state(t, "c"), s.left(t)
	collections := string(result[jsonText](t, s, "GET /collections", ""))
	unchanged := func(t *testing.T) {
		require.Equal(t, before, s.state(t, "c"))
		require.JSONEq(t, collections, string(result[jsonText](t, s, "GET /collections", "")))
		require.Equal(t, directories, s.left(t))
	}
	for i, r := range refusals(good, other) {
		path := s.file("c", c.Name)
		if r.content != nil {
			path = s.file("", fmt.Sprintf("refused-%d.snapshot", i))
			require.NoError(t, os.WriteFile(path, r.content, 0o600))
		}
		t.Run(r.name, func(t *testing.T) {
			for _, collection := range []string{"c", "missing"} {
				if r.only != "" && r.only != collection {
					continue
				}
				answer := s.get(t, recoverRequest(collection), recoverBody(path, r.checksum))
				require.Equal(t, r.status, answer.status, "%s", answer.body)
				require.Contains(t, answer.errorText(t), r.text)
				require.NotContains(t, string(answer.body), s.dir, "a path of the host")
			}
			unchanged(t)
		})
	}
	t.Run("after the next start", func(t *testing.T) {
		s.restart(t)
		unchanged(t)
		require.Len(t, s.list(t, "c"), 1)
		r := s.get(t, "GET /collections/missing", "")
		require.Equal(t, http.StatusNotFound, r.status)
	})
	t.Run("the good one still works", func(t *testing.T) {
		s.must(t, recoverRequest("c"), recoverBody(s.file("c", c.Name), c.Checksum))
		after := s.state(t, "c")
		require.Equal(t, manifestOf(t, s.file("c", c.Name)).Digest, after.Digest)
		require.Greater(t, after.Position, before.Position, "positions went back")
	})
}

// TestRefusedLocations asks for files that must not be restored.
func TestRefusedLocations(t *testing.T) {
	s := start(t, t.TempDir())
	s.must(t, "PUT /collections/c", dense(8))
	s.fill(t, "c", 10, 8)
	good := s.file("c", s.create(t, "c").Name)
	content, err := os.ReadFile(good)
	require.NoError(t, err)
	outside := filepath.Join(s.dir, "outside.snapshot")
	require.NoError(t, os.WriteFile(outside, content, 0o600))
	link := s.file("", "link.snapshot")
	require.NoError(t, os.Symlink(outside, link))
	before, directories := s.state(t, "c"), s.left(t)
	for _, l := range []struct {
		location string
		status   int
		text     string
	}{
		{fileURL(outside), 403, "Snapshot file path must be inside the snapshots directory"},
		{fileURL(link), 403, "Snapshot file path must be inside the snapshots directory"},
		{fileURL(s.file("c", "../../outside.snapshot")), 403, "Snapshot file path must be inside the snapshots directory"},
		{"file://" + s.dir + "/snapshots/c/..%2F..%2Foutside.snapshot", 403, "Snapshot file path must be inside the snapshots directory"},
		{fileURL(s.file("c", "none.snapshot")), 400, "does not exist"},
		{fileURL(s.file("c", "")), 400, "does not exist"}, // a directory
		{fileURL(good + "/x"), 400, "Failed to resolve snapshot path"},
		{"file://elsewhere" + good, 400, "Invalid snapshot URI, file path must be absolute or on localhost"},
	} {
		for _, collection := range []string{"c", "missing"} {
			r := s.get(t, recoverRequest(collection), fmt.Sprintf(`{"location":%q}`, l.location))
			require.Equal(t, l.status, r.status, "%s: %s", l.location, r.body)
			require.Contains(t, r.errorText(t), l.text)
		}
	}
	require.Equal(t, before, s.state(t, "c"))
	require.Equal(t, directories, s.left(t))
	s.must(t, recoverRequest("c"), fmt.Sprintf(`{"location":"file://localhost%s"}`, good))
}

// left lists what stands where collections, staging, trash and damaged files
// have their places: directories of collections by name, the rest whole.
func (s *server) left(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(s.dir, "storage", "collections"))
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, "collections/"+e.Name())
	}
	for _, dir := range []string{"storage/trash", "storage/quarantine", "snapshots/.staging"} {
		names = append(names, s.below(t, dir)...)
	}
	return names
}

// below lists the files below a directory that may be missing. Locks and empty
// directories are no leftovers.
func (s *server) below(t *testing.T, dir string) (names []string) {
	t.Helper()
	root := filepath.Join(s.dir, dir)
	if _, err := os.Stat(root); os.IsNotExist(err) {
		return nil
	}
	require.NoError(t, filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() && e.Name() != "LOCK" {
			names = append(names, strings.TrimPrefix(path, s.dir+"/"))
		}
		return err
	}))
	return names
}
