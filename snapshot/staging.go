package snapshot

import (
	"fmt"
	"path/filepath"
	"sync/atomic"

	"github.com/tidemark-db/tidemark/internal/fsx"
)

// stagingDirs makes a directory for each operation that needs one.
type stagingDirs struct {
	fsys fsx.FS
	dir  string
	last atomic.Uint64
}

// next makes an empty directory. What is in it is needed only until remove.
func (s *stagingDirs) next() (dir string, remove func() error, err error) {
	dir = filepath.Join(s.dir, fmt.Sprintf("freeze-%d", s.last.Add(1)))
	if err := s.fsys.Mkdir(dir, 0o750); err != nil {
		return "", nil, fmt.Errorf("make staging directory: %w", err)
	}
	return dir, func() error { return fsx.RemoveAll(s.fsys, dir) }, nil
}
