package snapshot

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"strings"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/snapshot/archive"
)

// Restore replaces a collection by a snapshot, or makes it, and waits for it.
// When the context ends first the work goes on.
func (m *Manager) Restore(ctx context.Context, collection string, src Source) error {
	job, err := m.StartRestore(ctx, collection, src)
	if err != nil {
		return err
	}
	_, err = job.Wait(ctx)
	return err
}

// Restored tells what a restore did.
type Restored struct {
	// Previous is the state that it replaced and that an undo brings back; nil
	// if none is kept.
	Previous *tidemark.Previous
}

// StartRestore begins a restore, which outlives the context. If it fails, what
// was there is untouched and still served, and a collection that was not there
// is not there.
func (m *Manager) StartRestore(ctx context.Context, collection string, src Source) (*Job[Restored], error) {
	name, err := m.target(collection)
	if err != nil {
		return nil, err
	}
	from, err := m.originOf(ctx, name, src)
	if err != nil {
		return nil, err
	}
	r := &restoration{name: name, intake: intake{Manager: m, origin: from, checksum: src.Checksum, mismatch: recoverMismatch}}
	return m.startRestoration(JobRecover, src.shown(), r)
}

func (m *Manager) startRestoration(kind JobKind, source string, r *restoration) (*Job[Restored], error) {
	job, err := begin(m, OpRestore, JobStatus{Kind: kind, Collection: r.name, Source: source}, func(ctx context.Context, w *watch) (Restored, error) {
		defer r.origin.Close() // read only: nothing can be lost
		r.watch = w
		return r.run(ctx)
	})
	if err != nil {
		return nil, errors.Join(err, r.origin.Close())
	}
	return job, nil
}

// restoration is a restore in the making.
type restoration struct {
	intake
	name string
	keep *keeping // nil: the archive is not kept
}

func (r *restoration) run(ctx context.Context) (Restored, error) {
	end := r.phase(PhaseWait)
	release, err := r.turns.take(ctx, r.name)
	end()
	if err != nil {
		return Restored{}, err
	}
	defer release()
	if err := r.replace(ctx); err != nil {
		return Restored{}, err
	}
	kept := r.Previous(r.name)
	r.noteUndoable(r.watch, r.name, kept)
	return Restored{kept}, nil
}

// replace unpacks and proves the archive and puts it into its place.
func (r *restoration) replace(ctx context.Context) error {
	end := r.phase(PhaseUnpack)
	in, err := r.receive(ctx)
	end()
	if in.incoming != nil {
		defer r.discard(in.incoming)
	}
	if err != nil {
		return err
	}
	end = r.phase(PhaseVerify)
	err = VerifyUnpacked(ctx, r.fsys, in.incoming.Dir())
	end()
	if err != nil {
		return err
	}
	return r.keepAndInstall(ctx, in)
}

func (r *restoration) discard(in Incoming) {
	if err := in.Discard(); err != nil {
		r.logger.Warn("could not remove an unfinished restore", slog.String("collection", r.name), slog.Any("error", err))
	}
}

// received is an archive that has been unpacked.
type received struct {
	archive  *archive.Manifest
	state    *segments.Manifest
	incoming Incoming // nil if the archive was refused before
}

// receive reads the archive to its end and unpacks it as it comes.
func (r *restoration) receive(ctx context.Context) (in received, err error) {
	err = r.read(ctx, func(src io.Reader, size int64) (err error) {
		in, err = r.unpack(ctx, src, size)
		return err
	})
	return in, err
}

// intake reads an archive once.
type intake struct {
	*Manager
	*watch
	origin   origin
	checksum string
	mismatch func(want, got string) error
}

// read lets unpack read the archive, whose size is -1 if it is not known. If a
// checksum was given it counts first: a client who sent it wants to know whether
// this is his file at all.
func (i *intake) read(ctx context.Context, unpack func(src io.Reader, size int64) error) error {
	s, err := i.origin.open(ctx)
	if err != nil {
		return err
	}
	i.expect(s.size)
	src := i.counting(i.pace.reader(ctx, s.Reader))
	if i.checksum == "" {
		return unpack(src, s.size)
	}
	sum := sha256.New()
	src = io.TeeReader(src, sum)
	err = unpack(src, s.size)
	if err != nil && tidemark.KindOf(forClient(err)) != tidemark.BadInput {
		return err // this is not about the archive
	}
	if _, cerr := io.Copy(io.Discard, src); cerr != nil { // what a refusal left unread
		return errors.Join(cerr, err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); !strings.EqualFold(got, i.checksum) {
		return i.mismatch(i.checksum, got)
	}
	return err
}

// The reference has two texts for archives that are not those that were meant.
func recoverMismatch(want, got string) error {
	return tidemark.Errorf(tidemark.BadInput, "Snapshot checksum mismatch: expected %s, got %s", want, got)
}

func uploadMismatch(want, got string) error {
	return tidemark.Errorf(tidemark.ChecksumMismatch, "expected %s, actual %s", want, got)
}

// unpack proves an archive while it unpacks it. size is that of the archive if
// it is known.
func (r *restoration) unpack(ctx context.Context, src io.Reader, size int64) (in received, err error) {
	m, src, err := readHead(src)
	if err != nil {
		return in, err
	}
	claimed, err := archive.Size(m)
	if err != nil {
		return in, err
	}
	if size < 0 || claimed < size {
		size = claimed
	}
	r.expect(size)
	r.at(m.Position)
	if in.incoming, err = r.engine.Receive(ctx, r.name, size); err != nil {
		return in, err
	}
	in.archive, in.state, err = Unpack(ctx, r.staging.fsys, in.incoming.Dir(), src, in.incoming.Check)
	return in, err
}

// readHead reads what an archive says of itself and returns it with the whole
// archive. Nothing of it is proven yet.
func readHead(src io.Reader) (*archive.Manifest, io.Reader, error) {
	var head bytes.Buffer // at most archive.MaxManifestBytes, and a few blocks
	r, err := archive.NewReader(io.TeeReader(src, &head))
	if err != nil {
		return nil, nil, err
	}
	return r.Manifest(), io.MultiReader(&head, src), nil
}

// keepAndInstall puts the state into its place, and before that the archive
// among the snapshots if it is to be kept. Of a failure nothing is left.
func (r *restoration) keepAndInstall(ctx context.Context, in received) error {
	undo := func() {}
	if r.keep != nil {
		var err error
		if undo, err = r.keep.store(ctx, r, in); err != nil {
			return err
		}
	}
	defer r.phase(PhaseInstall)()
	err := in.incoming.Install(ctx, in.state)
	if err != nil {
		undo()
	}
	return err
}
