package segments

import (
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
)

// severalRanges is more rows than two ranges have.
const severalRanges = 2*rangeRows + presenceRows + 3

// largeSegment writes a segment of several ranges and returns its path and
// content.
func largeSegment(t *testing.T) (path string, b []byte, want content) {
	points, want := testPoints(testSchema(), severalRanges)
	for i, p := range points {
		if i%3 == 0 { // so that vectors need to say where they are
			p.Vectors = p.Vectors[:i%len(testSchema())]
		}
		if i%2 != i/(2*rangeRows) { // these fill the second range: it has none of the last vector
			p.Vectors = p.Vectors[:min(len(p.Vectors), 3)]
		}
	}
	points[len(points)-2].Vectors = nil // the last row, a UUID
	dir := t.TempDir()
	path = filepath.Join(dir, writeTestSegment(t, dir, 1, testSchema(), points).Name)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return path, b, want
}

func TestVerifyRowsOfSeveralRanges(t *testing.T) {
	path, b, want := largeSegment(t)
	s := openTestSegment(t, path)
	require.Equal(t, 3, s.rangeCount())
	sums, err := s.verifyRows(context.Background())
	require.NoError(t, err)
	require.Equal(t, want.sums(testSchema()), sums)

	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	defer f.Close()
	for i := range s.contents.sections {
		sec := &s.contents.sections[i]
		switch sec.kind {
		case filterSection, fencesSection, payloadIndexSection:
			continue // read and verified when the segment was opened
		}
		places := []int64{sec.length / 2, 0, sec.length / 3, sec.length - 1}
		if raceEnabled {
			places = places[:1]
		}
		for _, at := range places {
			at += sec.offset
			_, err = f.WriteAt([]byte{b[at] ^ 0x10}, at)
			require.NoError(t, err)
			_, err := s.verifyRows(context.Background())
			var damaged *DamagedError
			require.ErrorAs(t, err, &damaged, "byte %d of section %d", at-sec.offset, i)
			require.Equal(t, errChecksum.Error(), damaged.Reason)
			require.True(t, damaged.Offset <= at && at < damaged.Offset+maxPayloadBlock)
			_, err = f.WriteAt(b[at:at+1], at)
			require.NoError(t, err)
		}
	}
	_, err = s.verifyRows(context.Background())
	require.NoError(t, err)
}

// What is right in each range may be wrong for all of them together.
func TestVerifyJoinsRanges(t *testing.T) {
	path, good, _ := largeSegment(t)
	s := openTestSegment(t, path)
	c := s.contents
	at := func(kind sectionKind, column int, more int) int64 {
		return c.section(kind, column).offset + int64(more)
	}
	toggle := func(b []byte, row int) { // whether a row has vector 1/2
		b[at(presenceSection, 2, row/presenceRows*presenceSize+8+row%presenceRows/8)] ^= 1 << (row % 8)
	}
	for _, tc := range []struct {
		name   string
		change func(b []byte)
		reason string
	}{
		{"an id twice", func(b []byte) {
			copy(b[at(rowsSection, 0, rangeRows*rowSize):][:rowSize], b[at(rowsSection, 0, (rangeRows-1)*rowSize):])
		}, "comes after"},
		{"count of a range without a vector", func(b []byte) {
			for i := range rangeRows / presenceRows {
				b[at(presenceSection, 3, (rangeRows/presenceRows+i)*presenceSize)]++
			}
		}, "row 8192: vector 1/3 of it is counted as"},
		{"count within a range", func(b []byte) { b[at(presenceSection, 1, (rangeRows/presenceRows+1)*presenceSize)]++ }, "row 8704: vector 1/1 of it is counted as"},
		{"count far too high", func(b []byte) { b[at(presenceSection, 1, rangeRows/presenceRows*presenceSize+7)] = 0xff }, "row 8192: vector 1/1 of it is counted as"},
		{"one row fewer", func(b []byte) { toggle(b, severalRanges-2) }, "rows have vector 1/2, not"},
		{"one row more", func(b []byte) { toggle(b, severalRanges-1) }, "more than"},
		{"sum of a vector", func(b []byte) { b[s.foot.contentsOffset+8+hashSize+4+columnSize-1]++ }, "the sums of the hashes do not match"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := append([]byte(nil), good...)
			tc.change(b)
			b = reseal(b, c, s.foot.contentsOffset)
			forged := filepath.Join(t.TempDir(), SegmentName(1, sha256.Sum256(b)))
			require.NoError(t, os.WriteFile(forged, b, 0o600))
			_, err := Verify(context.Background(), fsx.OS, forged)
			require.ErrorIs(t, err, ErrDamaged)
			require.ErrorContains(t, err, tc.reason)
		})
	}
}

// What is written is taken from a head as it is; what is read is judged.
func TestVerifyRefusesWhatNoWriterWrites(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(p *Point)
		reason string
	}{
		"payload": {func(p *Point) { p.Payload = []byte{0xff} }, "row 3"},
		"id":      {func(p *Point) { p.ID = PointID{hi: 1} }, errPointID.Error()},
		"vector":  {func(p *Point) { p.Vectors[0].Data = []byte{0, 0, 0x80, 0x7f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0} }, "is not a finite number"},
	} {
		t.Run(name, func(t *testing.T) {
			points, _ := testPoints(testSchema(), 8)
			tc.change(points[6])
			dir := t.TempDir()
			path := filepath.Join(dir, writeTestSegment(t, dir, 1, testSchema(), points).Name)
			_, err := Verify(context.Background(), fsx.OS, path)
			require.ErrorIs(t, err, ErrDamaged)
			require.ErrorContains(t, err, tc.reason)
		})
	}
}

// A state is right only if exactly those rows are dead that it says.
func TestVerifyRowsComparesWhatLives(t *testing.T) {
	c := newTestCollection(t, t.TempDir())
	var ids []int
	for n := range 600 {
		ids = append(ids, n)
	}
	c.write(ids, nil)
	c.beginCheckpoint()
	c.commitCheckpoint()
	c.replace(1000, false)
	c.write(nil, []int{5, 300})
	c.write([]int{1000}, nil)
	c.beginCheckpoint()
	c.commitCheckpoint()
	require.NoError(t, c.durable.VerifyRows(context.Background()))

	i := 0
	for c.durable.segments[i].dead.count == 0 {
		i++
	}
	s := &c.durable.segments[i]
	right := s.dead
	s.dead = deadRows{}
	s.dead.add(5, 1)
	s.dead.add(6, 1)
	require.ErrorContains(t, c.durable.VerifyRows(context.Background()), ErrSumsDiffer.Error())
	s.dead = right
	s.live.Vectors[1].Sum.Lo++
	require.ErrorContains(t, c.durable.VerifyRows(context.Background()), ErrSumsDiffer.Error())
	s.live.Vectors[1].Sum.Lo--
	require.NoError(t, c.durable.VerifyRows(context.Background()))
	c.close()
	c.requireAllClosed()
}

// Verify, unlike VerifyRows, proves the bytes that lie outside of rows too.
func TestVerifyReadsEveryByte(t *testing.T) {
	c := newTestCollection(t, t.TempDir())
	c.write([]int{1, 2, 3}, nil)
	c.beginCheckpoint()
	c.commitCheckpoint()
	s := c.durable.segments[0].Segment
	padding := s.contents.section(rowsSection, 0).offset + 3*rowSize
	f, err := os.OpenFile(s.path, os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte{1}, padding)
	require.NoError(t, errors.Join(err, f.Close()))
	require.NoError(t, c.durable.VerifyRows(context.Background()))
	require.ErrorIs(t, c.durable.Verify(context.Background()), ErrDamaged)

	f, err = os.OpenFile(s.path, os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte{0}, padding)
	require.NoError(t, errors.Join(err, f.Close()))
	require.NoError(t, c.durable.Verify(context.Background()))
	c.durable.segments[0].info.SHA256 = "0"
	require.ErrorContains(t, c.durable.Verify(context.Background()), "the manifest says 0")
	c.close()
}

func TestVerifyRowsEndsEarly(t *testing.T) {
	path, _, _ := largeSegment(t)
	faults := fsx.NewFaults(fsx.OS)
	s, err := OpenSegment(faults, path)
	require.NoError(t, err)
	defer s.Release()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = s.verifyRows(ctx)
	require.ErrorIs(t, err, context.Canceled)

	faults.Inject(fsx.Rule{Kinds: []fsx.Kind{fsx.KindRead}, Err: errors.New("injected")})
	_, err = s.verifyRows(context.Background())
	require.ErrorIs(t, err, ErrDamaged)
	require.ErrorContains(t, err, "injected")
	faults.Clear()
	_, err = s.verifyRows(context.Background())
	require.NoError(t, err)
}
