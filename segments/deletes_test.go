package segments

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tidemark-db/tidemark/internal/fsx"
)

// someDeletes has an empty page, a short list, a long bitmap, and a last row.
func someDeletes() *Deletes {
	var few, many deadRows
	for _, row := range []uint32{0, 63, 64, 4095, 4096 * 3} {
		few.add(row, builtEpoch)
	}
	for row := range uint32(pageRows) {
		if row%3 == 0 {
			many.add(pageRows+row, builtEpoch)
		}
	}
	d := &Deletes{Through: 77}
	d.add("2-bbbbbbbbbbbbbbbb.seg", 3*pageRows, many)
	d.add("1-aaaaaaaaaaaaaaaa.seg", 3*pageRows+1, few)
	return d
}

func requireDeletes(t fataler, want, got *Deletes) {
	t.Helper()
	require.Equal(t, want.Through, got.Through)
	require.Equal(t, len(want.segments), len(got.segments))
	for i, w := range want.segments {
		g := got.segments[i]
		require.Equal(t, w.name, g.name)
		require.Equal(t, w.rows, g.rows)
		require.Equal(t, w.dead.count, g.dead.count)
		for word := range uint32(w.rows+63) / 64 {
			require.Equal(t, w.dead.word(word), g.dead.word(word))
		}
	}
}

func TestDeletesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := &Deletes{Through: 5}
		for _, name := range rapid.SliceOfNDistinct(rapid.StringMatching(`[0-9]{1,3}\.seg`), 0, 4, rapid.ID).Draw(t, "names") {
			rows := rapid.IntRange(1, 3*pageRows).Draw(t, "rows")
			var dead deadRows
			step := rapid.IntRange(1, 40).Draw(t, "step")
			for row := rapid.IntRange(0, rows-1).Draw(t, "from"); row < rows; row += step {
				dead.add(uint32(row), builtEpoch)
			}
			d.add(name, rows, dead)
		}
		got, err := DecodeDeletes("x", d.Encode())
		require.NoError(t, err)
		requireDeletes(t, d, got)
		require.Equal(t, d.Encode(), got.Encode())
	})
}

func TestDeletesOnDisk(t *testing.T) {
	dir := t.TempDir()
	info, err := WriteDeletes(context.Background(), fsx.OS, dir, 9, someDeletes())
	require.NoError(t, err)
	require.Equal(t, "deletes-9", info.Name)
	got, err := ReadDeletes(fsx.OS, dir, info)
	require.NoError(t, err)
	requireDeletes(t, someDeletes(), got)
	require.Equal(t, 5, got.Dead("1-aaaaaaaaaaaaaaaa.seg"))
	require.Zero(t, got.Dead("another"))

	wrong := info
	wrong.SHA256 = sha256Hex(nil)
	_, err = ReadDeletes(fsx.OS, dir, wrong)
	require.ErrorIs(t, err, ErrDamaged, "another file under the same name")
	require.NoError(t, os.Remove(filepath.Join(dir, info.Name)))
	_, err = ReadDeletes(fsx.OS, dir, info)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestDamagedDeletesAreRefused(t *testing.T) {
	b := someDeletes().Encode()
	for bit := range len(b) * 8 {
		b[bit/8] ^= 1 << (bit % 8)
		_, err := DecodeDeletes("x", b)
		require.ErrorIs(t, err, ErrDamaged, "bit %d", bit)
		b[bit/8] ^= 1 << (bit % 8)
	}
	for n := range len(b) {
		_, err := DecodeDeletes("x", b[:n])
		require.ErrorIs(t, err, ErrDamaged, "%d bytes", n)
	}
	b[len(deletesMagic)] = 2
	_, err := DecodeDeletes("x", sealDeletes(b))
	var newer *NewerFormatError
	require.ErrorAs(t, err, &newer)
}

// sealDeletes makes the checksum right.
func sealDeletes(b []byte) []byte {
	if len(b) < 4 {
		return b
	}
	body := b[:len(b)-4]
	sum := checksum(body)
	return append(body[:len(body):len(body)], byte(sum), byte(sum>>8), byte(sum>>16), byte(sum>>24))
}

// The checksum is made right, so that the fuzzer gets behind it.
func FuzzDecodeDeletes(f *testing.F) {
	small := &Deletes{Through: 1}
	var dead deadRows
	dead.add(3, builtEpoch)
	dead.add(5000, builtEpoch)
	small.add("a.seg", 5001, dead)
	f.Add(small.Encode())
	f.Add((&Deletes{}).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		b = sealDeletes(b)
		d, err := DecodeDeletes("x", b)
		var newer *NewerFormatError
		switch {
		case err == nil:
			require.Equal(t, b, d.Encode(), "there is one form of each content")
		case !errors.Is(err, ErrDamaged) && !errors.As(err, &newer):
			t.Fatal(err)
		}
	})
}
