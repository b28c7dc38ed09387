package segments

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/segments/payload"
	"github.com/tidemark-db/tidemark/wal"
)

func (c *testCollection) names() []string {
	var out []string
	for _, e := range c.durable.Entries() {
		out = append(out, e.Name)
	}
	return out
}

// requireOnDisk says that whoever opens the collection now finds the model.
func (c *testCollection) requireOnDisk() {
	c.t.Helper()
	c.reopen()
	c.requireState()
}

// A point that was inserted, sealed and deleted before a later head was sealed
// must not come back with the checkpoint of both heads.
func TestCheckpointOfTwoHeadsKeepsADeathBetweenThem(t *testing.T) {
	c := newTestCollection(t, t.TempDir())
	c.write([]int{1, 2}, nil)
	c.state.Seal(c.at)
	c.write(nil, []int{1})
	c.write([]int{3}, nil)
	c.beginCheckpoint()
	c.commitCheckpoint()
	require.Equal(t, 2, c.manifest.Count)
	c.requireOnDisk()
	c.close()
}

// What dies while a checkpoint is being written is alive in its manifest, and
// dead in the live state after the swap.
func TestCheckpointIsAsOfItsPosition(t *testing.T) {
	c := newTestCollection(t, t.TempDir())
	c.write([]int{1, 2, 3, 4}, nil)
	c.beginCheckpoint()
	c.write([]int{2}, []int{1}) // 1 dies, 2 is replaced, after F
	c.commitCheckpoint()
	require.Equal(t, 4, c.manifest.Count, "as of F all four are alive")
	require.Nil(t, c.manifest.Deletes)
	c.write(nil, []int{3})
	c.requireState()
	c.replace(100, false)
	require.Empty(t, c.replacements)
	c.requireState()
	c.requireOnDisk()
	c.close()
}

// A merge that began at F0 is committed under F with the deaths up to F, not
// those up to now: replay of a patch after F must find the row.
func TestMergeIsCommittedUnderTheLaterPosition(t *testing.T) {
	c := newTestCollection(t, t.TempDir())
	for i := range 2 {
		c.write([]int{10*i + 1, 10*i + 2, 10*i + 3}, nil)
		c.beginCheckpoint()
		c.commitCheckpoint()
		c.replace(100, false)
	}
	names := c.names()
	c.beginMerge(names)
	c.write(nil, []int{1})  // dies in (F0, F]
	c.write([]int{21}, nil) // new in (F0, F]
	c.beginCheckpoint()
	c.commitCheckpoint()
	c.write(nil, []int{2})  // dies after F
	c.write([]int{11}, nil) // is replaced after F
	c.commitMerge()
	require.Equal(t, c.manifest.Count, 6)
	dead := 0
	for _, e := range c.manifest.Segments {
		dead += e.Dead
	}
	require.Equal(t, 1, dead, "only what died up to F")
	c.requireState()
	for len(c.replacements) > 0 {
		c.replace(1, false)
		c.requireState()
	}
	c.requireOnDisk()
	c.close()
}

// An id that dies, comes back and dies again is dead once in each place.
func TestRepeatedDeathsOfOneID(t *testing.T) {
	c := newTestCollection(t, t.TempDir())
	c.write([]int{7, 8}, nil)
	c.beginCheckpoint()
	for range 3 {
		c.write(nil, []int{7})
		c.write([]int{7}, nil)
		c.state.Seal(c.at)
	}
	c.commitCheckpoint()
	c.replace(2, false)
	c.requireState()
	c.replace(100, false)
	c.requireState()
	c.beginCheckpoint()
	c.commitCheckpoint()
	c.replace(100, true)
	c.requireState()
	c.requireOnDisk()
	c.close()
}

// A segment that was committed, but not shown when the next head was
// sealed, has no dead rows in the view of that head: the deaths decide.
func TestCheckpointBeforeTheOneBeforeIsShown(t *testing.T) {
	c := newTestCollection(t, t.TempDir())
	c.write([]int{1, 2, 3}, nil)
	c.beginCheckpoint()
	c.commitCheckpoint() // not shown
	c.write([]int{4}, []int{2})
	c.beginCheckpoint()
	require.Equal(t, 1, c.check.new.Info.Rows, "what is durable is not written twice")
	c.commitCheckpoint()
	require.Equal(t, 3, c.manifest.Count)
	c.requireState()
	for len(c.replacements) > 0 {
		c.replace(1, false)
		c.requireState()
	}
	c.requireOnDisk()
	c.close()
}

// Deaths that were forgotten too early are an error, not rows that come back.
func TestForgottenDeathsAreNoticed(t *testing.T) {
	c := newTestCollection(t, t.TempDir())
	c.write([]int{1, 2, 3}, nil)
	c.beginCheckpoint()
	c.commitCheckpoint()
	c.write(nil, []int{1})
	c.state.ForgetDeaths(c.at)
	_, err := c.state.Replace(c.replacements[0], 10)
	require.ErrorIs(t, err, ErrDeathsForgotten)
	c.state.Seal(c.at)
	c.write([]int{4}, nil)
	c.state.Seal(c.at)
	v := c.state.Publish(c.at)
	_, err = c.durable.Checkpoint(v, Written{})
	require.ErrorIs(t, err, ErrDeathsForgotten)
	v.Release()
	_, err = c.durable.Merge(NoDurable(), nil, Written{Segment: c.replacements[0].segment}, c.state.deaths.Deaths, Sums{})
	require.ErrorIs(t, err, ErrDeathsForgotten)
	c.requireState()
	c.close()
}

// Half a replacement is done when the deaths that it has yet to see are
// forgotten.
func TestDeathsForgottenDuringAReplacement(t *testing.T) {
	c := newTestCollection(t, t.TempDir())
	c.write([]int{1, 2, 3}, nil)
	c.beginCheckpoint()
	c.commitCheckpoint()
	c.write(nil, []int{1})
	c.write(nil, []int{2})
	done, err := c.state.Replace(c.replacements[0], 1)
	require.NoError(t, err)
	require.False(t, done)
	c.state.ForgetDeaths(c.at)
	_, err = c.state.Replace(c.replacements[0], 1)
	require.ErrorIs(t, err, ErrDeathsForgotten)
	c.close()
}

func TestCheckpointOfNothingThatLives(t *testing.T) {
	c := newTestCollection(t, t.TempDir())
	c.write([]int{1, 2}, nil)
	c.write(nil, []int{1, 2})
	c.beginCheckpoint()
	require.Nil(t, c.check.new.Segment)
	c.commitCheckpoint()
	c.replace(100, false)
	c.requireState()
	require.Zero(t, c.state.Usage().Sealed)
	c.requireOnDisk()
	c.close()
}

// A segment with a missing or a surplus row is refused before it is committed,
// and if it were not, before it is swapped in.
func TestWhatDoesNotAddUpIsRefused(t *testing.T) {
	c := newTestCollection(t, t.TempDir())
	c.write([]int{1, 2, 3}, nil)
	c.beginCheckpoint()
	short := badRows{}
	for row, err := range c.durable.Pending(c.check.view).Scan() {
		require.NoError(t, err)
		short.rows = append(short.rows, row)
	}
	short.rows = short.rows[1:]
	wrong := c.writeSegment(&short)
	_, err := c.durable.Checkpoint(c.check.view, wrong)
	require.ErrorIs(t, err, ErrSumsDiffer)
	_, err = c.state.Replace(ReplacementOfHeads(c.at, wrong), 100)
	require.ErrorIs(t, err, ErrSumsDiffer)
	c.requireState()
	c.release(wrong)

	other := newTestCollection(t, t.TempDir())
	other.at += 7
	other.write([]int{1, 2, 3}, nil)
	other.beginCheckpoint()
	wrong = c.writeSegment(other.durable.Pending(other.check.view))
	require.Equal(t, c.state.Count(), wrong.Info.Rows)
	_, err = c.durable.Checkpoint(c.check.view, wrong)
	require.ErrorIs(t, err, ErrSumsDiffer, "as many points, but others")
	c.release(wrong)
	other.close()
	c.close()
}

func TestCheckpointNeedsASealedHead(t *testing.T) {
	c := newTestCollection(t, t.TempDir())
	c.write([]int{1}, nil)
	v := c.state.Publish(c.at)
	_, err := c.durable.Checkpoint(v, Written{})
	require.Error(t, err)
	v.Release()
	c.close()
}

// Everything in any order: writes, sealed heads that wait, checkpoints and
// merges that take their time, replacements in small steps, forgotten deaths,
// swept files, and a process that begins again. What is live, and what would be
// found on disk, is the model at every step; views that are held stay as they
// are.
func TestCheckpointsAndMergesAgainstModel(t *testing.T) {
	root := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp(root, "c")
		require.NoError(t, err)
		c := newTestCollection(t, dir)
		var held []heldView
		ids := rapid.SliceOfNDistinct(rapid.IntRange(0, 40), 1, 10, rapid.ID)
		write := func(t *rapid.T) {
			all := ids.Draw(t, "ids")
			n := rapid.IntRange(0, len(all)).Draw(t, "puts")
			c.write(all[:n], all[n:])
		}
		t.Repeat(map[string]func(*rapid.T){
			"write": write, "write again": write,
			"seal":              func(*rapid.T) { c.state.Seal(c.at) },
			"begin checkpoint":  func(*rapid.T) { c.beginCheckpoint() },
			"commit checkpoint": func(*rapid.T) { c.commitCheckpoint() },
			"begin merge": func(t *rapid.T) {
				if names := c.names(); len(names) > 0 {
					from := rapid.IntRange(0, len(names)-1).Draw(t, "from")
					c.beginMerge(names[from:rapid.IntRange(from+1, len(names)).Draw(t, "to")])
				}
			},
			"commit merge": func(*rapid.T) { c.commitMerge() },
			"replace": func(t *rapid.T) {
				c.replace(rapid.IntRange(1, 5).Draw(t, "limit"), rapid.Bool().Draw(t, "catch up"))
			},
			"forget": func(*rapid.T) { c.forget() },
			"sweep":  func(*rapid.T) { c.sweep() },
			"hold": func(*rapid.T) {
				held = append(held, heldView{view: c.state.Publish(c.at), want: c.model.clone()})
				if len(held) > maxHeld {
					held[0].view.Release()
					held = held[1:]
				}
			},
			"reopen": func(*rapid.T) { c.reopen() },
			"": func(t *rapid.T) {
				c.t = t
				c.requireState()
				for _, h := range held {
					requireContent(t, h.want, c.schema, h.view)
				}
			},
		})
		for _, h := range held {
			h.view.Release()
		}
		c.requireOnDisk()
		c.close()
		c.requireAllClosed()
		require.NoError(t, os.RemoveAll(dir))
	})
}

func TestPickMerge(t *testing.T) {
	const mb = 1 << 20
	entry := func(name string, size int64, rows, dead int) SegmentEntry {
		return SegmentEntry{FileInfo: FileInfo{Name: name, Size: size}, Rows: rows, Dead: dead}
	}
	for name, tc := range map[string]struct {
		segments []SegmentEntry
		want     []string
	}{
		"nothing":        {},
		"four in a tier": {[]SegmentEntry{entry("a", mb, 9, 0), entry("b", 255*mb, 9, 0), entry("c", mb, 9, 0), entry("d", mb, 9, 0)}, nil},
		"five in a tier": {[]SegmentEntry{entry("a", 200*mb, 9, 0), entry("b", mb, 9, 0), entry("c", 2*mb, 9, 0), entry("d", 3*mb, 9, 0), entry("e", 4*mb, 9, 0)}, []string{"b", "c", "d", "e", "a"}},
		"two tiers":      {[]SegmentEntry{entry("a", 256*mb, 9, 0), entry("b", mb, 9, 0), entry("c", mb, 9, 0), entry("d", mb, 9, 0), entry("e", mb, 9, 0)}, nil},
		"a fifth dead":   {[]SegmentEntry{entry("a", mb, 100, 20)}, nil},
		"more dead":      {[]SegmentEntry{entry("a", mb, 100, 0), entry("b", mb, 100, 21)}, []string{"b"}},
		"all dead":       {[]SegmentEntry{entry("a", mb, 100, 100)}, []string{"a"}},
		"large": {[]SegmentEntry{
			entry("a", 4096*mb, 9, 0), entry("b", 4097*mb, 9, 0), entry("c", 4098*mb, 9, 0), entry("d", 4099*mb, 9, 0), entry("e", 4100*mb, 9, 0),
		}, nil},
		"many rows": {[]SegmentEntry{
			entry("a", mb, MaxSegmentRows/4, 0), entry("b", mb, MaxSegmentRows/4, 0), entry("c", mb, MaxSegmentRows/4, 0), entry("d", mb, MaxSegmentRows/2, MaxSegmentRows/4), entry("e", 2*mb, MaxSegmentRows/4, 0),
		}, []string{"d", "a", "b", "c"}},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, tc.want, PickMerge(tc.segments)) })
	}
	require.Equal(t, []int{0, 0, 1, 1, 2, 3}, []int{tierOf(1), tierOf(256*mb - 1), tierOf(256 * mb), tierOf(1024*mb - 1), tierOf(1024 * mb), tierOf(MaxSegmentBytes)})
}

func TestReplaceTakesSmallSteps(t *testing.T) {
	c := newTestCollection(t, t.TempDir())
	all := make([]int, 50)
	for i := range all {
		all[i] = i
	}
	c.write(all, nil)
	c.beginCheckpoint()
	c.write(nil, all[:45]) // 45 deaths at one position
	c.commitCheckpoint()
	steps := 0
	for ; len(c.replacements) > 0; steps++ {
		c.replace(10, false)
		c.requireState()
	}
	require.Equal(t, 5, steps)
	require.Equal(t, wal.Position(2), c.durable.Through)
	c.close()
}

// TestHeadsFitIntoASegmentOfTheirSize: whoever bounds heads bounds the segment
// that a checkpoint makes of them.
func TestHeadsFitIntoASegmentOfTheirSize(t *testing.T) {
	for name, schema := range map[string]Schema{"no vectors": nil, "one of each kind": testSchema(), "many that no point has": manyVectors(500)} {
		t.Run(name, func(t *testing.T) {
			const rows = 3000
			s := newTestState(schema)
			for n := range rows {
				p := testPoint(testSchema()[:min(len(schema), 4)], n, 1)
				p.Payload = randomObject(n % 50)
				if name != "one of each kind" {
					p.Vectors = nil
				}
				applyTo(t, s, 1, []*Point{p}, nil)
			}
			s.Seal(1)
			v := s.Publish(1)
			defer v.Release()
			info, err := WriteSegment(t.Context(), fsx.OS, t.TempDir(), 1, schema, v.HeadRows())
			require.NoError(t, err)
			const fixed = 64 << 10 // header, contents, the begin of each section
			require.LessOrEqual(t, info.Size, v.Usage().Sealed+fixed)
		})
	}
}

func manyVectors(n int) (schema Schema) {
	for i := range n {
		schema = append(schema, VectorSpec{Key: VectorKey{1, uint32(i)}, Name: fmt.Sprint(i), Kind: Dense, Size: 4, Datatype: Float32, Distance: Dot})
	}
	return schema
}

// randomObject returns a payload of a text of n characters that no codec makes
// smaller by much.
func randomObject(n int) payload.Object {
	var b payload.Builder
	b.BeginObject()
	b.Key("t")
	text := make([]byte, n)
	for i := range text {
		text[i] = byte(' ' + rand.IntN(95))
	}
	b.String(string(text))
	b.End()
	o, err := b.Object()
	if err != nil {
		panic(err)
	}
	return o
}
