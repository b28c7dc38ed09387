package snapshot

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/segments/payload"
	"github.com/tidemark-db/tidemark/wal"
)

var testSchema = segments.Schema{{
	Key: segments.VectorKey{Position: 1}, Kind: segments.Dense, Size: 4, Datatype: segments.Float32, Distance: segments.Dot,
}}

// stateBuilder makes a state in two steps, so that it can have a segment with
// dead rows and points that are not in it.
type stateBuilder struct {
	t     require.TestingT
	state *segments.State
}

func newStateBuilder(t require.TestingT) *stateBuilder {
	b := &stateBuilder{t: t, state: segments.NewState()}
	b.state.AddVectors(testSchema[0])
	return b
}

func (b *stateBuilder) put(at wal.Position, ids ...int) {
	var changes []segments.Change
	for _, id := range ids {
		change := b.change(id)
		change.New = b.point(change.ID, at)
		changes = append(changes, change)
	}
	b.state.Apply(at, changes)
}

func (b *stateBuilder) change(id int) segments.Change {
	c := segments.Change{ID: segments.NumberID(uint64(id))}
	var err error
	c.Old, _, err = b.state.Locate(c.ID)
	require.NoError(b.t, err)
	return c
}

func (b *stateBuilder) point(id segments.PointID, at wal.Position) *segments.Point {
	var p payload.Builder
	p.BeginObject()
	p.Key("text")
	p.String(fmt.Sprintf("point %v at %d", id, at))
	p.End()
	object, err := p.Object()
	require.NoError(b.t, err)
	data, err := segments.EncodeDense(segments.Float32, []float32{float32(id.Number()), 1, 2, float32(at)})
	require.NoError(b.t, err)
	return &segments.Point{ID: id, Version: at, Payload: object, Vectors: []segments.Vector{{Key: testSchema[0].Key, Data: data}}}
}

// first is what a segment holds, second what came later.
func (b *stateBuilder) first() {
	b.put(2, 1, 2, 3, 4, 5)
	b.state.Seal(2)
}

func (b *stateBuilder) second(salt int) {
	b.state.Apply(3, []segments.Change{b.change(2)})
	b.put(4, 3, 100+salt)
	b.state.Seal(4)
}

// writeState writes all files of a state into dir and returns its manifest: two
// segments, one with two dead rows.
func writeState(t require.TestingT, dir string, salt int) *segments.Manifest {
	b := newStateBuilder(t)
	b.first()
	durable := b.checkpoint(dir, segments.NoDurable(), 2)
	b.second(salt)
	durable = b.checkpoint(dir, durable, 4)
	defer durable.Release()
	defer b.state.Close()
	m := &segments.Manifest{
		Generation: generation, Through: durable.Through, Digest: b.state.Digest(), Count: durable.Count(), Segments: durable.Entries(),
	}
	m.Sums = b.view(4).Sums()
	deletes, err := segments.WriteDeletes(context.Background(), fsx.OS, dir, generation, durable.Deletes())
	require.NoError(t, err)
	m.Deletes = &deletes
	return m
}

// view returns a view without a reference to it: it is used at once.
func (b *stateBuilder) view(at wal.Position) *segments.View { return b.state.Publish(at) }

func (b *stateBuilder) checkpoint(dir string, d *segments.Durable, at wal.Position) *segments.Durable {
	v := b.view(at)
	info, err := segments.WriteSegment(context.Background(), fsx.OS, dir, uint64(at), testSchema, d.Pending(v))
	require.NoError(b.t, err)
	segment, err := segments.OpenSegment(fsx.OS, filepath.Join(dir, info.Name))
	require.NoError(b.t, err)
	next, err := d.Checkpoint(v, segments.Written{Segment: segment, Info: info})
	require.NoError(b.t, err)
	require.NoError(b.t, segment.Release())
	d.Release()
	return next
}
