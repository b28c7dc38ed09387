package tidemark

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/tidemark-db/tidemark/internal/fsx"
)

// slowTrash lets what is removed from the trash wait.
type slowTrash struct {
	fsx.FS
	once           sync.Once
	begun, goingOn chan struct{}
}

func (f *slowTrash) Remove(name string) error {
	if strings.Contains(name, string(filepath.Separator)+trashDir+string(filepath.Separator)) {
		f.once.Do(func() { close(f.begun) })
		<-f.goingOn
	}
	return f.FS.Remove(name)
}

// TestChangesDoNotWaitForRemovals: while the files of a dropped collection are
// removed, its name is free, others are created, restored and cut, and nothing is
// left when the store is closed.
func TestChangesDoNotWaitForRemovals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := memoryDir(t)
		slow := &slowTrash{FS: fsx.OS, begun: make(chan struct{}), goingOn: make(chan struct{})}
		s, err := openOnFiles(t, dir, slow)
		require.NoError(t, err)
		ctx := testContext(t)
		require.NoError(t, s.Create(ctx, "c", CreateSpec{}))
		dropped := make(chan error, 1)
		go func() {
			_, err := s.Drop(ctx, "c")
			dropped <- err
		}()
		<-slow.begun
		require.NoError(t, s.Create(ctx, "c", CreateSpec{}))
		cut, err := s.Cut(ctx)
		require.NoError(t, err)
		cut.Release()
		closed := make(chan error, 1)
		go func() { closed <- s.Close(ctx) }()
		synctest.Wait()
		require.Empty(t, closed, "the directory is given back before all is removed")
		close(slow.goingOn)
		require.NoError(t, <-dropped)
		require.NoError(t, <-closed)
		left, err := os.ReadDir(filepath.Join(dir, trashDir))
		require.NoError(t, err)
		require.Empty(t, left)
	})
}
