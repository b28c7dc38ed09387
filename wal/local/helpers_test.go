package local_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/wal"
	"github.com/tidemark-db/tidemark/wal/local"
	"github.com/tidemark-db/tidemark/wal/waltest"
)

const block = 4096

// fastDir is a directory in memory where there is one, for tests that open
// thousands of logs and do not depend on a disk.
func fastDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "tidemark-wal-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

// image is the content of a log's directory.
type image map[string][]byte

func readImage(t testing.TB, dir string) image {
	t.Helper()
	files := image{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		files[rel], err = os.ReadFile(path)
		return err
	}))
	return files
}

func (im image) clone() image {
	c := image{}
	for name, b := range im {
		c[name] = append([]byte(nil), b...)
	}
	return c
}

// with returns a copy in which one file has other content.
func (im image) with(name string, content []byte) image {
	c := im.clone()
	c[name] = content
	return c
}

// without returns a copy without what lies at or below name.
func (im image) without(name string) image {
	c := im.clone()
	for file := range c {
		if file == name || strings.HasPrefix(file, name+"/") {
			delete(c, file)
		}
	}
	return c
}

// write replaces the content of dir.
func (im image) write(t testing.TB, dir string) {
	t.Helper()
	require.NoError(t, os.RemoveAll(dir))
	require.NoError(t, os.MkdirAll(dir, 0o750))
	for name, b := range im {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
		require.NoError(t, os.WriteFile(path, b, 0o640))
	}
}

func generation(number string) string {
	return strings.Repeat("0", 16-len(number)) + number + "/00000000000000000001"
}

func mustOpen(t testing.TB, dir string, o local.Options) (*local.Log, local.Recovery) {
	t.Helper()
	log, r, err := local.Open(dir, o)
	require.NoError(t, err)
	return log, r
}

// build makes a log of n records, one a commit group, and returns the content
// of its directory. clean says whether it is closed in order.
func build(t testing.TB, o local.Options, n int, clean bool) image {
	t.Helper()
	dir := filepath.Join(fastDir(t), "wal")
	log, _ := mustOpen(t, dir, o)
	waltest.Write(t, log, o.Base, n)
	require.NoError(t, log.Quiesce(t.Context()))
	im := readImage(t, dir)
	for name, b := range im {
		if len(b) == 0 && name != "LOCK" {
			delete(im, name) // a spare, which may or may not be there already
		}
	}
	require.NoError(t, log.Close())
	if clean {
		im = readImage(t, dir)
	}
	delete(im, "LOCK")
	return im
}

// serve opens the log in dir and reads it to its end or to where it is
// damaged: every record served must be the right one. It returns the last
// position served.
func serve(t testing.TB, dir string, o local.Options, after wal.Position) (wal.Position, local.Recovery, error) {
	t.Helper()
	log, r, err := local.Open(dir, o)
	if err != nil {
		return after, r, err
	}
	defer func() { require.NoError(t, log.Close()) }()
	last, err := log.Last(t.Context())
	require.NoError(t, err)
	reader, err := log.Tail(t.Context(), after)
	require.NoError(t, err)
	defer func() { require.NoError(t, reader.Close()) }()
	for after < last {
		records, err := reader.Next(t.Context())
		if err != nil {
			return after, r, err
		}
		for _, rec := range records {
			after++
			require.Equal(t, after, rec.Position)
			require.Equal(t, waltest.Payload(after), rec.Payload)
		}
	}
	return after, r, nil
}

// requireCorrupt checks that err names a place in a file that is or should be
// in dir.
func requireCorrupt(t testing.TB, err error, dir string) *wal.CorruptError {
	t.Helper()
	var c *wal.CorruptError
	require.Error(t, err)
	require.True(t, errors.As(err, &c), "%v", err)
	require.True(t, strings.HasPrefix(c.File, dir), c.File)
	require.NotEmpty(t, c.Reason)
	return c
}

// goesOn checks that a repaired log takes records behind last and keeps them.
func goesOn(t testing.TB, dir string, after, last wal.Position) {
	t.Helper()
	log, _ := mustOpen(t, dir, local.Options{})
	waltest.Write(t, log, last, 2)
	require.NoError(t, log.Close())
	got, r, err := serve(t, dir, local.Options{}, after)
	require.NoError(t, err)
	require.Equal(t, last+2, got)
	require.True(t, r.Clean)
}
