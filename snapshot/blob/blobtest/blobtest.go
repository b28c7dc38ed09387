// Package blobtest is the conformance suite of every blob.Store.
package blobtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/snapshot/blob"
)

// Run tests that stores keep what the interface promises. open returns an empty
// store of the test's own.
func Run(t *testing.T, open func(t *testing.T) blob.Store) {
	for name, test := range map[string]func(*testing.T, blob.Store){
		"put and get":         putAndGet,
		"never overwritten":   neverOverwritten,
		"failed put":          failedPut,
		"folders":             folders,
		"invalid keys":        invalidKeys,
		"delete":              remove,
		"delete while open":   removeWhileOpen,
		"copy":                copies,
		"one of many wins":    oneWins,
		"seek":                seek,
		"large object":        large,
		"no partial listings": noPartialListings,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// Content is a source of the given bytes, written in small steps.
func Content(content []byte) blob.Source {
	return blob.Source{Size: int64(len(content)), Write: func(ctx context.Context, w io.Writer) error {
		for rest := content; len(rest) > 0; {
			n := min(len(rest), 1000)
			if _, err := w.Write(rest[:n]); err != nil {
				return err
			}
			rest = rest[n:]
		}
		return ctx.Err()
	}}
}

// Sum returns the checksum of content as Info has it.
func Sum(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func key(folder, name string) blob.Key { return blob.Key{Folder: folder, Name: name + blob.Suffix} }

func put(t *testing.T, s blob.Store, k blob.Key, content string) blob.Info {
	t.Helper()
	info, err := s.Put(context.Background(), k, Content([]byte(content)))
	require.NoError(t, err)
	return info
}

// requireObject checks that an object is there, whole, in every way to see it.
func requireObject(t *testing.T, s blob.Store, k blob.Key, content string) {
	t.Helper()
	o, err := s.Get(context.Background(), k)
	require.NoError(t, err)
	got, err := io.ReadAll(o)
	require.NoError(t, err)
	require.NoError(t, o.Close())
	require.Equal(t, content, string(got))
	info := o.Info()
	require.Equal(t, k.Name, info.Name)
	require.EqualValues(t, len(content), info.Size)
	require.Equal(t, Sum([]byte(content)), info.SHA256)
	require.False(t, info.Created.IsZero())
	stat, err := s.Stat(context.Background(), k)
	require.NoError(t, err)
	require.Equal(t, info, stat)
	list, err := s.List(context.Background(), k.Folder)
	require.NoError(t, err)
	require.Contains(t, list, info)
}

// requireAbsent checks that no way shows an object.
func requireAbsent(t *testing.T, s blob.Store, k blob.Key) {
	t.Helper()
	_, err := s.Get(context.Background(), k)
	require.ErrorIs(t, err, blob.ErrNotFound)
	_, err = s.Stat(context.Background(), k)
	require.ErrorIs(t, err, blob.ErrNotFound)
	require.ErrorIs(t, s.Delete(context.Background(), k), blob.ErrNotFound)
	require.NotContains(t, names(t, s, k.Folder), k.Name)
}

func names(t *testing.T, s blob.Store, folder string) []string {
	t.Helper()
	list, err := s.List(context.Background(), folder)
	require.NoError(t, err)
	var out []string
	for _, info := range list {
		out = append(out, info.Name)
	}
	return out
}

func putAndGet(t *testing.T, s blob.Store) {
	for _, content := range []string{"", "x", strings.Repeat("0123456789", 5000)} {
		k := key("c", fmt.Sprintf("o%d", len(content)))
		requireAbsent(t, s, k)
		info := put(t, s, k, content)
		require.Equal(t, Sum([]byte(content)), info.SHA256)
		requireObject(t, s, k, content)
	}
	require.Equal(t, []string{"o0.snapshot", "o1.snapshot", "o50000.snapshot"}, names(t, s, "c"), "in order of names")
}

func neverOverwritten(t *testing.T, s blob.Store) {
	k := key("c", "a")
	put(t, s, k, "first")
	_, err := s.Put(context.Background(), k, Content([]byte("second")))
	require.ErrorIs(t, err, blob.ErrExists)
	requireObject(t, s, k, "first")
}

func failedPut(t *testing.T, s blob.Store) {
	k, broken := key("c", "a"), errors.New("broken")
	cancelled, cancel := context.WithCancel(context.Background())
	for name, src := range map[string]blob.Source{
		"source fails":    {Size: 10, Write: func(_ context.Context, w io.Writer) error { _, _ = w.Write([]byte("12345")); return broken }},
		"source is short": {Size: 10, Write: func(_ context.Context, w io.Writer) error { _, err := w.Write([]byte("12345")); return err }},
		"source is long":  {Size: 4, Write: func(_ context.Context, w io.Writer) error { _, err := w.Write([]byte("12345")); return err }},
		"context cancelled": {Size: 5, Write: func(_ context.Context, w io.Writer) error {
			cancel()
			_, err := w.Write([]byte("12345"))
			return err
		}},
	} {
		ctx := context.Background()
		if name == "context cancelled" {
			ctx = cancelled
		}
		_, err := s.Put(ctx, k, src)
		require.Error(t, err, name)
		requireAbsent(t, s, k)
	}
	put(t, s, k, "then it works")
	requireObject(t, s, k, "then it works")
}

func folders(t *testing.T, s blob.Store) {
	all := []string{
		"", "c", "C", ".", "..", ".staging", "a/b", "a%2Fb", "ü", "c.snapshot", "%", "a b",
		strings.Repeat("x", 255), strings.Repeat("x", 254) + "y", strings.Repeat("€", 255),
	}
	for i, folder := range all {
		put(t, s, key(folder, "same"), fmt.Sprint(i))
		put(t, s, key(folder, fmt.Sprintf("own%d", i)), "")
	}
	for i, folder := range all {
		requireObject(t, s, key(folder, "same"), fmt.Sprint(i))
		require.Equal(t, []string{fmt.Sprintf("own%d.snapshot", i), "same.snapshot"}, names(t, s, folder), "%q", folder)
	}
	require.Empty(t, names(t, s, "another"))
}

func invalidKeys(t *testing.T, s blob.Store) {
	put(t, s, key("c", "a"), "x")
	for _, name := range []string{
		"", ".", "..", "/", "x", ".snapshot", ".a.snapshot", "../c/a.snapshot", "c/a.snapshot", "/etc/passwd", "a.snapshot/",
		"a.snapshot.checksum", "a\x00.snapshot", strings.Repeat("a", 400) + ".snapshot",
	} {
		for _, folder := range []string{"c", ""} {
			k := blob.Key{Folder: folder, Name: name}
			requireAbsent(t, s, k)
			_, err := s.Put(context.Background(), k, Content(nil))
			require.ErrorIs(t, err, blob.ErrInvalidKey, "%q", name)
		}
	}
	requireObject(t, s, key("c", "a"), "x")
}

func remove(t *testing.T, s blob.Store) {
	a, b := key("c", "a"), key("c", "b")
	put(t, s, a, "1")
	put(t, s, b, "2")
	require.NoError(t, s.Delete(context.Background(), a))
	requireAbsent(t, s, a)
	requireObject(t, s, b, "2")
	put(t, s, a, "again")
	requireObject(t, s, a, "again")
}

func removeWhileOpen(t *testing.T, s blob.Store) {
	k, content := key("c", "a"), strings.Repeat("x", 100_000)
	put(t, s, k, content)
	o, err := s.Get(context.Background(), k)
	require.NoError(t, err)
	_, err = io.ReadFull(o, make([]byte, 10))
	require.NoError(t, err)
	require.NoError(t, s.Delete(context.Background(), k))
	rest, err := io.ReadAll(o)
	require.NoError(t, err)
	require.Len(t, rest, len(content)-10)
	require.NoError(t, o.Close())
}

func copies(t *testing.T, s blob.Store) {
	from, to := key("c", "a"), key("d", "b")
	_, err := s.Copy(context.Background(), from, to)
	require.ErrorIs(t, err, blob.ErrNotFound)
	put(t, s, from, "content")
	info, err := s.Copy(context.Background(), from, to)
	require.NoError(t, err)
	require.Equal(t, to.Name, info.Name)
	requireObject(t, s, to, "content")
	_, err = s.Copy(context.Background(), from, to)
	require.ErrorIs(t, err, blob.ErrExists)
	_, err = s.Copy(context.Background(), from, blob.Key{Name: "x"})
	require.ErrorIs(t, err, blob.ErrInvalidKey)
	require.NoError(t, s.Delete(context.Background(), from))
	requireObject(t, s, to, "content")
}

func oneWins(t *testing.T, s blob.Store) {
	k := key("c", "a")
	var wins atomic.Int32
	var winner atomic.Value
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			content := strings.Repeat(fmt.Sprint(i), 10_000)
			_, err := s.Put(context.Background(), k, Content([]byte(content)))
			if err == nil {
				wins.Add(1)
				winner.Store(content)
			} else if !errors.Is(err, blob.ErrExists) {
				t.Errorf("a loser got: %v", err)
			}
		})
	}
	group.Wait()
	require.EqualValues(t, 1, wins.Load())
	requireObject(t, s, k, winner.Load().(string))
}

func seek(t *testing.T, s blob.Store) {
	k := key("c", "a")
	put(t, s, k, "0123456789")
	o, err := s.Get(context.Background(), k)
	require.NoError(t, err)
	defer func() { require.NoError(t, o.Close()) }()
	end, err := o.Seek(0, io.SeekEnd)
	require.NoError(t, err)
	require.EqualValues(t, 10, end)
	_, err = o.Seek(3, io.SeekStart)
	require.NoError(t, err)
	part := make([]byte, 4)
	_, err = io.ReadFull(o, part)
	require.NoError(t, err)
	require.Equal(t, "3456", string(part))
}

func large(t *testing.T, s blob.Store) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 3<<16) // 3 MiB
	src := blob.Source{Size: int64(len(content)), Write: func(_ context.Context, w io.Writer) error {
		_, err := w.Write(content)
		return err
	}}
	info, err := s.Put(context.Background(), key("c", "a"), src)
	require.NoError(t, err)
	require.Equal(t, Sum(content), info.SHA256)
	require.NoError(t, s.CheckRoom(context.Background(), 1))
}

// noPartialListings looks while an object is being put.
func noPartialListings(t *testing.T, s blob.Store) {
	k := key("c", "a")
	src := blob.Source{Size: 10, Write: func(_ context.Context, w io.Writer) error {
		if _, err := w.Write([]byte("01234")); err != nil {
			return err
		}
		requireAbsent(t, s, k)
		_, err := w.Write([]byte("56789"))
		return err
	}}
	_, err := s.Put(context.Background(), k, src)
	require.NoError(t, err)
	requireObject(t, s, k, "0123456789")
}
