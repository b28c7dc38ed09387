package segments

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/wal"
)

// testRecord is one record of the log of a testCollection.
type testRecord struct {
	at       wal.Position
	puts     []*Point
	removals []PointID
}

// testCollection does with the parts of this package what a collection does: it
// keeps a log, applies it, writes checkpoints and merges in steps between which
// anything may happen, and opens again from what is on disk.
type testCollection struct {
	t       fataler
	dir     string
	schema  Schema
	log     []testRecord // never released, so that any tail can be replayed
	at      wal.Position
	model   content
	state   *State
	durable *Durable

	manifest     *Manifest
	generation   uint64
	check        *testCheckpoint
	merge        *testMerge
	replacements []*Replacement
	// opened are all segments that ever were open.
	opened []*Segment
}

// testCheckpoint is a checkpoint whose segment is written, or not yet.
type testCheckpoint struct {
	view *View
	new  Written
}

type testMerge struct {
	from  *Durable
	names []string
	new   Written
}

func newTestCollection(t fataler, dir string) *testCollection {
	require.NoError(t, fsx.MkdirAll(fsx.OS, filepath.Join(dir, SegmentsDir), 0o750))
	return &testCollection{
		t: t, dir: dir, schema: testSchema(), model: content{}, at: 1,
		state: newTestState(testSchema()), durable: NoDurable(),
	}
}

func (c *testCollection) write(puts []int, removals []int) {
	c.at++
	r := testRecord{at: c.at}
	for _, n := range puts {
		p := testPoint(c.schema, n, c.at)
		r.puts = append(r.puts, p)
		c.model[p.ID] = p
	}
	for _, n := range removals {
		r.removals = append(r.removals, testID(n))
		delete(c.model, testID(n))
	}
	c.log = append(c.log, r)
	applyTo(c.t, c.state, r.at, r.puts, r.removals)
}

// requireState compares the live state with the model.
func (c *testCollection) requireState() {
	v := c.state.Publish(c.at)
	defer v.Release()
	requireContent(c.t, c.model, c.schema, v)
}

// writeSegment writes and opens a segment.
func (c *testCollection) writeSegment(rows Rows) Written {
	c.generation++
	dir := filepath.Join(c.dir, SegmentsDir)
	info, err := WriteSegment(context.Background(), fsx.OS, dir, c.generation, c.schema, rows)
	if errors.Is(err, ErrNoRows) {
		return Written{}
	}
	require.NoError(c.t, err)
	s, err := OpenSegment(fsx.OS, filepath.Join(dir, info.Name))
	require.NoError(c.t, err)
	c.opened = append(c.opened, s)
	return Written{Segment: s, Info: info}
}

// beginCheckpoint seals the head and writes the segment.
func (c *testCollection) beginCheckpoint() {
	if c.check != nil {
		return
	}
	c.state.Seal(c.at)
	v := c.state.Publish(c.at)
	c.check = &testCheckpoint{view: v, new: c.writeSegment(c.durable.Pending(v))}
}

// commitCheckpoint commits what beginCheckpoint wrote, as of its position.
func (c *testCollection) commitCheckpoint() {
	if c.check == nil {
		return
	}
	k := c.check
	next, err := c.durable.Checkpoint(k.view, k.new)
	require.NoError(c.t, err)
	c.commit(next, k.view.Sums(), ReplacementOfHeads(k.view.Through(), k.new))
	k.view.Release()
	c.check = nil
}

// beginMerge writes a segment from what is durable now.
func (c *testCollection) beginMerge(names []string) {
	if c.merge != nil || len(names) == 0 {
		return
	}
	from := c.durable
	from.set.retain()
	c.merge = &testMerge{from: from, names: names, new: c.writeSegment(from.Rows(names...))}
}

// commitMerge commits the merge under the position that is durable by now.
func (c *testCollection) commitMerge() {
	if c.merge == nil {
		return
	}
	m := c.merge
	next, err := c.durable.Merge(m.from, m.names, m.new, c.state.deaths.Deaths, c.manifest.Sums)
	require.NoError(c.t, err)
	c.commit(next, c.manifest.Sums, ReplacementOfSegments(m.from, m.names, m.new))
	m.from.Release()
	c.merge = nil
}

func (c *testCollection) commit(next *Durable, sums Sums, in *Replacement) {
	c.generation++
	m := &Manifest{
		Generation: c.generation, Collection: "c", Config: []byte(`{}`), Through: next.Through,
		Sums: sums, Digest: sums.Digest(), Count: next.Count(), Segments: next.Entries(),
	}
	if deletes := next.Deletes(); deletes != nil {
		info, err := WriteDeletes(context.Background(), fsx.OS, c.dir, c.generation, deletes)
		require.NoError(c.t, err)
		m.Deletes = &info
	}
	require.NoError(c.t, CommitManifest(fsx.OS, c.dir, m))
	c.durable.Release()
	c.manifest, c.durable = m, next
	c.replacements = append(c.replacements, in)
}

// replace takes one step of the oldest replacement.
func (c *testCollection) replace(limit int, catchup bool) {
	if len(c.replacements) == 0 {
		return
	}
	in := c.replacements[0]
	if catchup {
		v := c.state.Publish(c.at)
		require.NoError(c.t, in.Catchup(v))
		v.Release()
	}
	done, err := c.state.Replace(in, limit)
	require.NoError(c.t, err)
	if done {
		c.replacements = c.replacements[1:]
		if in.segment != nil {
			require.NoError(c.t, in.segment.Release()) // the state has its own reference
		}
	}
}

// forget drops the deaths that nothing needs any more.
func (c *testCollection) forget() {
	p := c.durable.Through
	if c.merge != nil {
		p = min(p, c.merge.from.Through)
	}
	for _, in := range c.replacements {
		p = min(p, in.at)
	}
	c.state.ForgetDeaths(p)
}

// reopen drops all that is in memory and opens from disk: the manifest, then
// what the log holds above its position.
func (c *testCollection) reopen() {
	c.close()
	c.state, c.durable = newTestState(c.schema), NoDurable()
	m, err := LoadManifest(fsx.OS, c.dir)
	if errors.Is(err, ErrNoManifest) {
		m = new(Manifest)
	} else {
		require.NoError(c.t, err)
		c.durable, err = OpenDurable(fsx.OS, c.dir, m)
		require.NoError(c.t, err)
		require.NoError(c.t, c.durable.Verify(context.Background()))
		c.opened = append(c.opened, c.durable.set.segments...)
		c.state.Close()
		c.state = c.durable.State(c.schema, m)
		c.manifest = m
	}
	for _, r := range c.log {
		if r.at > m.Through {
			applyTo(c.t, c.state, r.at, r.puts, r.removals)
		}
	}
}

// requireAllClosed says that no segment is left open.
func (c *testCollection) requireAllClosed() {
	for _, s := range c.opened {
		require.Zero(c.t, s.references.Load(), "segment %s", s.Name())
	}
}

// close gives everything back.
func (c *testCollection) close() {
	if c.check != nil {
		c.check.view.Release()
		c.release(c.check.new)
		c.check = nil
	}
	if c.merge != nil {
		c.merge.from.Release()
		c.release(c.merge.new)
		c.merge = nil
	}
	for _, in := range c.replacements {
		c.release(Written{Segment: in.segment})
	}
	c.replacements = nil
	c.durable.Release()
	c.state.Close()
}

func (c *testCollection) release(w Written) {
	if w.Segment != nil {
		require.NoError(c.t, w.Segment.Release())
	}
}

// sweep removes files that neither the manifest nor a running step names.
func (c *testCollection) sweep() {
	var keep []string
	if c.manifest != nil {
		for _, s := range c.manifest.Segments {
			keep = append(keep, s.Name)
		}
	}
	if c.check != nil && c.check.new.Segment != nil {
		keep = append(keep, c.check.new.Info.Name)
	}
	if c.merge != nil && c.merge.new.Segment != nil {
		keep = append(keep, c.merge.new.Info.Name)
	}
	entries, err := os.ReadDir(filepath.Join(c.dir, SegmentsDir))
	require.NoError(c.t, err)
	for _, e := range entries {
		if !slices.Contains(keep, e.Name()) {
			require.NoError(c.t, os.Remove(filepath.Join(c.dir, SegmentsDir, e.Name())))
		}
	}
}
