package lifetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/internal/fsx"
)

// Kinds of operations, as a failing disk tells them apart.
var (
	growing  = []fsx.Kind{fsx.KindCreate, fsx.KindMkdir, fsx.KindRename, fsx.KindLink, fsx.KindWrite, fsx.KindSync, fsx.KindSyncData, fsx.KindLogWrite, fsx.KindLogSync}
	changing = append(slices.Clone(growing), fsx.KindRemove, fsx.KindTruncate, fsx.KindSyncDir)
	every    = append(slices.Clone(changing), fsx.KindOpen, fsx.KindRead, fsx.KindReadDir, fsx.KindStat)
)

// failure is a way in which a disk fails from some operation on.
type failure struct {
	name  string
	kinds []fsx.Kind
	err   syscall.Errno
	// lasts says that the disk is healthy only at the next start.
	lasts bool
	// step is the sample of operations that are tried.
	step int
}

func (f failure) rule(nth int) fsx.Rule {
	r := fsx.Rule{Kinds: f.kinds, Nth: nth, Err: f.err}
	if !f.lasts {
		r.Times = 1
	}
	return r
}

// reads reports whether what is on the disk can be read all the while.
func (f failure) reads() bool { return !slices.Contains(f.kinds, fsx.KindRead) }

// TestDiskFailsAnywhere lets operations of the file system fail in every way and
// at every point. Whatever is answered is true at the next start, live data is
// what it was, and what failed once can be done again.
func TestDiskFailsAnywhere(t *testing.T) {
	_, moments := record(t, smallGeneration)
	for _, f := range []failure{
		{name: "an error once", kinds: every, err: syscall.EIO, step: 29},
		{name: "full once", kinds: changing, err: syscall.ENOSPC, step: 23},
		{name: "errors from then on", kinds: every, err: syscall.EIO, lasts: true, step: 29},
		{name: "full from then on", kinds: growing, err: syscall.ENOSPC, lasts: true, step: 17},
	} {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			work := newWorkers(t)
			for nth := range sample(upTo(f.count(t)), f.step/2, f.step) {
				dir := memoryDir(t)
				if !work.do(func(ctx context.Context) error {
					return errors.Join(f.try(ctx, dir, nth, moments), os.RemoveAll(dir))
				}, "%s, at operation %d", f.name, nth) {
					break
				}
			}
			work.wait()
		})
	}
}

// count returns the number of operations of a life that can fail in this way.
func (f failure) count(t *testing.T) int {
	faults := fsx.NewFaults(fsx.OS)
	matched := faults.Inject(f.rule(1 << 40))
	l := &life{house: newHouse(memoryDir(t), options{fsys: faults, generation: smallGeneration})}
	require.NoError(t, l.open(testContext(t)))
	for _, s := range wholeLife() {
		require.NoError(t, s.do(l, testContext(t)))
	}
	require.NoError(t, l.close(testContext(t)))
	return matched()
}

// upTo yields the numbers from 1 to n.
func upTo(n int) func(func(int) bool) {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i + 1) {
				return
			}
		}
	}
}

// try lives below dir on a disk whose nth operation fails, and looks at what is
// found afterwards.
func (f failure) try(ctx context.Context, dir string, nth int, moments []moment) error {
	faults := fsx.NewFaults(fsx.OS)
	faults.Inject(f.rule(nth))
	l := &life{house: newHouse(dir, options{fsys: faults, generation: smallGeneration})}
	a, err := f.live(ctx, l, moments)
	faults.Clear()
	_ = l.close(ctx) // what it could not do, the next start does
	if err != nil {
		return err
	}
	_, err = a.check(ctx, dir)
	return err
}

// live goes as far as the disk lets it, and returns what must be found.
func (f failure) live(ctx context.Context, l *life, moments []moment) (*aftermath, error) {
	if err := l.open(ctx); err != nil {
		return &aftermath{states: []seen{moments[0].seen}}, f.typed(err)
	}
	for i, s := range wholeLife() {
		err := s.do(l, ctx)
		if err == nil {
			continue
		}
		a, goOn, err := f.judge(ctx, l, s, err, moments[i:])
		if err != nil {
			return nil, fmt.Errorf("step %d %q: %w", i, s.name, err)
		}
		if !goOn {
			return a, nil
		}
	}
	return &aftermath{states: []seen{moments[len(moments)-1].seen}, taken: l.taken}, nil
}

// judge looks at the answer to a step that failed and at what is served then. The
// moments are those before the step and after it.
func (f failure) judge(ctx context.Context, l *life, s step, failed error, moments []moment) (a *aftermath, goOn bool, err error) {
	a = &aftermath{states: []seen{moments[0].seen}}
	if outcomeUnknown(failed) {
		a.states = append(a.states, moments[1].seen)
	}
	if err := f.typed(failed); err != nil {
		return nil, false, err
	}
	if err := f.stillServed(ctx, l, moments[0].seen); err != nil {
		return nil, false, fmt.Errorf("after %w: %w", failed, err)
	}
	if !f.lasts && s.kind == background {
		return nil, true, nil
	}
	if !f.lasts && s.kind == again {
		err := s.do(l, ctx)
		if err == nil {
			return nil, true, nil
		}
		return nil, false, fmt.Errorf("it cannot be done again after %w: %w", failed, err)
	}
	if f.lasts {
		err = f.probe(ctx, l, a)
	}
	a.taken = l.taken
	return a, false, err
}

// typed checks that an error tells the fault of a machine from one of the client.
func (f failure) typed(err error) error {
	switch kind := tidemark.KindOf(err); {
	case kind != tidemark.Internal && kind != tidemark.Unavailable:
		return fmt.Errorf("the disk fails and the answer is of kind %v: %w", kind, err)
	case !errors.Is(err, f.err) && !errors.As(err, new(*tidemark.Error)):
		return fmt.Errorf("the disk fails and the answer does not say so: %w", err)
	}
	return nil
}

// stillServed checks that live data is what it was, if it can be read.
func (f failure) stillServed(ctx context.Context, l *life, before seen) error {
	if l.store == nil {
		return nil // it failed to start again
	}
	if _, err := l.collections(); err != nil {
		return f.typed(err) // this one did
	}
	now, err := l.look(ctx)
	if err != nil {
		if f.reads() {
			return fmt.Errorf("what is there cannot be read: %w", err)
		}
		return f.typed(err)
	}
	if !now.equal(before) {
		return fmt.Errorf("live data (-) changed:\n%s", before.diff(now))
	}
	return nil
}

// probeID is a point that is written while the disk fails.
const probeID = 1<<40 + 1

// probe asks for everything on a disk that goes on failing. No answer is wrong,
// and what was there stays.
func (f failure) probe(ctx context.Context, l *life, a *aftermath) error {
	if l.store == nil {
		return nil
	}
	before, lookErr := l.look(ctx)
	a.doubtful = []uint64{probeID}
	for _, name := range l.store.Names() {
		for _, ask := range []func(*life, context.Context) error{put(name, probeID), snap(name)} {
			if err := ask(l, ctx); err != nil && f.typed(err) != nil {
				return fmt.Errorf("probe of %s: %w", name, f.typed(err))
			}
		}
	}
	if err := create("probe")(l, ctx); err == nil {
		return errors.New("a collection was created on a disk that fails")
	} else if err := f.typed(err); err != nil {
		return fmt.Errorf("probe of a new collection: %w", err)
	} else if outcomeUnknown(err) {
		return errors.New("the outcome cannot be unknown before anything could be written")
	}
	if lookErr != nil {
		return nil
	}
	return f.stillServed(ctx, l, before)
}
