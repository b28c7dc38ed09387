package segments

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/wal"
)

// denseSchema has vectors of 2 KiB, so that a run is the least number of rows.
func denseSchema() Schema {
	return Schema{{Key: VectorKey{1, 0}, Kind: Dense, Size: 512, Datatype: Float32, Distance: Dot}}
}

// densePoints has a vector for every row but each seventh.
func densePoints(schema Schema, n int) []*Point {
	points := make([]*Point, n)
	for i := range points {
		points[i] = &Point{ID: NumberID(uint64(i)), Version: 1, Payload: testObject(int64(i), 30)}
		if i%7 != 3 {
			points[i].Vectors = []Vector{{Key: schema[0].Key, Data: testVector(schema[0], i)}}
		}
	}
	return points
}

func denseSegment(t *testing.T, dir string, schema Schema, points []*Point) *Segment {
	return openTestSegment(t, filepath.Join(dir, writeTestSegment(t, dir, 1, schema, points).Name))
}

// rowsOf returns the rows of a run and their vectors.
func rowsOf(t *testing.T, d DenseVectors, run int) (rows []uint32, data []byte) {
	t.Helper()
	var r DenseReader
	require.NoError(t, r.Visit(d, run, func(b DenseBlock) error {
		require.Len(t, b.Data, len(b.Rows)*b.Stride)
		rows = append(rows, b.Rows...)
		data = append(data, b.Data...)
		return nil
	}))
	return rows, data
}

// Runs can be visited in any order, and hold together what Dense visits.
func TestRunsOfASegment(t *testing.T) {
	schema, n := denseSchema(), 3*presenceRows+100
	for _, every := range []bool{true, false} {
		points := densePoints(schema, n)
		if every {
			for i, p := range points {
				p.Vectors = []Vector{{Key: schema[0].Key, Data: testVector(schema[0], i)}}
			}
		}
		s := denseSegment(t, t.TempDir(), schema, points)
		state := stateOf(schema, s)
		v := state.Publish(1)
		part := v.Parts()[0]
		total := requireDense(t, part, schema[0])
		d := part.Vectors(schema[0].Key)
		require.Equal(t, 4, d.Runs())
		require.Equal(t, total, d.Len())
		require.Equal(t, int64(total)*2048, d.Bytes())
		visited := 0
		for run := d.Runs() - 1; run >= 0; run-- {
			rows, data := rowsOf(t, d, run)
			visited += len(rows)
			for i, row := range rows {
				require.Equal(t, run, int(row)/presenceRows)
				require.Equal(t, points[row].Vectors[0].Data, data[2048*i:2048*(i+1)])
			}
		}
		require.Equal(t, total, visited)
		require.Zero(t, part.Vectors(VectorKey{9, 9}).Runs())
		v.Release()
		state.Close()
	}
}

// A newer view of a head has the vectors of an older one at the beginning of the
// same runs.
func TestVersionsOfAHeadShareRuns(t *testing.T) {
	schema := denseSchema()
	s := newTestState(schema)
	var views []*View
	for i, p := range densePoints(schema, 400) {
		applyTo(t, s, wal.Position(i+1), []*Point{p}, nil)
		if i%10 == 0 {
			views = append(views, s.Publish(wal.Position(i+1)))
		}
	}
	newest := views[len(views)-1].Parts()[0].Vectors(schema[0].Key)
	for _, v := range views {
		part := v.Parts()[0]
		d := part.Vectors(schema[0].Key)
		require.Equal(t, newest.Identity(), d.Identity())
		require.LessOrEqual(t, d.Len(), newest.Len())
		for run := range d.Runs() {
			rows, data := rowsOf(t, d, run)
			all, more := rowsOf(t, newest, run)
			require.Equal(t, all[:len(rows)], rows)
			require.Equal(t, more[:len(data)], data)
			for _, row := range all[len(rows):] {
				require.GreaterOrEqual(t, int(row), part.Rows(), "only rows that the older view does not have")
			}
		}
		v.Release()
	}
	other := newTestState(schema)
	applyTo(t, other, 1, densePoints(schema, 1), nil)
	v := other.Publish(1)
	defer v.Release()
	require.NotEqual(t, newest.Identity(), v.Parts()[0].Vectors(schema[0].Key).Identity())
}

// Presence that contradicts itself is damage, though all checksums are right,
// whether a run has one record of it or several.
func TestForgedPresence(t *testing.T) {
	for _, size := range []int{512, 4} {
		schema, n := denseSchema(), 2*presenceRows+100
		schema[0].Size = size
		dir := t.TempDir()
		good := denseSegment(t, dir, schema, densePoints(schema, n))
		content, err := os.ReadFile(good.path)
		require.NoError(t, err)
		presence := good.contents.section(presenceSection, 0)
		for name, at := range map[string]int64{
			"rank of the first record": 0, "high rank": 7, "rank of a later record": presenceSize, "rank of the last record": 2 * presenceSize,
			"bit of the first record": 8, "bit of the last record": 2*presenceSize + 8,
		} {
			b := append([]byte(nil), content...)
			b[presence.offset+at] ^= 0x80
			b = reseal(b, good.contents, good.foot.contentsOffset)
			path := filepath.Join(dir, SegmentName(1, sha256.Sum256(b)))
			require.NoError(t, os.WriteFile(path, b, 0o600))
			s, err := OpenSegment(fsx.OS, path)
			require.NoError(t, err)
			require.ErrorIs(t, eachDense(s.mapped.dense(schema[0].Key), func(DenseBlock) error { return nil }), ErrDamaged, name)
			require.NoError(t, s.Release())
		}
	}
}

// Rows that come through a cache are those that come without one, in any order.
func TestRowCache(t *testing.T) {
	schema, n := denseSchema(), 2*blockRows+50
	s := denseSegment(t, t.TempDir(), schema, densePoints(schema, n))
	state := stateOf(schema, s)
	defer state.Close()
	v := state.Publish(1)
	defer v.Release()
	part := v.Parts()[0]
	cached := part.WithRowCache()
	for i := range n {
		row := uint32(i * 37 % n)
		want, err := part.Row(row)
		require.NoError(t, err)
		got, err := cached.Row(row)
		require.NoError(t, err)
		require.Equal(t, want.ID(), got.ID())
		require.Equal(t, want.Version(), got.Version())
		wantObject, err := want.Payload()
		require.NoError(t, err)
		gotObject, err := got.Payload()
		require.NoError(t, err)
		require.Equal(t, wantObject, gotObject)
	}
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = cached.Row(5) }), "a row costs nothing while its block is at hand")
}
