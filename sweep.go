package tidemark

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/segments"
)

// sweep removes files of the collection that m, the manifest that counts, does
// not name; m is nil if there is no manifest. The manifest before m stays, as
// evidence. Readers that still use a removed file keep it open.
func (k *committer) sweep(m *segments.Manifest) error {
	named := make(map[string]bool)
	if m != nil {
		for _, s := range m.Segments {
			named[filepath.Join(segments.SegmentsDir, s.Name)] = true
		}
		if m.Deletes != nil {
			named[m.Deletes.Name] = true
		}
	}
	return errors.Join(
		k.sweepDir("", func(name string) bool { return k.isGarbage(name, named) }),
		k.sweepDir(segments.SegmentsDir, func(name string) bool {
			return !named[filepath.Join(segments.SegmentsDir, name)] && !k.isBeingMerged(name)
		}),
	)
}

// isBeingMerged reports whether a file is what a merge writes, or has written
// and not yet committed.
func (k *committer) isBeingMerged(name string) bool {
	if k.merging == nil {
		return false
	}
	generation, _, _ := strings.Cut(name, "-")
	generation, _, _ = strings.Cut(generation, ".")
	return generation == strconv.FormatUint(k.merging.generation, 10)
}

// isGarbage judges a file in the collection's own directory. What is not ours
// stays.
func (k *committer) isGarbage(name string, named map[string]bool) bool {
	if g, ok := segments.ParseManifestName(name); ok {
		return g+1 < k.generation
	}
	ours := strings.HasPrefix(name, "deletes-") || strings.HasSuffix(name, fsx.TempSuffix)
	return ours && !named[name]
}

func (k *committer) sweepDir(dir string, garbage func(name string) bool) error {
	fsys, path := k.c.store.fsys, filepath.Join(k.c.dir, dir)
	entries, err := fsys.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list %s: %w", dir, err)
	}
	var errs []error
	for _, e := range entries {
		if e.IsDir() || !garbage(e.Name()) {
			continue
		}
		k.c.logger.Debug("remove a file that no manifest names", slog.String("file", e.Name()))
		if err := fsys.Remove(filepath.Join(path, e.Name())); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
