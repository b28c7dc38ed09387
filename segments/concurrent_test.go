package segments

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/wal"
)

// Readers of one segment share its mapping, the bits of verified blocks and the
// block of payloads that was read last, while the applier marks rows as dead:
// run with -race.
func TestReadersOfASegmentWhileTheApplierWrites(t *testing.T) {
	schema := testSchema()
	dir := t.TempDir()
	const n = 1200
	points, model := testPoints(schema, n)
	s := openTestSegment(t, filepath.Join(dir, writeTestSegment(t, dir, 1, schema, points).Name))
	state := stateOf(schema, s)
	defer state.Close()
	views := make(chan heldView, 4)
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for h := range views {
				if err := compareContent(h.want, schema, h.view); err != nil {
					t.Error(err)
				}
				h.view.Release()
			}
		})
	}
	for i := range 30 {
		at := wal.Position(n + 1 + i)
		p := testPoint(schema, i*7, at)
		gone := testID(n - 1 - i)
		applyTo(t, state, at, []*Point{p}, []PointID{gone})
		model[p.ID] = p
		delete(model, gone)
		if i%3 == 0 {
			views <- heldView{view: state.Publish(at), want: model.clone()}
		} else {
			state.Publish(at).Release()
		}
	}
	close(views)
	readers.Wait()
}

// A vector that is dropped while a checkpoint is on its way is in the manifest
// as of its position, and in none later, though segments still hold its bytes.
func TestDroppedVectorAcrossCheckpoints(t *testing.T) {
	c := newTestCollection(t, t.TempDir())
	all := c.schema
	c.write([]int{1, 2, 3, 4, 5, 6}, nil)
	c.beginCheckpoint()
	c.at++
	c.state.DropVector(all[0].Key)
	c.commitCheckpoint()
	require.Len(t, c.manifest.Sums.Vectors, 4)
	c.replace(10, false)
	c.schema = all[1:]
	c.requireState()
	c.write([]int{2}, []int{3})
	c.beginCheckpoint()
	c.commitCheckpoint()
	c.replace(10, false)
	require.Len(t, c.manifest.Sums.Vectors, 3)
	c.requireState()
	c.beginMerge(c.names())
	c.commitMerge()
	c.replace(10, false)
	require.Len(t, c.manifest.Segments, 1)
	require.Len(t, c.manifest.Segments[0].Live.Vectors, 3, "the merge left it out")
	c.requireOnDisk()
	c.close()
	c.requireAllClosed()
}
