package local_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/wal"
	"github.com/tidemark-db/tidemark/wal/local"
	"github.com/tidemark-db/tidemark/wal/waltest"
)

// Every record of waltest.Payload below is smaller than a block, so that block
// i of a generation is frame i: the header, then one group for each record.

// Each cut of a log that was not closed is a torn tail: what was complete
// before the cut is served, nothing else.
func TestCutAtEveryByte(t *testing.T) {
	im := build(t, local.Options{}, 2, false)
	name := generation("1")
	full := im[name]
	require.Len(t, full, 3*block)
	dir := fastDir(t)
	for cut := len(full); cut >= 0; cut-- {
		if cut < 2*block && cut%block > 120 && cut%block < block-20 && cut%17 != 0 {
			continue // the padding of earlier frames is like that of the last
		}
		im.with(name, full[:cut]).write(t, dir)
		want := wal.Position(max(0, cut/block-1))
		got, r, err := serve(t, dir, local.Options{}, 0)
		require.NoError(t, err, "cut at %d", cut)
		require.Equal(t, want, got, "cut at %d", cut)
		require.False(t, r.PerhapsLost, "cut at %d", cut)
		if cut >= block {
			require.EqualValues(t, cut%block, r.Dropped)
		}
		if cut%97 == 0 {
			goesOn(t, dir, 0, got)
		}
	}
}

// The marker of a clean close turns every cut into damage, and so does the
// position that the owner knows to have been durable.
func TestCutIsRefusedWhereTheEndIsKnown(t *testing.T) {
	name, dir := generation("1"), fastDir(t)
	for _, c := range []struct {
		clean bool
		o     local.Options
	}{{clean: true}, {o: local.Options{AtLeast: 2}}} {
		im := build(t, local.Options{}, 2, c.clean)
		for cut := len(im[name]) - 1; cut >= 0; cut -= 31 {
			im.with(name, im[name][:cut]).write(t, dir)
			before := readImage(t, dir)
			_, _, err := serve(t, dir, c.o, 0)
			requireCorrupt(t, err, dir)
			after := readImage(t, dir)
			delete(after, "LOCK")
			require.Equal(t, before, after, "a refusal changes nothing")
		}
	}
}

// flips calls f for each bit that lies in the used part of a block, and for
// some of the padding.
func flips(content []byte, f func(flipped []byte, at int)) {
	for at := range content {
		inBlock := at % block
		for bit := range 8 {
			if inBlock < 90 || inBlock%211 == 0 && bit == at%8 {
				content[at] ^= 1 << bit
				f(content, at)
				content[at] ^= 1 << bit
			}
		}
	}
}

func TestFlipOfEveryBit(t *testing.T) {
	const records = 3
	name, dir := generation("1"), fastDir(t)
	for _, clean := range []bool{true, false} {
		im := build(t, local.Options{}, records, clean)
		flips(im[name], func(flipped []byte, at int) {
			im.write(t, dir)
			got, r, err := serve(t, dir, local.Options{}, 0)
			lastFrame := at >= len(flipped)-block
			if err != nil || clean || !lastFrame {
				requireCorrupt(t, err, dir)
				return
			}
			require.EqualValues(t, records-1, got, "flip in byte %d", at)
			require.NotEmpty(t, r.Quarantine)
			kept, err := os.ReadFile(r.Quarantine)
			require.NoError(t, err)
			require.True(t, bytes.Equal(flipped[len(flipped)-block:], kept), "the evidence is kept")
			// A changed length can make the whole group look unfinished.
			require.True(t, r.PerhapsLost || at%block < 2, "flip in byte %d", at)
		})
	}
}

// An unfinished end is what a crash leaves; a damaged group of full length may have
// been acknowledged, and operators must learn of it.
func TestRepairsAreReported(t *testing.T) {
	im := build(t, local.Options{}, 2, false)
	name := generation("1")
	flipped := bytes.Clone(im[name])
	flipped[len(flipped)-1] ^= 1
	for level, content := range map[string][]byte{"INFO": im[name][:3*block-1], "ERROR": flipped} {
		dir, lines := fastDir(t), new(bytes.Buffer)
		im.with(name, content).write(t, dir)
		_, r, err := serve(t, dir, local.Options{Logger: slog.New(slog.NewTextHandler(lines, nil))}, 0)
		require.NoError(t, err)
		require.NotEmpty(t, r.Quarantine)
		require.Equal(t, 1, strings.Count(lines.String(), "level="), lines)
		require.Contains(t, lines.String(), "level="+level)
		require.Contains(t, lines.String(), "position=")
		require.Contains(t, lines.String(), r.Quarantine)
	}
}

// A closed generation is read only when somebody needs it: damage in it is
// found there, at its place, and by Verify.
func TestFlipInClosedGeneration(t *testing.T) {
	o := local.Options{SegmentBytes: 4 * block}
	im := build(t, o, 4, true)
	name, dir := generation("1"), fastDir(t)
	flips(im[name], func(_ []byte, at int) {
		im.write(t, dir)
		got, _, err := serve(t, dir, local.Options{}, 0)
		c := requireCorrupt(t, err, dir)
		require.Equal(t, filepath.Join(dir, name), c.File)
		require.EqualValues(t, at/block*block, c.Offset)
		if at >= block && at < len(im[name])-block {
			require.EqualValues(t, at/block-1, got, "all before the damage is served")
			require.Equal(t, got, c.Position)
		}
		r, err := local.Verify(dir)
		require.NoError(t, err)
		require.Len(t, r.Damage, 1)
		require.Equal(t, c.Offset, r.Damage[0].Offset)
	})
}

func TestZeros(t *testing.T) {
	const records = 4
	im := build(t, local.Options{}, records, false)
	name, dir := generation("1"), fastDir(t)
	full := im[name]
	for what, c := range map[string]struct {
		content []byte
		last    wal.Position
		dropped int64
		refused bool
		kept    bool
	}{
		"a block behind the end":            {content: append(full[:len(full):len(full)], make([]byte, block)...), last: 4, dropped: block},
		"a part of a block behind the end":  {content: append(full[:len(full):len(full)], make([]byte, 10001)...), last: 4, dropped: 10001},
		"the last frame":                    {content: zeroed(full, 4*block, 5*block), last: 3, dropped: block},
		"the last two frames":               {content: zeroed(full, 3*block, 5*block), last: 2, dropped: 2 * block},
		"the end of the last frame's bytes": {content: zeroed(full, 4*block+40, 5*block), last: 3, dropped: block, kept: true},
		"the head of the last frame":        {content: zeroed(full, 4*block, 4*block+40), last: 3, dropped: block, kept: true},
		"a frame in the middle":             {content: zeroed(full, 2*block, 3*block), refused: true},
		"the header":                        {content: zeroed(full, 0, block), refused: true},
		"everything":                        {content: zeroed(full, 0, len(full)), last: 0},
	} {
		t.Run(what, func(t *testing.T) {
			im.with(name, c.content).write(t, dir)
			got, r, err := serve(t, dir, local.Options{}, 0)
			if c.refused {
				requireCorrupt(t, err, dir)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.last, got)
			require.Equal(t, c.dropped, r.Dropped)
			require.Equal(t, c.kept, r.Quarantine != "")
			goesOn(t, dir, 0, got)
		})
	}
}

func zeroed(b []byte, from, to int) []byte {
	b = bytes.Clone(b)
	clear(b[from:to])
	return b
}

// Generations 1 to 3 are closed and hold two records each; 4 is active and
// holds the last two.
func fourGenerations(t *testing.T, clean bool) image {
	im := build(t, local.Options{SegmentBytes: 4 * block}, 8, clean)
	require.Len(t, im[generation("4")], 3*block)
	require.Empty(t, im[generation("5")])
	return im
}

func TestMissingFiles(t *testing.T) {
	dir := fastDir(t)
	dirOf := func(number string) string { return filepath.Dir(generation(number)) }
	for _, clean := range []bool{true, false} {
		im := fourGenerations(t, clean)
		for what, damaged := range map[string]image{
			"generation 2":         im.without(dirOf("2")),
			"generation 3":         im.without(dirOf("3")),
			"the active one":       im.without(dirOf("4")),
			"the last two":         im.without(dirOf("4")).without(dirOf("3")),
			"a file in the middle": im.without(generation("2")),
		} {
			damaged.write(t, dir)
			if what == "a file in the middle" {
				require.NoError(t, os.Mkdir(filepath.Join(dir, dirOf("2")), 0o750))
			}
			_, _, err := serve(t, dir, local.Options{}, 0)
			c := requireCorrupt(t, err, dir)
			missing := map[string]string{"generation 2": "2", "generation 3": "3", "the active one": "4", "the last two": "3"}
			if number, ok := missing[what]; ok {
				require.Equal(t, filepath.Join(dir, dirOf(number)), c.File, "what is missing is named")
			}
		}

		im.without(dirOf("1")).write(t, dir)
		_, _, err := serve(t, dir, local.Options{From: 1}, 0)
		requireCorrupt(t, err, dir)
		got, _, err := serve(t, dir, local.Options{From: 3}, 2)
		require.NoError(t, err, "the first generation may have been released")
		require.EqualValues(t, 8, got)
	}
}

func TestEmptyDirectoryOfTheActiveGeneration(t *testing.T) {
	dir := fastDir(t)
	fourGenerations(t, false).without(generation("4")).write(t, dir)
	require.NoError(t, os.Mkdir(filepath.Join(dir, filepath.Dir(generation("4"))), 0o750))
	_, _, err := serve(t, dir, local.Options{}, 0)
	requireCorrupt(t, err, dir)
}

// All files of a log that must have records are gone.
func TestMissingLogIsRefused(t *testing.T) {
	dir := fastDir(t)
	for _, o := range []local.Options{{AtLeast: 1}, {Base: 10, AtLeast: 11}, {Base: 10, From: 5}} {
		_, _, err := local.Open(dir, o)
		requireCorrupt(t, err, dir)
	}
	fourGenerations(t, true).without("0000000000000001").without("0000000000000002").
		without("0000000000000003").without("0000000000000004").write(t, dir)
	_, _, err := local.Open(dir, local.Options{})
	requireCorrupt(t, err, dir)
}

func TestMarkerOfCleanClose(t *testing.T) {
	dir, one, two := fastDir(t), build(t, local.Options{}, 1, true), build(t, local.Options{}, 2, true)
	two.without("CLEAN").write(t, dir)
	got, r, err := serve(t, dir, local.Options{}, 0)
	require.NoError(t, err, "without the marker the log is read to its end")
	require.EqualValues(t, 2, got)
	require.False(t, r.Clean)

	two.with("CLEAN", one["CLEAN"]).write(t, dir)
	_, _, err = serve(t, dir, local.Options{}, 0)
	requireCorrupt(t, err, dir)

	marker := two["CLEAN"]
	for at := range marker {
		marker[at] ^= 0x10
		two.write(t, dir)
		_, _, err = serve(t, dir, local.Options{}, 0)
		requireCorrupt(t, err, dir)
		marker[at] ^= 0x10
	}
	two.with("CLEAN", nil).write(t, dir)
	_, _, err = serve(t, dir, local.Options{}, 0)
	requireCorrupt(t, err, dir)
}

// Bytes of another file, or of this one from before, never become records.
func TestStaleBytes(t *testing.T) {
	dir, name := fastDir(t), generation("1")
	im, other := build(t, local.Options{}, 3, false), build(t, local.Options{}, 5, false)

	im.with(name, append(im[name][:4*block:4*block], other[name][4*block:]...)).write(t, dir)
	got, r, err := serve(t, dir, local.Options{}, 0)
	require.NoError(t, err, "frames of another log are a torn tail")
	require.EqualValues(t, 3, got)
	require.EqualValues(t, 2*block, r.Dropped)
	goesOn(t, dir, 0, got)

	for from := block; from < 4*block; from += block {
		im.with(name, append(im[name][:4*block:4*block], im[name][from:from+block]...)).write(t, dir)
		_, _, err = serve(t, dir, local.Options{}, 0)
		require.Contains(t, requireCorrupt(t, err, dir).Reason, "valid frame")
	}
	im.with(name, append(im[name][:4*block:4*block], "leftovers"...)).write(t, dir)
	got, r, err = serve(t, dir, local.Options{}, 0)
	require.NoError(t, err)
	require.EqualValues(t, 3, got)
	require.EqualValues(t, len("leftovers"), r.Dropped)
}

// A frame that was cut off by a repair, or never acknowledged, comes back
// behind one that was written in place of its predecessor: generation and
// position are right, only the chain shows that it does not belong there.
func TestStaleFrameOfTheSameGeneration(t *testing.T) {
	dir, name := fastDir(t), generation("1")
	im := build(t, local.Options{}, 3, false)
	im.with(name, im[name][:2*block]).write(t, dir)
	log, _ := mustOpen(t, dir, local.Options{})
	p, err := log.Enqueue(t.Context(), []byte("in place of record 2"))
	require.NoError(t, err)
	at, err := p.Wait(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 2, at)
	again := readImage(t, dir)
	require.NoError(t, log.Close())
	delete(again, "LOCK")
	require.Len(t, again[name], 3*block)

	again.with(name, append(again[name], im[name][3*block:]...)).write(t, dir)
	_, _, err = local.Open(dir, local.Options{})
	require.EqualValues(t, 3*block, requireCorrupt(t, err, dir).Offset)
}

func TestWrongOrder(t *testing.T) {
	dir, name := fastDir(t), generation("1")
	im := build(t, local.Options{}, 4, false)
	b := bytes.Clone(im[name])
	copy(b[2*block:], im[name][3*block:4*block])
	copy(b[3*block:], im[name][2*block:3*block])
	im.with(name, b).write(t, dir)
	_, _, err := serve(t, dir, local.Options{}, 0)
	require.EqualValues(t, 2*block, requireCorrupt(t, err, dir).Offset)

	for _, clean := range []bool{true, false} {
		im := fourGenerations(t, clean)
		for _, pair := range [][2]string{{"1", "2"}, {"2", "3"}, {"3", "4"}, {"1", "4"}} {
			a, b := generation(pair[0]), generation(pair[1])
			im.with(a, im[b]).with(b, im[a]).write(t, dir)
			_, _, err := serve(t, dir, local.Options{}, 0)
			requireCorrupt(t, err, dir)
		}
		other := fourGenerations(t, clean)
		im.with(generation("2"), other[generation("2")]).write(t, dir)
		_, _, err := serve(t, dir, local.Options{}, 0)
		requireCorrupt(t, err, dir)
	}
}

func TestCutOfClosedGeneration(t *testing.T) {
	dir, name := fastDir(t), generation("2")
	im := fourGenerations(t, false)
	for cut := len(im[name]) - 1; cut >= 0; cut -= 61 {
		im.with(name, im[name][:cut]).write(t, dir)
		_, _, err := serve(t, dir, local.Options{}, 0)
		requireCorrupt(t, err, dir)
	}
	whole := im[name][:len(im[name]):len(im[name])]
	for _, more := range [][]byte{{0}, whole[len(whole)-block:]} { // the second ends with the right close frame
		im.with(name, append(whole, more...)).write(t, dir)
		_, _, err := local.Open(dir, local.Options{})
		requireCorrupt(t, err, dir)
	}
}

// What a crash during a rotation leaves: the generation is closed, the header
// of the next was not written, or not whole.
func TestUnfinishedRotation(t *testing.T) {
	dir := fastDir(t)
	im := fourGenerations(t, false)
	next := im[generation("4")]
	for what, header := range map[string][]byte{
		"empty": nil, "zeros": make([]byte, block), "half": next[:2000], "torn": zeroed(next[:block], 30, 60),
	} {
		im.with(generation("4"), header).write(t, dir)
		got, _, err := serve(t, dir, local.Options{}, 0)
		require.NoError(t, err, what)
		require.EqualValues(t, 6, got, what)
		kept, err := os.ReadFile(filepath.Join(dir, "torn-0000000000000004-0.bin"))
		require.Equal(t, what == "half" || what == "torn", err == nil, what)
		require.True(t, err != nil || bytes.Equal(header, kept), what)
		goesOn(t, dir, 0, got)
	}
}

func TestUnusedSpare(t *testing.T) {
	dir := fastDir(t)
	im := build(t, local.Options{}, 2, false)
	for what, c := range map[string]struct {
		content []byte
		kept    bool
	}{"empty": {}, "zeros": {content: make([]byte, 100)}, "garbage": {content: []byte("what is this"), kept: true}} {
		im.with(generation("2"), c.content).write(t, dir)
		got, _, err := serve(t, dir, local.Options{}, 0)
		require.NoError(t, err, what)
		require.EqualValues(t, 2, got, what)
		require.NoDirExists(t, filepath.Join(dir, filepath.Dir(generation("2"))))
		_, err = os.Stat(filepath.Join(dir, "torn-0000000000000002-0.bin"))
		require.Equal(t, c.kept, err == nil, what)
		goesOn(t, dir, 0, got)
	}
}

// A repair never overwrites the evidence of an earlier one.
func TestQuarantineKeepsEarlierEvidence(t *testing.T) {
	dir, name := fastDir(t), generation("1")
	im := build(t, local.Options{}, 1, false)
	var kept []string
	for i := range 3 {
		tail := []byte{'t', byte('0' + i)}
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			b = im[name]
		}
		if i == 0 {
			im.write(t, dir)
		}
		require.NoError(t, os.RemoveAll(filepath.Join(dir, "CLEAN")))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), append(b, tail...), 0o600))
		_, r, err := serve(t, dir, local.Options{}, 0)
		require.NoError(t, err)
		kept = append(kept, r.Quarantine)
	}
	for i, path := range kept {
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, []byte{'t', byte('0' + i)}, b)
	}
	report, err := local.Inspect(dir)
	require.NoError(t, err)
	require.ElementsMatch(t, kept, report.Quarantined)
}

// A restored collection's log begins above all positions given out before.
func TestBaseOfARestoredLog(t *testing.T) {
	dir := filepath.Join(fastDir(t), "wal")
	log, r := mustOpen(t, dir, local.Options{Base: 1000, From: 1001, AtLeast: 1000})
	require.True(t, r.Created)
	require.EqualValues(t, 1000, r.After)
	waltest.Write(t, log, 1000, 3)
	require.NoError(t, log.Close())
	log, r = mustOpen(t, dir, local.Options{From: 1001, AtLeast: 1003})
	require.NoError(t, log.Close())
	require.Equal(t, local.Recovery{Clean: true, After: 1000, Last: 1003, Generations: 1, Bytes: 4 * block}, r)
	_, _, err := local.Open(dir, local.Options{From: 1000})
	requireCorrupt(t, err, dir)
	_, _, err = local.Open(dir, local.Options{AtLeast: 1004})
	requireCorrupt(t, err, dir)
}
