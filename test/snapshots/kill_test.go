package snapshots

import (
	"cmp"
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// bulk are points that make a snapshot take as long as it needs to be killed in
// the middle.
const bulk = 6000

// cast is what a round of killing works with: collection w, to which eight
// writers write; quiet, which only restores change; and snapshots of both.
type cast struct {
	*server
	all []*writer
	// known is what is in w of each writer after its first `through` writes.
	known   []points
	through []int
	// states of quiet that its snapshots hold, by digest, and their files.
	files map[string]string
	// ofW is a snapshot of w and what it holds.
	ofW      description
	ofWHolds []points
	// middle counts the kills that left something half done behind.
	middle int
}

// TestKillDuringSnapshotsAndRestores kills the server with SIGKILL in the middle
// of taking a snapshot, of a restore of a collection that nobody writes to, and
// of one that eight writers write to. TIDEMARK_SNAPSHOT_KILLS is the number of
// rounds, 90 without it.
func TestKillDuringSnapshotsAndRestores(t *testing.T) {
	c := newCast(t)
	for round := range rounds(t, "TIDEMARK_SNAPSHOT_KILLS", 90) {
		switch round % 3 {
		case 0:
			c.killCreate(t, round)
		case 1:
			c.killQuietRestore(t, round)
		default:
			c.killRestoreUnderWrites(t, round)
		}
		c.requireSwept(t)
	}
	t.Logf("%d kills left something half done", c.middle)
}

func newCast(t *testing.T) *cast {
	c := &cast{server: start(t, t.TempDir(), "TIDEMARK__HEAD_MB=1"), all: newWriters(), files: map[string]string{}}
	c.known, c.through = make([]points, writers), make([]int, writers)
	for w := range c.known {
		c.known[w] = points{}
	}
	c.must(t, "PUT /collections/w", dense(dim))
	c.must(t, "PUT /collections/quiet", dense(dim))
	c.writeUntil(t, 400, func() {}) // something to snapshot
	c.settle(t)
	c.ofW, c.ofWHolds = c.create(t, "w"), c.read(t, "w")
	for _, n := range []int{bulk, bulk + 500} {
		c.fill(t, "quiet", n, dim)
		c.files[c.state(t, "quiet").Digest] = c.file("quiet", c.create(t, "quiet").Name)
	}
	require.Len(t, c.files, 2)
	return c
}

// writeUntil lets the writers write to w until so many writes were acknowledged
// since begin was called, then kills the server, and returns when all writers
// have noticed. begin runs beside them.
func (c *cast) writeUntil(t *testing.T, answers int64, begin func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var began atomic.Bool
	var count atomic.Int64
	enough := make(chan struct{})
	directories := len(c.left(t))
	var group sync.WaitGroup
	for _, w := range c.all {
		group.Go(func() {
			w.run(ctx, t, c.server, "w", func() {
				if began.Load() && count.Add(1) == answers {
					close(enough)
				}
			})
		})
	}
	group.Go(func() {
		began.Store(true)
		begin()
	})
	select {
	case <-enough:
	case <-ctx.Done():
	}
	c.Kill()
	group.Wait()
	if len(c.left(t)) != directories {
		c.middle++
	}
	require.NoError(t, ctx.Err(), "the writers got no answers")
	require.NoError(t, c.Start(t.Context()))
}

// soon is a number of answers after which the work may have been begun, be in its
// middle, or be done.
func soon() int64 { return 1 + rand.Int64N(60) }

// ask makes a request that the kill may interrupt and reports whether it was
// answered. Other answers than success fail the test.
func (c *cast) ask(t *testing.T, request, body string) (answered bool) {
	r, err := c.do(context.WithoutCancel(t.Context()), request, body)
	if err != nil {
		return false
	}
	if r.status != 200 {
		t.Errorf("%s: status %d: %s", request, r.status, r.body)
	}
	return r.status == 200
}

// killCreate kills while a snapshot of quiet or of w is taken.
func (c *cast) killCreate(t *testing.T, round int) {
	collection := []string{"w", "quiet"}[round/3%2]
	earlier := map[string]bool{}
	for _, d := range c.list(t, collection) {
		earlier[d.Name] = true
	}
	if collection == "quiet" { // otherwise it would be a second name of the same bytes
		c.must(t, "PUT /collections/quiet/points?wait=true", `{"points":[{"id":1,"vector":`+vector(round, dim)+`,"payload":{"n":0}}]}`)
	}
	quiet := c.state(t, "quiet")
	low := c.acknowledged()
	var answered bool
	c.writeUntil(t, soon(), func() { answered = c.ask(t, "POST /collections/"+collection+"/snapshots", "") })
	require.Equal(t, quiet, c.state(t, "quiet"), "round %d", round)
	high := c.begun()
	base, after := c.known, c.through
	c.settle(t)
	fresh := 0
	for _, d := range c.list(t, collection) {
		content, err := os.ReadFile(c.file(collection, d.Name))
		require.NoError(t, err)
		require.Equal(t, d.Checksum, sum(content), "round %d: half a snapshot is listed", round)
		if earlier[d.Name] {
			delete(earlier, d.Name)
			continue
		}
		fresh++
		c.checkFresh(t, collection, d, base, after, low, high)
	}
	require.Empty(t, earlier, "round %d: snapshots are gone", round)
	if answered {
		require.Equal(t, 1, fresh, "round %d: it was answered", round)
	}
}

// checkFresh restores a snapshot that the kill left, looks at what it holds, and
// drops both.
func (c *cast) checkFresh(t *testing.T, collection string, d description, base []points, after, low, high []int) {
	c.must(t, recoverRequest("fresh"), recoverBody(c.file(collection, d.Name), d.Checksum))
	if collection == "quiet" {
		require.Equal(t, c.state(t, "quiet").Digest, c.state(t, "fresh").Digest)
	} else {
		got := c.read(t, "fresh")
		for i, w := range c.all {
			_, ok := w.prefix(base[i], after[i], got[i], low[i], high[i])
			require.True(t, ok, "writer %d: the snapshot is no prefix of %d to %d writes", i, low[i], high[i])
		}
	}
	c.must(t, "DELETE /collections/fresh", "")
	c.must(t, "DELETE /collections/"+collection+"/snapshots/"+d.Name, "")
}

// killQuietRestore kills while quiet is replaced by one of its snapshots, or
// created from it.
func (c *cast) killQuietRestore(t *testing.T, round int) {
	if round%2 == 0 {
		c.must(t, "DELETE /collections/quiet", "")
	}
	var want, file string
	for want, file = range c.files { // any
		break
	}
	var before state
	there := c.get(t, "GET /collections/quiet", "").status == 200
	if there {
		before = c.state(t, "quiet")
	}
	var answered bool
	c.writeUntil(t, soon(), func() { answered = c.ask(t, recoverRequest("quiet"), recoverBody(file, "")) })
	c.settle(t)
	if exists := c.get(t, "GET /collections/quiet", "").status == 200; !exists {
		require.False(t, there || answered, "round %d: the collection is gone", round)
		c.must(t, recoverRequest("quiet"), recoverBody(file, ""))
	}
	after := c.state(t, "quiet")
	switch {
	case answered || !there:
		require.Equal(t, want, after.Digest, "round %d", round)
	case after.Position == before.Position:
		require.Equal(t, before, after, "round %d", round)
	default:
		require.Equal(t, want, after.Digest, "round %d: neither the old nor the new state", round)
	}
	if answered || after.Position != before.Position {
		require.Greater(t, after.Position, before.Position, "round %d: positions went back", round)
	}
}

// killRestoreUnderWrites kills while w, to which all write, is replaced by its
// snapshot. Afterwards it is the old one with every acknowledged write, or the
// snapshot with the writes that came after it, in which case the restore may have
// been answered or not.
func (c *cast) killRestoreUnderWrites(t *testing.T, round int) {
	before := c.state(t, "w")
	var answered bool
	c.writeUntil(t, soon(), func() {
		answered = c.ask(t, recoverRequest("w"), recoverBody(c.file("w", c.ofW.Name), c.ofW.Checksum))
	})
	got := c.read(t, "w")
	if !answered && c.isOld(got) {
		c.settle(t)
		return
	}
	for i, w := range c.all {
		require.True(t, c.isRestored(w, got[i]), "round %d, writer %d: neither the old state nor the snapshot with what was written after it: %v", round, i, got[i])
		c.known[i], c.through[i] = got[i], int(w.begun.Load())
	}
	require.Greater(t, c.state(t, "w").Position, before.Position, "round %d: positions went back", round)
}

// isOld reports whether w is what it was, with all that was acknowledged since.
func (c *cast) isOld(got []points) bool {
	for i, w := range c.all {
		if _, ok := w.prefix(c.known[i], c.through[i], got[i], int(w.acknowledged.Load()), int(w.begun.Load())); !ok {
			return false
		}
	}
	return true
}

// isRestored reports whether a writer's points are those of the snapshot and
// then of its last writes, from some on without a gap.
func (c *cast) isRestored(w *writer, got points) bool {
	low, high := int(w.acknowledged.Load()), int(w.begun.Load())
	for first := c.through[w.number]; first <= high; first++ {
		if _, ok := w.prefix(c.ofWHolds[w.number], first, got, low, high); ok {
			return true
		}
	}
	return false
}

// settle requires that w holds all that was acknowledged, and takes what it holds
// as known.
func (c *cast) settle(t *testing.T) {
	t.Helper()
	got := c.read(t, "w")
	for i, w := range c.all {
		_, ok := w.prefix(c.known[i], c.through[i], got[i], int(w.acknowledged.Load()), int(w.begun.Load()))
		require.True(t, ok, "writer %d: not all of %d acknowledged writes: %v", i, w.acknowledged.Load(), got[i])
	}
	c.known, c.through = got, c.begun()
}

// named returns the directories that the newest catalog names.
func (c *cast) named(t *testing.T) (names []string) {
	t.Helper()
	catalogs, err := filepath.Glob(filepath.Join(c.dir, "storage", "catalog-*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, catalogs)
	newest := slices.MaxFunc(catalogs, func(a, b string) int { return cmp.Or(len(a)-len(b), strings.Compare(a, b)) })
	b, err := os.ReadFile(newest)
	require.NoError(t, err)
	type incarnation struct{ ID string }
	var catalog struct {
		Document struct {
			Collections map[string]struct {
				incarnation
				Previous *incarnation
			}
		}
	}
	require.NoError(t, json.Unmarshal(b, &catalog))
	for _, e := range catalog.Document.Collections {
		names = append(names, "collections/"+e.ID)
		if e.Previous != nil {
			names = append(names, "collections/"+e.Previous.ID)
		}
	}
	return names
}

func (c *cast) acknowledged() []int {
	out := make([]int, writers)
	for i, w := range c.all {
		out[i] = int(w.acknowledged.Load())
	}
	return out
}

func (c *cast) begun() []int {
	out := make([]int, writers)
	for i, w := range c.all {
		out[i] = int(w.begun.Load())
	}
	return out
}

// requireSwept requires that nothing half is left: a directory for each
// collection and each state that is kept for undo and no other, nothing staged.
func (c *cast) requireSwept(t *testing.T) {
	t.Helper()
	require.ElementsMatch(t, c.named(t), c.left(t))
	for _, collection := range []string{"w", "quiet"} {
		entries, err := os.ReadDir(c.file(collection, ""))
		require.NoError(t, err)
		for _, e := range entries {
			// A checksum without a snapshot is what a kill just before the last step
			// leaves. It means nothing and is replaced.
			require.Regexp(t, `\.snapshot(\.checksum)?$`, e.Name())
		}
	}
}
