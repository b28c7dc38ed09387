package local_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/wal"
	"github.com/tidemark-db/tidemark/wal/local"
	"github.com/tidemark-db/tidemark/wal/waltest"
)

// promise is what had been acknowledged after a number of operations.
type promise struct {
	after    int
	last     wal.Position // records up to here are durable
	released wal.Position // records up to here may be gone
}

// recordLife uses a log for a while: it grows over several generations, is
// closed and opened, released, and left without close.
func recordLife(t *testing.T) (*fsx.Recorder, []promise) {
	t.Helper()
	dir := filepath.Join(fastDir(t), "wal")
	require.NoError(t, fsx.MkdirAll(fsx.OS, dir, 0o750))
	rec, err := fsx.NewRecorder(fsx.OS, dir)
	require.NoError(t, err)
	var promises []promise
	var at, released wal.Position
	o := local.Options{FS: rec, SegmentBytes: 4 * block}
	for round := range 4 {
		log, _ := mustOpen(t, dir, o)
		for range 5 {
			at = waltest.Write(t, log, at, 1)
			promises = append(promises, promise{rec.Len(), at, released})
		}
		released = at - 4
		promises = append(promises, promise{rec.Len(), at, released}) // what Release may do from now on
		require.NoError(t, log.Release(t.Context(), released))
		if round < 3 {
			require.NoError(t, log.Close())
			promises = append(promises, promise{rec.Len(), at, released})
			continue
		}
		t.Cleanup(func() { require.NoError(t, log.Close()) })
	}
	return rec, promises
}

// Whatever a loss of power leaves, the log opens, has everything that was
// acknowledged and nothing that was never written, and goes on.
func TestCrashStates(t *testing.T) {
	rec, promises := recordLife(t)
	states := 0
	for state := range fsx.CrashStates(rec) {
		var kept promise
		for _, p := range promises {
			if p.after <= state.After {
				kept = p
			}
		}
		// A release may be under way in this state.
		for _, p := range promises {
			if p.after > state.After {
				kept.released = max(kept.released, p.released)
				break
			}
		}
		dir := filepath.Join(fastDir(t), "wal")
		require.NoError(t, fsx.MkdirAll(fsx.OS, dir, 0o750))
		require.NoError(t, state.LayOut(dir))
		got, r, err := serve(t, dir, local.Options{From: kept.released + 1, AtLeast: kept.last}, kept.released)
		require.NoError(t, err, "%d operations, survived: %s\n%s", state.After, state.Survival, rec.Trace(max(0, state.After-5)))
		require.LessOrEqual(t, got, kept.last+1, "one record was under way at most")
		require.False(t, r.PerhapsLost && state.Survival == fsx.SurvivesAll)
		goesOn(t, dir, kept.released, got)
		states++
	}
	require.Greater(t, states, 200)
}

func TestOneProcessAtATime(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "wal")
	log, _ := mustOpen(t, dir, local.Options{})
	_, _, err := local.Open(dir, local.Options{})
	require.ErrorIs(t, err, wal.ErrLocked)
	report, err := local.Inspect(dir)
	require.NoError(t, err)
	require.True(t, report.InUse)
	require.NoError(t, log.Close())
	log, _ = mustOpen(t, dir, local.Options{})
	require.NoError(t, log.Close())
}

// A repair that is interrupted is repaired again, at whatever point that was.
func TestCrashWhileRepairing(t *testing.T) {
	four := build(t, local.Options{SegmentBytes: 4 * block}, 8, false)
	one := build(t, local.Options{}, 2, false)
	torn := one[generation("1")]
	for what, c := range map[string]struct {
		found image
		last  wal.Position // acknowledged before
	}{
		"torn tail":           {one.with(generation("1"), torn[:len(torn)-100]), 1},
		"zero tail":           {one.with(generation("1"), append(torn[:len(torn):len(torn)], make([]byte, 9000)...)), 2},
		"torn tail and spare": {four.with(generation("4"), four[generation("4")][:2*block+9]).with(generation("5"), []byte("x")), 7},
		"unfinished rotation": {four.with(generation("4"), four[generation("4")][:3000]), 6},
		"unfinished creation": {one.with(generation("1"), torn[:3000]), 0},
	} {
		t.Run(what, func(t *testing.T) {
			dir := fastDir(t)
			c.found.write(t, dir)
			rec, err := fsx.NewRecorder(fsx.OS, dir)
			require.NoError(t, err)
			log, _ := mustOpen(t, dir, local.Options{FS: rec})
			opened := rec.Len()
			waltest.Write(t, log, c.last, 1)
			written := rec.Len()
			require.NoError(t, log.Close())
			for state := range fsx.CrashStates(rec) {
				clone := fastDir(t)
				require.NoError(t, state.LayOut(clone))
				got, r, err := serve(t, clone, local.Options{}, 0)
				require.NoError(t, err, "%d operations, survived: %s\n%s", state.After, state.Survival, rec.Trace(0))
				require.GreaterOrEqual(t, got, c.last)
				if state.After >= written {
					require.Equal(t, c.last+1, got)
				}
				if state.After >= opened && state.After < written && state.Survival == fsx.SurvivesNothing {
					require.Zero(t, r.Dropped, "a repair is durable when Open returns")
				}
				goesOn(t, clone, 0, got)
			}
		})
	}
}

// A record whose sync failed may be found when the log is opened again. If it
// is, it counts as durable from then on, and must be.
func TestWhatIsFoundAfterAFailedSyncIsMadeDurable(t *testing.T) {
	dir, faults := fastDir(t), fsx.NewFaults(fsx.OS)
	rec, err := fsx.NewRecorder(faults, dir)
	require.NoError(t, err)
	log, _ := mustOpen(t, dir, local.Options{FS: rec})
	waltest.Write(t, log, 0, 2)
	faults.Inject(fsx.Rule{Kinds: []fsx.Kind{fsx.KindLogSync}})
	p, err := log.Enqueue(t.Context(), waltest.Payload(3))
	require.NoError(t, err)
	_, err = p.Wait(t.Context())
	require.ErrorIs(t, err, wal.ErrOutcomeUnknown)
	require.ErrorIs(t, log.Close(), wal.ErrPoisoned)
	faults.Clear()

	log, r := mustOpen(t, dir, local.Options{FS: rec})
	require.EqualValues(t, 3, r.Last)
	opened := rec.Len()
	require.NoError(t, log.Close())
	for state := range fsx.CrashStates(rec) {
		if state.After < opened {
			continue
		}
		clone := fastDir(t)
		require.NoError(t, state.LayOut(clone))
		got, _, err := serve(t, clone, local.Options{AtLeast: 3}, 0)
		require.NoError(t, err, state.Survival)
		require.EqualValues(t, 3, got)
	}
}
