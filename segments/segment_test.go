package segments

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/wal"
)

// pointRows gives points as Rows.
func pointRows(schema Schema, points []*Point) Rows {
	s := newTestState(schema)
	for _, p := range points {
		s.Apply(p.Version, []Change{{ID: p.ID, New: p}})
	}
	return s.Publish(0).HeadRows()
}

func writeTestSegment(t testing.TB, dir string, generation uint64, schema Schema, points []*Point) SegmentInfo {
	t.Helper()
	info, err := WriteSegment(context.Background(), fsx.OS, dir, generation, schema, pointRows(schema, points))
	require.NoError(t, err)
	return info
}

func openTestSegment(t testing.TB, path string) *Segment {
	t.Helper()
	s, err := OpenSegment(fsx.OS, path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Release()) })
	return s
}

// stateOf returns a state that consists of segments without dead rows.
func stateOf(schema Schema, segments ...*Segment) *State {
	s := newTestState(schema)
	s.set.release()
	s.set = newSegmentSet(segments)
	s.dead = make([]deadRows, len(segments))
	s.sums = Sums{}
	for _, spec := range schema {
		s.sums.addVector(spec.Key)
	}
	for _, seg := range segments {
		s.count += seg.Rows()
		s.sums.Points = s.sums.Points.Add(seg.Sums().Points)
		for _, v := range seg.Sums().Vectors {
			if sum := s.sums.vector(v.Key); sum != nil {
				*sum = sum.Add(v.Sum)
			}
		}
	}
	return s
}

func testPoints(schema Schema, n int) ([]*Point, content) {
	var points []*Point
	want := content{}
	for i := range n {
		p := testPoint(schema, i, wal.Position(i+1))
		points = append(points, p)
		want[p.ID] = p
	}
	return points, want
}

func TestSegmentHoldsWhatWasWritten(t *testing.T) {
	schema := testSchema()
	for _, n := range []int{1, 2, 255, 256, 257, 511, 512, 513, 1500} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			dir := t.TempDir()
			points, want := testPoints(schema, n)
			info := writeTestSegment(t, dir, 7, schema, points)
			require.True(t, strings.HasPrefix(info.Name, "7-"+info.SHA256[:16]), info.Name)
			require.Equal(t, n, info.Rows)

			verified, err := Verify(context.Background(), fsx.OS, filepath.Join(dir, info.Name))
			require.NoError(t, err)
			require.Equal(t, info, verified)
			file, err := os.ReadFile(filepath.Join(dir, info.Name))
			require.NoError(t, err)
			require.EqualValues(t, info.Size, len(file))
			require.Equal(t, info.SHA256, fmt.Sprintf("%x", sha256.Sum256(file)))

			state := stateOf(schema, openTestSegment(t, filepath.Join(dir, info.Name)))
			defer state.Close()
			v := state.Publish(wal.Position(n))
			defer v.Release()
			requireContent(t, want, schema, v)
			for i := range 100 {
				_, ok, err := v.Get(testID(n + i))
				require.NoError(t, err)
				require.False(t, ok)
			}
			for _, spec := range schema {
				if spec.Kind == Dense {
					requireDense(t, v.Parts()[0], spec)
				}
			}
		})
	}
}

// Rows of every shape, by chance: sizes around the limits of blocks, vectors
// that all, some or no rows have.
func TestSegmentRoundTrip(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		schema := testSchema()
		want := content{}
		var points []*Point
		for _, n := range rapid.SliceOfNDistinct(rapid.IntRange(0, 5000), 1, 700, rapid.ID).Draw(t, "ids") {
			p := testPoint(schema, n, wal.Position(n+1))
			switch rapid.IntRange(0, 40).Draw(t, "shape") {
			case 0:
				p.Payload = testObject(1, rapid.IntRange(payloadBlockBytes-60, payloadBlockBytes+60).Draw(t, "bytes"))
			case 1:
				p.Payload = testObject(1, 5*payloadBlockBytes)
			case 2:
				p.Vectors = nil
			}
			points = append(points, p)
			want[p.ID] = p
		}
		info, err := WriteSegment(context.Background(), fsx.OS, dir, 1, schema, pointRows(schema, points))
		require.NoError(t, err)
		path := filepath.Join(dir, info.Name)
		_, err = Verify(context.Background(), fsx.OS, path)
		require.NoError(t, err)
		s, err := OpenSegment(fsx.OS, path)
		require.NoError(t, err)
		state := stateOf(schema, s)
		v := state.Publish(1)
		requireContent(t, want, schema, v)

		// What is written again from the file is the same file.
		again, err := WriteSegment(context.Background(), fsx.OS, dir, 1, schema, v.SegmentRows(info.Name))
		require.NoError(t, err)
		require.Equal(t, info, again)
		v.Release()
		state.Close()
		require.NoError(t, s.Release())
		require.NoError(t, os.Remove(path))
	})
}

func TestSegmentLeavesOutVectorsThatTheSchemaHasNot(t *testing.T) {
	schema := testSchema()
	dir := t.TempDir()
	points, _ := testPoints(schema, 300)
	info, err := WriteSegment(context.Background(), fsx.OS, dir, 1, schema[1:2], pointRows(schema, points))
	require.NoError(t, err)
	require.Len(t, info.Sums.Vectors, 1)
	s := openTestSegment(t, filepath.Join(dir, info.Name))
	_, ok, err := s.mapped.vector(5, schema[0].Key)
	require.NoError(t, err)
	require.False(t, ok)
}

type badRows struct {
	rows []Row
	err  error
	// shrinks makes each pass shorter than the one before.
	shrinks bool
	passes  int
}

func (b *badRows) Scan() iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		rows := b.rows
		if b.shrinks {
			rows = rows[:len(rows)-b.passes]
		}
		b.passes++
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
		if b.err != nil {
			yield(Row{}, b.err)
		}
	}
}

func TestWriteSegmentRefusesBadRows(t *testing.T) {
	points, _ := testPoints(nil, 20)
	var rows []Row
	for row, err := range pointRows(nil, points).Scan() {
		require.NoError(t, err)
		rows = append(rows, row)
	}
	broken := errors.New("broken")
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	for name, tc := range map[string]struct {
		ctx  context.Context
		rows *badRows
		want error
	}{
		"none":          {rows: &badRows{}, want: ErrNoRows},
		"out of order":  {rows: &badRows{rows: []Row{rows[1], rows[0]}}},
		"twice":         {rows: &badRows{rows: []Row{rows[0], rows[0]}}},
		"error":         {rows: &badRows{rows: rows, err: broken}, want: broken},
		"fewer later":   {rows: &badRows{rows: rows, shrinks: true}},
		"context ended": {ctx: canceled, rows: &badRows{rows: rows}, want: context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			ctx := tc.ctx
			if ctx == nil {
				ctx = context.Background()
			}
			_, err := WriteSegment(ctx, fsx.OS, dir, 1, nil, tc.rows)
			require.Error(t, err)
			if tc.want != nil {
				require.ErrorIs(t, err, tc.want)
			}
			left, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Empty(t, left, "nothing is left over")
		})
	}
}

func TestSegmentsStayBelowTheirLimit(t *testing.T) {
	f := newFileWriter(t.Context(), io.Discard)
	f.offset = MaxSegmentBytes - 2
	require.NoError(t, f.raw([]byte{1, 2}))
	require.ErrorIs(t, f.raw([]byte{3}), ErrSegmentTooLarge)
}

func TestFilterKnowsItsIDsAndFewOthers(t *testing.T) {
	const n = 20_000
	f := newIDFilter(n)
	for i := range n {
		f.add(idHash(testID(i)))
	}
	wrong := 0
	for i := range n {
		require.True(t, f.mayHave(idHash(testID(i))))
		if f.mayHave(idHash(testID(n + i))) {
			wrong++
		}
	}
	require.Less(t, wrong, n*3/100)
}

// A segment stays readable for whoever holds a view, whatever others do.
func TestSegmentOutlivesItsReplacement(t *testing.T) {
	schema := testSchema()
	dir := t.TempDir()
	points, want := testPoints(schema, 600)
	info := writeTestSegment(t, dir, 1, schema, points)
	path := filepath.Join(dir, info.Name)
	s, err := OpenSegment(fsx.OS, path)
	require.NoError(t, err)
	state := stateOf(schema, s)
	require.NoError(t, s.Release())
	v := state.Publish(1)
	state.Close()
	require.NoError(t, os.Remove(path))
	requireContent(t, want, schema, v)
	require.NotNil(t, s.accessor.mapped.Load())
	v.Release()
	require.Nil(t, s.accessor.mapped.Load(), "the last release unmaps")
	require.ErrorIs(t, s.file.Close(), os.ErrClosed)
}

func TestFaultBecomesAnError(t *testing.T) {
	schema := testSchema()
	dir := t.TempDir()
	points, _ := testPoints(schema, 3000)
	path := filepath.Join(dir, writeTestSegment(t, dir, 1, schema, points).Name)
	s := openTestSegment(t, path)
	state := stateOf(schema, s)
	defer state.Close()
	v := state.Publish(1)
	defer v.Release()
	for _, p := range points { // verify all blocks
		_, ok, err := v.Get(p.ID)
		require.True(t, ok)
		require.NoError(t, err)
	}
	require.NoError(t, os.Truncate(path, headerSize))
	_, _, err := v.Get(points[len(points)-1].ID)
	var damaged *DamagedError
	require.ErrorAs(t, err, &damaged)
	require.ErrorIs(t, err, ErrDamaged)
	require.Equal(t, path, damaged.File)
	require.Positive(t, damaged.Offset)
	require.Error(t, eachDense(v.Parts()[0].Vectors(schema[0].Key), func(b DenseBlock) error {
		_ = slices.Max(b.Data)
		return nil
	}))
}

func TestOtherPanicsAreNotSwallowed(t *testing.T) {
	schema := testSchema()
	dir := t.TempDir()
	points, _ := testPoints(schema, 30)
	s := openTestSegment(t, filepath.Join(dir, writeTestSegment(t, dir, 1, schema, points).Name))
	require.PanicsWithValue(t, "mine", func() {
		_ = eachDense(s.mapped.dense(schema[0].Key), func(DenseBlock) error { panic("mine") })
	})
}
