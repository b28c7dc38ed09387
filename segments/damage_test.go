package segments

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/zeebo/xxh3"

	"github.com/tidemark-db/tidemark/internal/fsx"
)

// smallSegment writes a segment that has every kind of section and returns its
// path, bytes and content.
func smallSegment(t testing.TB) (path string, b []byte, want content) {
	points, want := testPoints(testSchema(), 9)
	points[0].Vectors = nil // so that every vector needs to say where it is
	dir := t.TempDir()
	path = filepath.Join(dir, writeTestSegment(t, dir, 1, testSchema(), points).Name)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return path, b, want
}

// readAll opens a segment and reads everything in it in every way. It returns
// the first error, and a wrong content as errWrong.
func readAll(path string, want content) error {
	s, err := OpenSegment(fsx.OS, path)
	if err != nil {
		return err
	}
	defer s.Release()
	if want == nil {
		want = content{}
	}
	if err := readRows(s.mapped, want); err != nil {
		return err
	}
	if err := readRows(newSegmentPart(s, newStream(s.file)), want); err != nil {
		return err
	}
	for id := range want {
		n, ok, err := s.find(id, idHash(id))
		if err != nil {
			return err
		}
		if row, err := s.mapped.at(uint32(n)); err != nil || !ok || row.ID() != id {
			return fmt.Errorf("%w: point %v is not found", errWrong, id)
		}
	}
	for _, spec := range testSchema() {
		if err := eachDense(s.mapped.dense(spec.Key), func(DenseBlock) error { return nil }); err != nil {
			return err
		}
	}
	return nil
}

var errWrong = errors.New("wrong content")

func readRows(part *segmentPart, want content) error {
	cursor, err := newSegmentCursor(part, deadRows{}, PointID{})
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		row, ok, err := cursor.next()
		if err != nil {
			return err
		}
		if !ok {
			if n != len(want) {
				return fmt.Errorf("%w: %d rows", errWrong, n)
			}
			return nil
		}
		p := want[row.ID()]
		if p == nil {
			p = &Point{}
		}
		err = comparePoint(p, testSchema(), row)
		if err != nil && !errors.Is(err, ErrDamaged) {
			return fmt.Errorf("%w: %w", errWrong, err)
		}
		if err != nil {
			return err
		}
	}
}

// Each flipped bit is refused when the file is opened, or when the block is
// touched, or lies where nothing is read; a wrong row is never served, and
// Verify notices every one.
func TestEveryFlippedBit(t *testing.T) {
	path, b, want := smallSegment(t)
	require.NoError(t, readAll(path, want))
	step := 1
	if testing.Short() || raceEnabled {
		step = 13
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	defer f.Close()
	for bit := 0; bit < len(b)*8; bit += step {
		off := int64(bit / 8)
		_, err := f.WriteAt([]byte{b[off] ^ 1<<(bit%8)}, off)
		require.NoError(t, err)
		var newer *NewerFormatError
		if err := readAll(path, want); err != nil && !errors.Is(err, ErrDamaged) && !errors.As(err, &newer) {
			t.Fatalf("bit %d of byte %d: %v", bit%8, off, err)
		}
		if _, err := Verify(context.Background(), fsx.OS, path); err == nil {
			t.Fatalf("bit %d of byte %d: not noticed by Verify", bit%8, off)
		}
		_, err = f.WriteAt(b[off:off+1], off)
		require.NoError(t, err)
	}
	require.NoError(t, readAll(path, want))
}

func TestEveryTruncation(t *testing.T) {
	path, b, _ := smallSegment(t)
	for n := len(b) - 1; n >= 0; n-- {
		require.NoError(t, os.Truncate(path, int64(n)))
		_, err := OpenSegment(fsx.OS, path)
		require.ErrorIs(t, err, ErrDamaged, "%d bytes", n)
	}
	require.NoError(t, os.WriteFile(path, append(b, 0), 0o600))
	_, err := OpenSegment(fsx.OS, path)
	require.ErrorIs(t, err, ErrDamaged, "a byte too many")
}

func TestNewerSegmentIsRefusedByName(t *testing.T) {
	path, b, _ := smallSegment(t)
	foot := b[len(b)-footerSize:]
	binary.LittleEndian.PutUint32(foot[8:], segmentFormat+1)
	binary.LittleEndian.PutUint32(foot[footerSize-4:], checksum(foot[:footerSize-4]))
	require.NoError(t, os.WriteFile(path, b, 0o600))
	_, err := OpenSegment(fsx.OS, path)
	var newer *NewerFormatError
	require.ErrorAs(t, err, &newer)
	require.Equal(t, uint32(segmentFormat+1), newer.Format)
	require.Equal(t, path, newer.File)
}

func TestDamageIsNamedWithItsPlace(t *testing.T) {
	path, b, _ := smallSegment(t)
	s := openTestSegment(t, path)
	at := s.contents.section(rowsSection, 0).offset
	b[at+5] ^= 1
	require.NoError(t, os.WriteFile(path, b, 0o600))
	_, err := s.mapped.at(0)
	var damaged *DamagedError
	require.ErrorAs(t, err, &damaged)
	require.Equal(t, &DamagedError{File: path, Offset: at, Reason: errChecksum.Error()}, damaged)
}

// TestFailedReadsKeepTheirCause: a disk that cannot read is not a file that was
// written wrong, and whoever answers must be able to tell.
func TestFailedReadsKeepTheirCause(t *testing.T) {
	path, _, _ := smallSegment(t)
	faults := fsx.NewFaults(fsx.OS)
	faults.Inject(fsx.Rule{Kinds: []fsx.Kind{fsx.KindRead}})
	_, err := OpenSegment(faults, path)
	require.ErrorIs(t, err, ErrDamaged)
	require.ErrorIs(t, err, syscall.EIO)
	faults.Clear()
	s, err := OpenSegment(faults, path)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Release()) }()
	faults.Inject(fsx.Rule{Kinds: []fsx.Kind{fsx.KindRead}})
	_, err = s.mapped.at(0)
	require.ErrorIs(t, err, ErrDamaged)
	require.ErrorIs(t, err, syscall.EIO)
}

// TestAnIDIsNotOverlooked changes the id of a row after its block was verified:
// who looks for it must not be told that it is not there.
func TestAnIDIsNotOverlooked(t *testing.T) {
	path, b, _ := smallSegment(t)
	s := openTestSegment(t, path)
	first, err := s.mapped.at(0)
	require.NoError(t, err)
	at := s.contents.section(rowsSection, 0).offset
	b[at] ^= 0x80
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteAt(b[at:at+1], at)
	require.NoError(t, errors.Join(err, f.Close()))
	_, _, err = s.find(first.id, idHash(first.id))
	require.ErrorIs(t, err, ErrDamaged)
}

// Each block is verified on its own: damage in one of many is found there, and
// the others are served.
func TestDamageInEachBlock(t *testing.T) {
	schema := testSchema()
	points, want := testPoints(schema, 20_000)
	dir := t.TempDir()
	path := filepath.Join(dir, writeTestSegment(t, dir, 1, schema, points).Name)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	defer f.Close()
	s := openTestSegment(t, path)
	for i := range s.contents.sections {
		sec := &s.contents.sections[i]
		for block := range int64(len(sec.sums)) {
			from, to := sec.block(block)
			at := sec.offset + from + (to-from)/2
			var b [1]byte
			_, err := f.ReadAt(b[:], at)
			require.NoError(t, err)
			_, err = f.WriteAt([]byte{b[0] ^ 0x10}, at)
			require.NoError(t, err)
			a := newAccessor(s.file, s.size, s.contents)
			for other := range int64(len(sec.sums)) {
				from, _ := sec.block(other)
				require.Equal(t, other == block, a.readAt(sec, from, make([]byte, 1)) != nil, "section %d", i)
			}
			require.ErrorIs(t, a.readAt(sec, 0, make([]byte, sec.length)), ErrDamaged)
			require.NoError(t, a.unmap())
			_, err = f.WriteAt(b[:], at)
			require.NoError(t, err)
		}
	}
	require.NoError(t, readAll(path, want))
}

// Verify does not trust a segment because its checksums are right.
func TestVerifyFindsWhatChecksumsDoNot(t *testing.T) {
	path, good, _ := smallSegment(t)
	s := openTestSegment(t, path)
	c := s.contents
	at := func(kind sectionKind, column int, more int64) int64 { return c.section(kind, column).offset + more }
	for _, tc := range []struct {
		name   string
		at     int64
		x      byte
		reason string
	}{
		{"id", at(rowsSection, 0, 15), 1, "point"},
		{"version", at(rowsSection, 0, idBytes), 1, "row 0: its hash does not match"},
		{"hash of a row", at(rowsSection, 0, idBytes+8), 1, "row 0: its hash does not match"},
		{"filter", at(filterSection, 0, 0), 0xff, "the id filter does not know"},
		{"fence", at(fencesSection, 0, 15), 1, "does not begin its block"},
		{"vector", at(vectorsSection, 0, 0), 1, "the hash of vector 1/0 does not match"},
		{"not finite", at(vectorsSection, 0, 0), 0, "is not a finite number"},
		{"hash of a vector", at(hashesSection, 1, 3), 1, "the hash of vector 1/1 does not match"},
		{"presence", at(presenceSection, 0, 8), 3, "vector 1/0"},
		{"rank", at(presenceSection, 0, 0), 1, "counted as"},
		{"sum of rows", s.foot.contentsOffset + 8, 1, "the sums of the hashes do not match"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := append([]byte(nil), good...)
			b[tc.at] ^= tc.x
			switch tc.name {
			case "filter":
				clear(b[tc.at : tc.at+filterBlockBytes])
			case "not finite":
				binary.LittleEndian.PutUint32(b[tc.at:], math.Float32bits(inf))
			}
			b = reseal(b, c, s.foot.contentsOffset)
			forged := filepath.Join(t.TempDir(), SegmentName(1, sha256.Sum256(b)))
			require.NoError(t, os.WriteFile(forged, b, 0o600))
			_, err := Verify(context.Background(), fsx.OS, forged)
			require.ErrorIs(t, err, ErrDamaged)
			require.ErrorContains(t, err, tc.reason)
		})
	}
}

// reseal makes all checksums right again, given where things lay before, so
// that what is wrong in b is not found by them.
func reseal(b []byte, c *contents, contentsOffset int64) []byte {
	index := c.section(payloadIndexSection, 0)
	payloads := c.section(payloadsSection, 0)
	for at := index.offset; at < index.offset+index.length; at += payloadEntrySize {
		e := payloadEntryAt(b[at:])
		if e.offset >= 0 && int64(e.stored) <= payloads.length && e.offset <= payloads.length-int64(e.stored) {
			e.sum = checksum(b[payloads.offset+e.offset:][:e.stored])
			copy(b[at:], e.append(nil))
		}
	}
	foot, _ := decodeFooter(b[len(b)-footerSize:])
	toc := b[contentsOffset : int64(len(b))-footerSize]
	at := len(c.append(nil)) // sums lie behind the head of each section, from the end
	for i := len(c.sections) - 1; i >= 0; i-- {
		s := &c.sections[i]
		at -= 4 * len(s.sums)
		for j := range s.sums {
			from, to := s.block(int64(j))
			binary.LittleEndian.PutUint32(toc[at+4*j:], checksum(b[s.offset+from:s.offset+to]))
		}
		at -= sectionSize
	}
	foot.contentsOffset, foot.contentsLength, foot.contentsSum = contentsOffset, int64(len(toc)), checksum(toc)
	total := xxh3.Hash128(b[:len(b)-footerSize])
	foot.total = Hash{Hi: total.Hi, Lo: total.Lo}
	return append(b[:len(b)-footerSize], foot.append(nil)...)
}

// Whoever can make all checksums right can make rows wrong, but nothing that
// crashes or reads outside.
func FuzzHostileSegment(f *testing.F) {
	path, good, _ := smallSegment(f)
	s, err := OpenSegment(fsx.OS, path)
	require.NoError(f, err)
	c, offset := s.contents, s.foot.contentsOffset
	require.NoError(f, s.Release())
	require.Equal(f, good, reseal(append([]byte(nil), good...), c, offset), "what is whole stays as it is")
	f.Add(uint16(offset), uint8(0xff), uint16(offset+4), uint8(1))
	for i := range c.sections {
		for _, more := range []int64{0, 4, 8, 12} {
			f.Add(uint16(c.sections[i].offset+more), uint8(0xff), uint16(c.sections[i].offset+more+1), uint8(1))
		}
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, at uint16, x uint8, at2 uint16, x2 uint8) {
		b := append([]byte(nil), good...)
		b[int(at)%len(b)] ^= x
		b[int(at2)%len(b)] ^= x2
		b = reseal(b, c, offset)
		path := filepath.Join(dir, "1-0000000000000000.seg")
		require.NoError(t, os.WriteFile(path, b, 0o600))
		_ = readAll(path, nil)
		_, _ = Verify(context.Background(), fsx.OS, path)
	})
}

func FuzzDecodeContents(f *testing.F) {
	// A small seed: the fuzzer spends its time on making large ones smaller.
	dir := f.TempDir()
	for _, schema := range []Schema{nil, testSchema()[:1], testSchema()[2:3]} {
		points, _ := testPoints(schema, 2)
		path := filepath.Join(dir, writeTestSegment(f, dir, 1, schema, points).Name)
		s, err := OpenSegment(fsx.OS, path)
		require.NoError(f, err)
		f.Add(s.contents.append(nil), uint16(s.foot.contentsOffset))
		require.NoError(f, s.Release())
	}
	f.Fuzz(func(t *testing.T, b []byte, limit uint16) {
		c, err := decodeContents(b, int64(limit))
		if err == nil && string(c.append(nil)) != string(b) {
			t.Fatal("what was read is written differently")
		}
	})
}
