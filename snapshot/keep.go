package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/tidemark-db/tidemark/snapshot/archive"
	"github.com/tidemark-db/tidemark/snapshot/blob"
	"github.com/tidemark-db/tidemark/wal"
)

// keeping stores an archive that was uploaded. An archive has one form only, so
// what was unpacked is packed again to the very bytes that came: they need not
// be spooled before, and the store may read them as often as it likes.
type keeping struct {
	name string // of the client's file
}

// store puts the archive into the store. undo removes it again.
func (k *keeping) store(ctx context.Context, r *restoration, in received) (undo func(), err error) {
	defer r.phase(PhaseStore)()
	size, err := archive.Size(in.archive)
	if err != nil {
		return nil, err
	}
	if err := r.Manager.store.CheckRoom(ctx, size); err != nil {
		return nil, storeError(err)
	}
	d, err := documentOfState(r.fsys, in.incoming.Dir())
	if err != nil {
		return nil, err
	}
	src := blob.Source{Size: size, Write: func(ctx context.Context, w io.Writer) error {
		return archive.Write(ctx, r.countingWriter(r.pace.writer(ctx, w)), in.archive, r.unpacked(d, in.incoming.Dir()))
	}}
	now := r.options.Now()
	return k.put(ctx, &r.intake, r.name, func(n int) string {
		return snapshotName(r.name, r.engine.PeerID(), now, wal.Position(in.archive.Position), n)
	}, src)
}

// unpacked returns what opens the files of a document that were unpacked into dir.
func (m *Manager) unpacked(d *document, dir string) archive.Open {
	return func(f archive.File) (archive.Content, error) {
		file, err := m.fsys.OpenFile(filepath.Join(dir, d.nameOnDisk(f)), os.O_RDONLY, 0)
		return archive.Content{ReadCloser: file}, err
	}
}

// put stores an archive under the client's name or, if that is taken, one of ours.
// undo removes it again.
func (k *keeping) put(ctx context.Context, r *intake, folder string, name func(n int) string, src blob.Source) (undo func(), err error) {
	key, err := k.tryNames(ctx, r, folder, name, src)
	if err != nil {
		return nil, err
	}
	r.named(key.Name)
	return func() {
		if err := r.Manager.store.Delete(context.WithoutCancel(ctx), key); err != nil {
			r.logger.Warn("could not remove an uploaded snapshot that was not restored", slog.String("snapshot", key.Name), slog.Any("error", err))
		}
	}, nil
}

// tryNames tries the client's name, then names of ours, until one is free.
func (k *keeping) tryNames(ctx context.Context, r *intake, folder string, name func(n int) string, src blob.Source) (blob.Key, error) {
	key := blob.Key{Folder: folder, Name: path.Base(strings.ReplaceAll(k.name, `\`, "/"))}
	for n := 0; n <= maxNumber; n++ {
		if n > 0 {
			key.Name = name(n)
		}
		if key.Validate() != nil {
			continue
		}
		_, err := r.Manager.store.Put(ctx, key, src)
		if err == nil {
			return key, nil
		}
		if !errors.Is(err, blob.ErrExists) {
			return blob.Key{}, storeError(err)
		}
	}
	return blob.Key{}, fmt.Errorf("no name for the uploaded snapshot is free")
}
