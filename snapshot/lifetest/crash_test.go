package lifetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
)

// TestPowerFailsAnywhere lays out what a loss of power after any operation can
// leave, and starts there: everything that was acknowledged is found, and
// nothing but what was acknowledged or under way.
func TestPowerFailsAnywhere(t *testing.T) {
	t.Parallel()
	rec, moments := record(t, smallGeneration)
	work := newWorkers(t)
	for crash := range sample(fsx.CrashStates(rec), 0, 11) {
		dir := memoryDir(t)
		require.NoError(t, crash.LayOut(dir))
		a := expectAfter(moments, crash.After)
		if !work.do(func(ctx context.Context) error {
			_, err := a.check(ctx, dir)
			return errors.Join(err, os.RemoveAll(dir))
		}, "power lost after operation %d, %s survives", crash.After, crash.Survival) {
			break
		}
	}
	work.wait()
}

// expectAfter returns what must be found after a number of operations.
func expectAfter(moments []moment, operations int) aftermath {
	i := 0
	for i+1 < len(moments) && moments[i+1].operations <= operations {
		i++
	}
	now, next := moments[i], moments[min(i+1, len(moments)-1)]
	a := aftermath{states: []seen{now.seen, next.seen}, taken: slices.Clone(now.taken)}
	for n := range a.taken {
		if a.taken[n].fate != next.taken[n].fate {
			a.taken[n].fate = leaving
		}
	}
	return a
}

// TestPowerFailsAgain loses power a second time, during the start after the first
// loss. What the start had shown to clients stays; before that it is as if there
// had been one loss.
func TestPowerFailsAgain(t *testing.T) {
	t.Parallel()
	rec, moments := record(t, smallGeneration)
	work := newWorkers(t)
	n := 0
	for first := range sample(fsx.CrashStates(rec), 5, 97) {
		dir := memoryDir(t)
		require.NoError(t, first.LayOut(dir))
		a := expectAfter(moments, first.After)
		n++
		begin := n % secondSample
		if !work.do(func(ctx context.Context) error {
			return a.checkSecondLoss(t, ctx, dir, begin)
		}, "power lost after operation %d, %s survives, and again", first.After, first.Survival) {
			break
		}
	}
	work.wait()
}

// secondSample is the step between the points of a start at which power is lost.
const secondSample = 17

// checkSecondLoss starts below dir and loses power at a sample of the points of
// that, of which the first is begin.
func (a aftermath) checkSecondLoss(t *testing.T, ctx context.Context, dir string, begin int) error {
	rec, err := fsx.NewRecorder(fsx.OS, dir)
	if err != nil {
		return err
	}
	l := &life{house: newHouse(dir, options{fsys: rec, generation: smallGeneration})}
	if err := l.open(ctx); err != nil {
		return err
	}
	found, err := l.look(ctx)
	shown := rec.Len()
	if err := errors.Join(err, l.close(ctx), os.RemoveAll(dir)); err != nil {
		return err
	}
	for second := range sample(fsx.CrashStates(rec), begin, secondSample) {
		after := a
		if second.After >= shown {
			after.states = []seen{found}
		}
		if err := after.checkState(t, ctx, second); err != nil {
			return fmt.Errorf("after operation %d of the start, %s survives: %w", second.After, second.Survival, err)
		}
	}
	return nil
}

// checkState lays out a state and starts there.
func (a *aftermath) checkState(t *testing.T, ctx context.Context, crash fsx.CrashState) error {
	dir := memoryDir(t)
	err := crash.LayOut(dir)
	if err == nil {
		_, err = a.check(ctx, dir)
	}
	return errors.Join(err, os.RemoveAll(dir))
}
