package local

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tidemark-db/tidemark/wal"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func groupFrame(h head, payloads ...string) ([]byte, head) {
	buf := make([]byte, headSize)
	for _, p := range payloads {
		buf = appendRecord(buf, []byte(p))
	}
	h.kind, h.count = kindGroup, uint32(len(payloads))
	frame, crc := sealFrame(buf, h)
	h.crc = crc
	return frame, h
}

func TestFrameRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := head{
			salt:  rapid.Uint64().Draw(t, "salt"),
			first: wal.Position(rapid.Uint64Range(1, 1<<50).Draw(t, "first")),
			prev:  rapid.Uint32().Draw(t, "prev"),
		}
		payloads := rapid.SliceOfN(rapid.String(), 1, 40).Draw(t, "payloads")
		frame, want := groupFrame(want, payloads...)
		got, body, err := decodeFrame(frame)
		require.NoError(t, err)
		require.Equal(t, want, got)
		skip := rapid.IntRange(0, len(payloads)).Draw(t, "skip")
		records, err := appendRecords(nil, got, body, got.first-1+wal.Position(skip))
		require.NoError(t, err)
		require.Len(t, records, len(payloads)-skip)
		for i, rec := range records {
			require.Equal(t, want.first+wal.Position(skip+i), rec.Position)
			require.Equal(t, payloads[skip+i], string(rec.Payload))
		}
	})
}

// Every entry ends on a block boundary, and takes no more blocks than needed.
func TestEntriesEndOnBlocks(t *testing.T) {
	check := func(n int) {
		length := frameLength(n)
		size := len(binary.AppendUvarint(nil, uint64(length))) + length
		if size%blockSize != 0 || length < n || length >= n+blockSize {
			t.Fatalf("a frame of %d bytes is padded to %d and takes %d", n, length, size)
		}
		if entrySize(n) != int64(size) || entrySize(length) != int64(size) {
			t.Fatalf("a frame of %d bytes takes %d, entrySize says %d, padded %d", n, size, entrySize(n), entrySize(length))
		}
	}
	for n := headSize; n < 40000; n++ {
		check(n)
	}
	for _, edge := range []int{1 << 14, 1 << 21, 1 << 28} {
		for d := -2 * blockSize; d <= 2*blockSize; d++ {
			check(edge + d)
		}
	}
}

func TestFramesOfNewerFormatsAreToldFromDamage(t *testing.T) {
	change := func(at int, value byte) []byte {
		frame, _ := groupFrame(head{salt: 1, first: 1}, "x")
		frame[at] = value
		binary.LittleEndian.PutUint32(frame[offCRC:], frameCRC(frame))
		return frame
	}
	for _, newer := range [][]byte{change(offVersion, 2), change(offKind, 9), change(offFlags+3, 1)} {
		_, _, err := decodeFrame(newer)
		require.ErrorIs(t, err, errNewerFrame)
	}
	for _, bad := range [][]byte{change(offMagic, 0), change(offCount, 0), change(offBody, 1), nil, make([]byte, headSize)} {
		_, _, err := decodeFrame(bad)
		require.ErrorIs(t, err, errBadFrame)
	}
}

// A log that a newer program wrote to is refused, not cut back to what this
// one understands.
func TestLogOfANewerFormatIsRefused(t *testing.T) {
	dir := t.TempDir()
	log, _, err := Open(dir, Options{})
	require.NoError(t, err)
	p, err := log.Enqueue(t.Context(), []byte("x"))
	require.NoError(t, err)
	_, err = p.Wait(t.Context())
	require.NoError(t, err)
	require.NoError(t, log.Close())
	require.NoError(t, os.Remove(filepath.Join(dir, cleanName)))
	name := generationFile(dir, 1)
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	frame := b[blockSize+2:]
	frame[offVersion] = frameVersion + 1
	binary.LittleEndian.PutUint32(frame[offCRC:], frameCRC(frame))
	require.NoError(t, os.WriteFile(name, b, 0o600))
	_, _, err = Open(dir, Options{})
	require.ErrorAs(t, err, new(*wal.CorruptError))
	require.ErrorContains(t, err, "newer version")
}

func TestRecordsMustFillTheBody(t *testing.T) {
	for what, body := range map[string][]byte{
		"a length beyond the body": {200, 1, 'x'},
		"no length":                {},
		"a huge length":            bytes.Repeat([]byte{0xff}, 12),
		"bytes behind the last":    {1, 'x', 0, 0, 7},
	} {
		_, err := appendRecords(nil, head{first: 1, count: 1}, body, 0)
		require.ErrorIs(t, err, errBadFrame, what)
	}
}

// The format on disk: a header, a group of three records and a close frame.
func TestGoldenGeneration(t *testing.T) {
	var file []byte
	h := head{kind: kindHeader, salt: 0x1122334455667788, first: 501, prev: 0xcafef00d}
	add := func(buf []byte) {
		frame, crc := sealFrame(buf, h)
		file = append(binary.AppendUvarint(file, uint64(len(frame))), frame...)
		h.first += wal.Position(h.count)
		h.prev = crc
	}
	add(appendOrigin(make([]byte, headSize), origin{number: 7, prevLast: 500, prevSize: 3 * blockSize}))
	h.kind, h.count = kindGroup, 3
	add(appendRecord(appendRecord(appendRecord(make([]byte, headSize), []byte("one")), nil), []byte("three")))
	h.kind, h.count = kindClose, 0
	add(make([]byte, headSize))
	require.Len(t, file, 3*blockSize)

	golden(t, "generation.hex", hexDump(file))
	marker := cleanMarker{number: 7, size: 3 * blockSize, chain: 0xdeadbeef, next: 504}
	golden(t, "clean.hex", hexDump(marker.encode()))
}

// hexDump leaves out lines of zeros.
func hexDump(b []byte) string {
	zeros := "00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00"
	var kept []string
	for line := range strings.SplitSeq(hex.Dump(b), "\n") {
		if !strings.Contains(line, zeros) {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o750))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "if the change is meant, it needs a new format version; then go test -update")
}

func FuzzDecodeFrame(f *testing.F) {
	frame, _ := groupFrame(head{salt: 3, first: 9, prev: 8}, "a", "", "some record")
	f.Add(frame, true)
	f.Add(appendOrigin(make([]byte, headSize), origin{number: 1}), true)
	f.Add([]byte{}, false)
	f.Fuzz(func(t *testing.T, b []byte, mend bool) {
		if mend && len(b) >= headSize { // else hardly anything gets past the checksum
			binary.LittleEndian.PutUint16(b[offMagic:], frameMagic)
			binary.LittleEndian.PutUint32(b[offBody:], uint32(len(b)-headSize))
			binary.LittleEndian.PutUint32(b[offCRC:], frameCRC(b))
		}
		h, body, err := decodeFrame(b)
		if err != nil {
			return
		}
		if len(body) != len(b)-headSize {
			t.Fatalf("body of %d bytes in a frame of %d", len(body), len(b))
		}
		if h.kind == kindHeader {
			_, _ = decodeOrigin(body) // must not panic
			return
		}
		records, err := appendRecords(nil, h, body, 0)
		if err == nil && h.first > 0 && uint64(h.first) < 1<<60 && len(records) != int(h.count) {
			t.Fatalf("%d records, the head says %d", len(records), h.count)
		}
	})
}

func FuzzDecodeClean(f *testing.F) {
	f.Add(cleanMarker{number: 1, size: 4096, chain: 2, next: 3}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decodeClean(b)
		if err == nil && !bytes.Equal(m.encode(), b) {
			t.Fatalf("%x is read as %x", b, m.encode())
		}
	})
}

// FuzzScan reads arbitrary files: no panic, and what is served is what an
// untouched prefix of a good file holds.
func FuzzScan(f *testing.F) {
	good := goodFile(f)
	f.Add(good, 0, byte(0))
	f.Add(good[:5000], 4100, byte(3))
	f.Add([]byte{0xff, 0x1f}, 0, byte(1))
	f.Fuzz(func(t *testing.T, b []byte, at int, flip byte) {
		if len(b) > 1<<20 {
			return
		}
		if at >= 0 && at < len(b) {
			b[at] ^= flip
		}
		dir := t.TempDir()
		name := generationFile(dir, 1)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o750))
		require.NoError(t, os.WriteFile(name, b, 0o600))
		rep, err := Verify(dir)
		require.NoError(t, err)
		log, _, err := Open(dir, Options{})
		if err != nil {
			require.NotEmpty(t, rep.Damage, "Open refused what Verify accepts: %v", err)
			return
		}
		require.Empty(t, rep.Damage, "Open accepted what Verify does not")
		require.NoError(t, log.Close())
	})
}

func goodFile(f *testing.F) []byte {
	dir := f.TempDir()
	log, _, err := Open(dir, Options{})
	require.NoError(f, err)
	for range 2 {
		p, err := log.Enqueue(f.Context(), []byte("a record"))
		require.NoError(f, err)
		_, err = p.Wait(f.Context())
		require.NoError(f, err)
	}
	require.NoError(f, log.Close())
	b, err := os.ReadFile(generationFile(dir, 1))
	require.NoError(f, err)
	return b
}
