package snapshot

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/tidemark-db/tidemark/snapshot/archive"
	"github.com/tidemark-db/tidemark/snapshot/blob"
)

// RestoreFull brings back a whole storage, or a part of it, and waits for it. When
// the context ends first the work goes on.
func (m *Manager) RestoreFull(ctx context.Context, src Source, o FullOptions) error {
	job, err := m.StartRestoreFull(ctx, src, o)
	if err != nil {
		return err
	}
	_, err = job.Wait(ctx)
	return err
}

// StartRestoreFull begins a restore of a snapshot of the whole storage, which
// outlives the context. All of it takes its place in one step, or nothing does;
// then everything that was there is untouched and still served.
func (m *Manager) StartRestoreFull(ctx context.Context, src Source, o FullOptions) (*Job[struct{}], error) {
	from, err := m.fullOrigin(ctx, src)
	if err != nil {
		return nil, err
	}
	r := &fullRestoration{want: o, intake: intake{Manager: m, origin: from, checksum: src.Checksum, mismatch: recoverMismatch}}
	return r.start(JobRecoverFull, src.shown())
}

// StartUploadFull begins to restore an archive of a whole storage that is written
// to the Upload. End must be called.
func (m *Manager) StartUploadFull(o UploadOptions) (*FullUpload, error) {
	read, write := io.Pipe()
	r := &fullRestoration{intake: intake{Manager: m, origin: &pushed{PipeReader: read}, checksum: o.Checksum, mismatch: uploadMismatch}}
	if o.Keep {
		r.keep = &keeping{name: o.Name}
	}
	job, err := r.start(JobUploadFull, o.Name)
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	return &FullUpload{Job: job, sender: sender{write}}, nil
}

// fullOrigin finds the origin of an archive. Without a scheme the location is the
// name of a stored snapshot of the whole storage.
func (m *Manager) fullOrigin(ctx context.Context, src Source) (origin, error) {
	if src.File != "" || src.Location.Scheme != "" {
		return m.originOf(ctx, "", src)
	}
	name := src.Location.Path
	if strings.Contains(name, "/") {
		return nil, notFound(name)
	}
	return m.originOfKey(ctx, fullKey(name), name)
}

// fullRestoration is a restore of a whole storage in the making.
type fullRestoration struct {
	intake
	want FullOptions
	keep *keeping // nil: the archive is not kept

	storage  *archive.Storage
	chosen   *choice
	arrivals []Arrival           // in order of storage.Collections
	archives []*archive.Manifest // of arrivals
}

func (r *fullRestoration) start(kind JobKind, source string) (*Job[struct{}], error) {
	job, err := begin(r.Manager, OpRestoreFull, JobStatus{Kind: kind, Source: source}, func(ctx context.Context, w *watch) (struct{}, error) {
		defer r.origin.Close() // read only: nothing can be lost
		r.watch = w
		return struct{}{}, r.run(ctx)
	})
	if err != nil {
		return nil, errors.Join(err, r.origin.Close())
	}
	return job, nil
}

func (r *fullRestoration) run(ctx context.Context) error {
	end := r.phase(PhaseWait)
	release, err := r.turns.take(ctx, fullTurn)
	end()
	if err != nil {
		return err
	}
	defer release()
	defer r.discard()
	if err := r.replace(ctx); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Values(r.chosen.names)) {
		r.noteUndoable(r.watch, name, r.Previous(name))
	}
	return nil
}

// replace unpacks and proves the archive and puts it into its place.
func (r *fullRestoration) replace(ctx context.Context) error {
	end := r.phase(PhaseUnpack)
	err := r.read(ctx, func(src io.Reader, size int64) error { return r.unpack(ctx, src, size) })
	end()
	if err != nil {
		return err
	}
	end = r.phase(PhaseVerify)
	for _, a := range r.arrivals {
		if err == nil {
			err = VerifyUnpacked(ctx, r.fsys, a.Incoming.Dir())
		}
	}
	end()
	if err != nil {
		return err
	}
	return r.keepAndInstall(ctx)
}

// discard removes what was not installed.
func (r *fullRestoration) discard() {
	for _, a := range r.arrivals {
		if err := a.Incoming.Discard(); err != nil {
			r.logger.Warn("could not remove an unfinished restore", slog.Any("error", err))
		}
	}
}

// unpack proves the archive while it unpacks what was chosen. size is that of the
// archive if it is known.
func (r *fullRestoration) unpack(ctx context.Context, src io.Reader, size int64) error {
	s, err := archive.NewStorageReader(src)
	if err != nil {
		return err
	}
	if err := r.admit(s.Storage(), size); err != nil {
		return err
	}
	if size, err = archive.StorageSize(r.storage); err != nil {
		return err
	}
	r.expect(size)
	for {
		p, part, err := s.Next() // proves what was not chosen
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if name, ok := r.chosen.names[p.Collection]; ok {
			if err := r.unpackPart(ctx, name, p, part); err != nil {
				return err
			}
		}
	}
}

// admit decides by what the archive says of itself whether it can be restored.
func (r *fullRestoration) admit(s *archive.Storage, size int64) (err error) {
	r.storage = s
	if r.chosen, err = r.chooseOf(s, r.want); err != nil {
		return err
	}
	claimed, err := archive.StorageSize(s)
	if err != nil {
		return err
	}
	if size >= 0 && size != claimed {
		return lengthError(claimed, size)
	}
	return r.roomFor(r.chosen.size)
}

// chooseOf is what of an archive can be restored.
func (m *Manager) chooseOf(s *archive.Storage, o FullOptions) (*choice, error) {
	c, err := o.choose(s)
	if err == nil {
		err = m.checkFree(c, o)
	}
	return c, err
}

// roomFor refuses what does not fit, before any of it is unpacked.
func (m *Manager) roomFor(size int64) error {
	needed, free, err := m.engine.Room(size)
	if err != nil {
		return err
	}
	if free < needed {
		return &blob.NoRoomError{Place: "the storage directory", Need: needed, Free: free}
	}
	return nil
}

func (r *fullRestoration) unpackPart(ctx context.Context, name string, p archive.Part, part *archive.Reader) error {
	in, err := r.engine.Receive(ctx, name, p.Size)
	if err != nil {
		return err
	}
	i := len(r.arrivals)
	r.arrivals = append(r.arrivals, Arrival{Incoming: in})
	r.archives = append(r.archives, part.Manifest())
	r.arrivals[i].Manifest, err = unpackFrom(ctx, r.staging.fsys, in.Dir(), part, in.CheckConfig)
	return err
}

// keepAndInstall puts everything into its place, and before that the archive among
// the snapshots if it is to be kept. Of a failure nothing is left.
func (r *fullRestoration) keepAndInstall(ctx context.Context) error {
	undo := func() {}
	if r.keep != nil {
		var err error
		if undo, err = r.keep.storeFull(ctx, r); err != nil {
			return err
		}
	}
	defer r.phase(PhaseInstall)()
	err := r.engine.InstallAll(ctx, r.arrivals, r.chosen.aliasChanges())
	if err != nil {
		undo()
	}
	return err
}
