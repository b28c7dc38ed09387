package lifetest

import (
	"context"
	"fmt"
	"iter"
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// wholeVariable asks for every case instead of a sample.
const wholeVariable = "TIDEMARK_LIFE_WHOLE"

// sample passes on the cases from the first on, and then each of which the
// number before is a multiple of n. Larger steps see less and end sooner.
func sample[T any](cases iter.Seq[T], first, n int) iter.Seq[T] {
	if os.Getenv(wholeVariable) != "" {
		first, n = 0, 1
	}
	return func(yield func(T) bool) {
		i := 0
		for c := range cases {
			if i >= first && (i-first)%n == 0 && !yield(c) {
				return
			}
			i++
		}
	}
}

// workers try cases beside each other, as many as there are processors, until
// one fails.
type workers struct {
	t     *testing.T
	group *errgroup.Group
	ctx   context.Context
	cases int
}

func newWorkers(t *testing.T) *workers {
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(runtime.GOMAXPROCS(0))
	return &workers{t: t, group: group, ctx: ctx}
}

// do tries a case, which format and args describe, and waits for a free worker
// before. It returns false if that is in vain.
func (w *workers) do(try func(context.Context) error, format string, args ...any) bool {
	w.cases++
	w.group.Go(func() error {
		ctx, cancel := context.WithTimeout(w.ctx, patience)
		defer cancel()
		if err := try(ctx); err != nil {
			return fmt.Errorf(format+": %w", append(args, err)...)
		}
		return nil
	})
	return w.ctx.Err() == nil
}

func (w *workers) wait() {
	w.t.Helper()
	require.NoError(w.t, w.group.Wait())
	w.t.Logf("%d cases", w.cases)
}
