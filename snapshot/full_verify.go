package snapshot

import (
	"context"
	"errors"
	"io"
	"path/filepath"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/snapshot/archive"
)

// proveFullStructure reads an archive of a whole storage to its end and compares
// all that it says.
func proveFullStructure(src io.Reader) error {
	return eachPart(src, func(_ archive.Part, r *archive.Reader) error {
		_, err := readDocument(r)
		return err
	})
}

// eachPart reads an archive of a whole storage to its end. What look leaves unread
// of a collection is proven, too.
func eachPart(src io.Reader, look func(archive.Part, *archive.Reader) error) error {
	s, err := archive.NewStorageReader(src)
	for err == nil {
		var p archive.Part
		var r *archive.Reader
		if p, r, err = s.Next(); err == nil {
			err = look(p, r)
		}
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// fullState reads every point of every collection, one collection after another.
func (v *verification) fullState(ctx context.Context, src io.Reader, dir string) error {
	defer v.phase(PhaseVerify)()
	return eachPart(v.counting(src), func(_ archive.Part, r *archive.Reader) error {
		return provePart(ctx, v.staging.fsys, dir, r, (*segments.Durable).VerifyRows)
	})
}

// provePart unpacks a collection into dir, which is empty before and after, and
// proves its state.
func provePart(ctx context.Context, fsys fsx.FS, dir string, r *archive.Reader, verify func(*segments.Durable, context.Context) error) error {
	part := filepath.Join(dir, "part")
	if err := fsys.Mkdir(part, 0o750); err != nil {
		return err
	}
	_, err := unpackFrom(ctx, fsys, part, r, nil)
	if err == nil {
		err = verifyState(ctx, fsys, part, verify)
	}
	return errors.Join(err, fsx.RemoveAll(fsys, part))
}
