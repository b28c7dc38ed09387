package snapshot

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/snapshot/archive"
)

// Stream is an archive that is sent while it is read from the collection and
// stored nowhere. It is for one goroutine and must be closed.
type Stream struct {
	// Name is what the archive would be called if it were stored, Size its length
	// in bytes.
	Name string
	Size int64

	manager  *Manager
	ctx      context.Context // of the request and of the Manager
	cancel   context.CancelFunc
	frozen   Frozen
	dir      string
	remove   func() error
	document *document
	manifest *archive.Manifest
	closed   chan struct{}
}

// Stream takes the state of a collection to send it. Whoever reads slowly keeps
// files of the collection from being removed, and nothing else waits for him.
func (m *Manager) Stream(ctx context.Context, collection string) (*Stream, error) {
	name, err := m.engine.Resolve(collection)
	if err != nil {
		return nil, err
	}
	s := &Stream{manager: m, closed: make(chan struct{})}
	if !m.jobs.begin(func() { <-s.closed }) { // Close of the Manager waits for it
		return nil, tidemark.Errorf(tidemark.Unavailable, "the server is stopping")
	}
	s.ctx, s.cancel = context.WithCancel(ctx)
	context.AfterFunc(m.jobs.ctx, s.cancel)
	if err := s.prepare(name); err != nil {
		s.Close()
		return nil, forClient(err)
	}
	return s, nil
}

// prepare takes the collection's turn while it writes what is in memory.
func (s *Stream) prepare(name string) error {
	m := s.manager
	release, err := m.turns.take(s.ctx, name)
	if err != nil {
		return err
	}
	defer release()
	if s.frozen, err = m.engine.Freeze(s.ctx, name); err != nil {
		return err
	}
	if err := m.store.CheckRoom(s.ctx, s.frozen.Size()); err != nil { // staging is on its devices
		return storeError(err)
	}
	if s.dir, s.remove, err = m.staging.next(); err != nil {
		return err
	}
	state := s.frozen.State()
	if s.document, err = encodeState(s.ctx, s.frozen, state, s.dir); err != nil {
		return fmt.Errorf("encode snapshot: %w", err)
	}
	s.manifest = s.document.archiveManifest(m.options.Version, CreateOptions{})
	s.Name = snapshotName(name, m.engine.PeerID(), m.options.Now(), state.Position, 1)
	s.Size, err = archive.Size(s.manifest)
	return err
}

// Send writes the archive. If it fails, fewer than Size bytes were written.
func (s *Stream) Send(w io.Writer) error {
	return archive.Write(s.ctx, w, s.manifest, s.document.opener(s.frozen))
}

// Close lets go of the state.
func (s *Stream) Close() {
	defer close(s.closed)
	s.cancel()
	if s.frozen != nil {
		s.frozen.Release() // before its files go
	}
	if s.remove == nil {
		return
	}
	if err := s.remove(); err != nil {
		s.manager.logger.Warn("could not remove staging of a snapshot", slog.Any("error", err))
	}
}
