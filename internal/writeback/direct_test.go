package writeback_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/internal/writeback"
)

// What was written in pieces of any size is in the file, whatever size was
// announced, on a disk and in memory, where a file system may not be able to
// write past its cache.
func TestDirectWritesEverything(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		path := filepath.Join(t.TempDir(), "f")
		f, err := fsx.OS.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
		require.NoError(rt, err)
		defer f.Close()
		w := writeback.NewDirect(f, rapid.Int64Range(0, 3<<20).Draw(rt, "announced"))
		var want []byte
		for _, n := range rapid.SliceOfN(rapid.OneOf(rapid.IntRange(0, 9000), rapid.IntRange(0, 2<<20)), 0, 6).Draw(rt, "pieces") {
			piece := make([]byte, n)
			for i := range piece {
				piece[i] = byte(len(want) + i*i>>3)
			}
			want = append(want, piece...)
			wrote, err := w.Write(piece)
			require.NoError(rt, err)
			require.Equal(rt, n, wrote)
		}
		require.NoError(rt, w.Flush())
		require.NoError(rt, f.Sync())
		got, err := os.ReadFile(path)
		require.NoError(rt, err)
		require.True(rt, string(want) == string(got), "%d bytes, %d written", len(got), len(want))
	})
}

// refusing refuses a direct write as a file system with larger blocks would, all
// of it or what is left after a write that was cut short.
type refusing struct {
	fsx.File
	refusals int
	before   int // bytes that are written all the same
}

func (f *refusing) Write(p []byte) (int, error) {
	if f.refusals == 0 {
		return f.File.Write(p)
	}
	f.refusals--
	n, err := f.File.Write(p[:f.before])
	if err != nil {
		return n, err
	}
	return n, &os.PathError{Op: "write", Path: f.Name(), Err: syscall.EINVAL}
}

func TestRefusedDirectWriteGoesThroughTheCache(t *testing.T) {
	for _, before := range []int{0, 8 << 10} {
		path := filepath.Join(t.TempDir(), "f")
		f, err := fsx.OS.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
		require.NoError(t, err)
		w := writeback.NewDirect(&refusing{File: f, refusals: 1, before: before}, 1<<20)
		content := make([]byte, 2<<20+77)
		for i := range content {
			content[i] = byte(i >> 5)
		}
		_, err = w.Write(content)
		require.NoError(t, err)
		require.NoError(t, w.Flush())
		require.NoError(t, f.Close())
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		require.True(t, string(content) == string(got), "after %d bytes", before)
	}
}

// An error of the device is not taken for a refusal: nothing is written again.
func TestDirectReportsFailures(t *testing.T) {
	for _, whole := range []bool{true, false} {
		faults := fsx.NewFaults(fsx.OS)
		f, err := faults.OpenFile(filepath.Join(t.TempDir(), "f"), os.O_WRONLY|os.O_CREATE, 0o600)
		require.NoError(t, err)
		faults.Inject(fsx.Rule{Kinds: []fsx.Kind{fsx.KindWrite}, Err: syscall.ENOSPC, Times: 1})
		w := writeback.NewDirect(f, 1<<20)
		content := make([]byte, 100)
		if whole {
			content = make([]byte, 2<<20)
		}
		_, err = w.Write(content)
		require.ErrorIs(t, errors.Join(err, w.Flush()), syscall.ENOSPC)
		require.Equal(t, !whole, w.Flush() == nil, "an error in the midst stays")
		w.Abort()
		require.NoError(t, f.Close())
	}
}

func BenchmarkDirect(b *testing.B) {
	const size = 64 << 20
	piece := make([]byte, 512<<10)
	for name, writer := range map[string]func(fsx.File) (io.Writer, func() error){
		"cached": func(f fsx.File) (io.Writer, func() error) {
			return writeback.NewWriter(f), func() error { return nil }
		},
		"direct": func(f fsx.File) (io.Writer, func() error) {
			w := writeback.NewDirect(f, size)
			return w, w.Flush
		},
	} {
		b.Run(name, func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "f")
			b.SetBytes(size)
			for b.Loop() {
				f, err := fsx.OS.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
				require.NoError(b, err)
				w, flush := writer(f)
				for range size / len(piece) {
					_, err := w.Write(piece)
					require.NoError(b, err)
				}
				require.NoError(b, errors.Join(flush(), f.Sync(), f.Close()))
			}
		})
	}
}
