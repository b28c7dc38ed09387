package snapshot

import (
	"context"
	"log/slog"

	"github.com/google/uuid"

	"github.com/tidemark-db/tidemark"
)

// Undone tells what an undo set aside, or would set aside.
type Undone struct {
	tidemark.SetAside
	// State is the previous state: of an undo the one that it replaced, of a
	// preview the one that it would bring back; nil if none is kept.
	State *tidemark.Previous
}

// UndoOptions say what is to be undone.
type UndoOptions struct {
	// Previous is the state that is meant, of an earlier answer; the zero UUID
	// means the one that there is now.
	Previous uuid.UUID
}

// Previous returns the state to which a collection can be brought back, nil if
// there is none.
func (m *Manager) Previous(collection string) *tidemark.Previous {
	if p, ok := m.engine.Previous(collection); ok {
		return &p
	}
	return nil
}

// PreviewUndo tells what an undo would set aside now.
func (m *Manager) PreviewUndo(ctx context.Context, collection string) (Undone, error) {
	out, err := m.engine.PreviewUndo(ctx, collection)
	if err != nil {
		return Undone{}, forClient(err)
	}
	return Undone{out, m.Previous(collection)}, nil
}

// Undo brings back the state that a restore replaced, and waits for it. When the
// context ends first the work goes on.
func (m *Manager) Undo(ctx context.Context, collection string, o UndoOptions) (Undone, error) {
	job, err := m.StartUndo(ctx, collection, o)
	if err != nil {
		return Undone{}, err
	}
	return job.Wait(ctx)
}

// StartUndo begins to bring back the state that a restore replaced: the one that
// there is now, also when the job's turn comes later. Two requests at a time undo
// once.
func (m *Manager) StartUndo(ctx context.Context, collection string, o UndoOptions) (*Job[Undone], error) {
	name, err := m.engine.Resolve(collection)
	if err != nil {
		return nil, err
	}
	now := m.Previous(name)
	if now == nil {
		if _, err := m.engine.PreviewUndo(ctx, name); err != nil {
			return nil, forClient(err)
		}
		now = new(tidemark.Previous) // it has come in this moment
	}
	if o.Previous == uuid.Nil {
		o.Previous = now.ID
	}
	what := JobStatus{Kind: JobUndo, Collection: name, Position: uint64(now.Position)}
	return begin(m, OpUndo, what, func(ctx context.Context, w *watch) (Undone, error) {
		end := w.phase(PhaseWait)
		release, err := m.turns.take(ctx, name)
		end()
		if err != nil {
			return Undone{}, err
		}
		defer release()
		return m.undo(ctx, w, name, o)
	})
}

func (m *Manager) undo(ctx context.Context, w *watch, name string, o UndoOptions) (Undone, error) {
	defer w.phase(PhaseInstall)()
	out, err := m.engine.Undo(ctx, name, o.Previous)
	if err != nil {
		return Undone{}, err
	}
	kept := m.Previous(name)
	m.noteUndoable(w, name, kept)
	return Undone{out, kept}, nil
}

// noteUndoable tells the operator, and who asks for the job, until when what was
// done can be undone.
func (m *Manager) noteUndoable(w *watch, collection string, kept *tidemark.Previous) {
	if kept == nil {
		return
	}
	m.ledger.update(w.entry, func(s *JobStatus) {
		if s.UndoUntil.IsZero() || kept.Until.Before(s.UndoUntil) { // of several the first
			s.UndoUntil = kept.Until
		}
	})
	m.logger.Info("the state that was replaced is kept and can be brought back", slog.String("collection", collection),
		slog.Time("until", kept.Until), slog.Uint64("position", uint64(kept.Position)), slog.Int64("bytes", kept.Bytes))
}
