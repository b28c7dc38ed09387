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
		return archive.Write(ctx, r.countingWriter(r.pace.writer(ctx, w)), in.archive, func(f archive.File) (archive.Content, error) {
			file, err := r.fsys.OpenFile(filepath.Join(in.incoming.Dir(), d.nameOnDisk(f)), os.O_RDONLY, 0)
			return archive.Content{ReadCloser: file}, err
		})
	}}
	key, err := k.put(ctx, r, in.archive, src)
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

// put tries the client's name, then names of ours, until one is free.
func (k *keeping) put(ctx context.Context, r *restoration, m *archive.Manifest, src blob.Source) (blob.Key, error) {
	key := blob.Key{Folder: r.name, Name: path.Base(strings.ReplaceAll(k.name, `\`, "/"))}
	for n := 0; n <= maxNumber; n++ {
		if n > 0 {
			key.Name = snapshotName(r.name, r.engine.PeerID(), r.options.Now(), wal.Position(m.Position), n)
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
