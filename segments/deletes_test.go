package segments

import (
	"context"
	"encoding/binary"
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

// hostileDeletes returns a file with right checksums and any content.
func hostileDeletes(segments ...[]byte) []byte {
	b := append([]byte(deletesMagic), 1, 0, 0, 0)
	b = binary.LittleEndian.AppendUint64(b, 1)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(segments)))
	for _, s := range segments {
		b = append(b, s...)
	}
	return sealDeletes(append(b, 0, 0, 0, 0))
}

func hostileSegment(name string, rows, dead uint32, pages ...[]byte) []byte {
	b := append([]byte{byte(len(name))}, name...)
	for _, n := range []uint32{rows, dead, uint32(len(pages))} {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	for _, p := range pages {
		b = append(b, p...)
	}
	return b
}

func hostilePage(number uint32, n uint16, rows ...uint16) []byte {
	b := binary.LittleEndian.AppendUint32(nil, number)
	b = binary.LittleEndian.AppendUint16(b, n)
	for _, row := range rows {
		b = binary.LittleEndian.AppendUint16(b, row)
	}
	return b
}

func TestHostileDeletesAreRefused(t *testing.T) {
	bitmap := func(n uint16, ones int) []byte {
		b := make([]byte, pageBytes)
		for i := range ones {
			b[i/8] |= 1 << (i % 8)
		}
		return append(hostilePage(0, n), b...)
	}
	for name, tc := range map[string]struct {
		file []byte
		ok   bool
	}{
		"a list":                  {hostileDeletes(hostileSegment("a", 9, 2, hostilePage(0, 2, 1, 8))), true},
		"a bitmap":                {hostileDeletes(hostileSegment("a", 4096, maxPageList, bitmap(maxPageList, maxPageList))), true},
		"count of the segment":    {hostileDeletes(hostileSegment("a", 9, 3, hostilePage(0, 2, 1, 8))), false},
		"count of a bitmap":       {hostileDeletes(hostileSegment("a", 4096, maxPageList+1, bitmap(maxPageList, maxPageList+1))), false},
		"page without rows":       {hostileDeletes(hostileSegment("a", 9, 0, hostilePage(0, 0))), false},
		"empty page before":       {hostileDeletes(hostileSegment("a", 9000, 2, hostilePage(0, 0), hostilePage(1, 2, 1, 2))), false},
		"page with too many rows": {hostileDeletes(hostileSegment("a", 9, 0, hostilePage(0, 5000))), false},
		"page twice":              {hostileDeletes(hostileSegment("a", 9, 2, hostilePage(0, 1, 1), hostilePage(0, 1, 2))), false},
		"pages out of order":      {hostileDeletes(hostileSegment("a", 9000, 2, hostilePage(1, 1, 1), hostilePage(0, 1, 2))), false},
		"page behind the rows":    {hostileDeletes(hostileSegment("a", 4096, 1, hostilePage(1, 1, 0))), false},
		"huge page number":        {hostileDeletes(hostileSegment("a", 4096, 1, hostilePage(1<<32-1, 1, 0))), false},
		"row behind the rows":     {hostileDeletes(hostileSegment("a", 9, 1, hostilePage(0, 1, 9))), false},
		"row behind the page":     {hostileDeletes(hostileSegment("a", 9000, 1, hostilePage(0, 1, 4096))), false},
		"row twice":               {hostileDeletes(hostileSegment("a", 9, 2, hostilePage(0, 2, 1, 1))), false},
		"rows out of order":       {hostileDeletes(hostileSegment("a", 9, 2, hostilePage(0, 2, 2, 1))), false},
		"segment twice":           {hostileDeletes(hostileSegment("a", 9, 0), hostileSegment("a", 9, 0)), false},
		"bytes behind the end":    {hostileDeletes(append(hostileSegment("a", 9, 0), 1)), false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := DecodeDeletes("x", tc.file)
			if tc.ok {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, ErrDamaged)
			}
		})
	}
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
