package snapshot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"strings"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/segments"
)

// Source says where an archive is.
type Source struct {
	// Location is a file:// URL of a file in the snapshots directory.
	Location *url.URL
	// Checksum is the sha256 that the file must have, 64 hex digits of either
	// case; empty if it does not matter.
	Checksum string
}

// Restore replaces a collection by a snapshot, or makes it, and waits for it.
// When the context ends first the work goes on.
func (m *Manager) Restore(ctx context.Context, collection string, src Source) error {
	job, err := m.StartRestore(collection, src)
	if err != nil {
		return err
	}
	_, err = job.Wait(ctx)
	return err
}

// StartRestore begins a restore. If it fails, what was there is untouched and
// still served, and a collection that was not there is not there.
func (m *Manager) StartRestore(collection string, src Source) (*Job[struct{}], error) {
	name, err := m.engine.Resolve(collection)
	if tidemark.KindOf(err) == tidemark.NotFound {
		name, err = collection, nil
	}
	if err != nil {
		return nil, err
	}
	file, err := m.openLocation(src.Location)
	if err != nil {
		return nil, err
	}
	job, err := begin(m, OpRestore, name, func(ctx context.Context, w *watch) (struct{}, error) {
		defer file.Close() // read only: nothing can be lost
		return struct{}{}, m.restore(ctx, w, name, file, src.Checksum)
	})
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return job, nil
}

func (m *Manager) restore(ctx context.Context, w *watch, name string, file *os.File, checksum string) error {
	end := w.phase(PhaseWait)
	release, err := m.turns.take(ctx, name)
	end()
	if err != nil {
		return err
	}
	defer release()
	st, err := file.Stat()
	if err != nil {
		return fmt.Errorf("%w: %w", errStore, err)
	}
	w.size = st.Size()
	incoming, err := m.engine.Receive(ctx, name, st.Size())
	if err != nil {
		return err
	}
	defer func() {
		if err := incoming.Discard(); err != nil {
			m.logger.Warn("could not remove an unfinished restore", slog.String("collection", name), slog.Any("error", err))
		}
	}()
	end = w.phase(PhaseUnpack)
	manifest, err := m.unpack(ctx, incoming, m.pace.reader(ctx, file), checksum)
	end()
	if err != nil {
		return err
	}
	end = w.phase(PhaseVerify)
	err = VerifyUnpacked(ctx, m.fsys, incoming.Dir())
	end()
	if err != nil {
		return err
	}
	defer w.phase(PhaseInstall)()
	return incoming.Install(ctx, manifest)
}

// unpack proves an archive while it unpacks it. If a checksum was given it counts
// first: a client who sent it wants to know whether this is his file at all.
func (m *Manager) unpack(ctx context.Context, incoming Incoming, file io.Reader, checksum string) (*segments.Manifest, error) {
	if checksum == "" {
		_, manifest, err := Unpack(ctx, m.fsys, incoming.Dir(), file, incoming.Check)
		return manifest, err
	}
	hash := sha256.New()
	tee := io.TeeReader(file, hash)
	_, manifest, err := Unpack(ctx, m.fsys, incoming.Dir(), tee, incoming.Check)
	if _, cerr := io.Copy(io.Discard, tee); cerr != nil { // what a refusal left unread
		return nil, errors.Join(err, cerr)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); !strings.EqualFold(got, checksum) {
		return nil, tidemark.Errorf(tidemark.BadInput, "Snapshot checksum mismatch: expected %s, got %s", checksum, got)
	}
	return manifest, err
}
