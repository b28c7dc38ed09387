package rest

import (
	"slices"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/tidemark-db/tidemark"
)

// SnapshotRestored tells what a restore did.
type SnapshotRestored struct {
	// Previous is the state that it replaced and that can be brought back; nil
	// if none is kept.
	Previous *tidemark.Previous
}

// UndoOptions say what is to be undone.
type UndoOptions struct {
	// Previous is the state that is meant, the zero UUID whichever is there.
	Previous uuid.UUID
}

// SnapshotUndone tells what an undo set aside, or would set aside.
type SnapshotUndone struct {
	tidemark.SetAside
	// State is the state that was replaced, or would be brought back; nil if
	// none is kept.
	State *tidemark.Previous
}

// previousJSON is a previous state as clients see it.
type previousJSON struct {
	ID       string `json:"id"`
	Position uint64 `json:"position,omitzero"`
	Points   *int   `json:"points,omitzero"`
	Bytes    int64  `json:"bytes"`
	Until    string `json:"until"` // UTC
}

func previousState(p *tidemark.Previous) *previousJSON {
	if p == nil {
		return nil
	}
	out := &previousJSON{ID: p.ID.String(), Bytes: p.Bytes, Until: p.Until.UTC().Format(time.RFC3339)}
	if p.Position > 0 { // else nothing is known
		out.Position, out.Points = uint64(p.Position), &p.Count
	}
	return out
}

// undoneJSON is a SnapshotUndone as clients see it.
type undoneJSON struct {
	Collection string        `json:"collection"`
	SetAside   setAsideJSON  `json:"set_aside"`
	Previous   *previousJSON `json:"previous,omitzero"`
}

// setAsideJSON describes writes. After and Through are missing if nothing is
// known of them.
type setAsideJSON struct {
	Writes  uint64         `json:"writes"`
	After   uint64         `json:"after_position,omitzero"`
	Through uint64         `json:"through_position,omitzero"`
	IDs     jsontext.Value `json:"ids"`
}

func (u SnapshotUndone) json() undoneJSON {
	ids := []byte{'['}
	for i, id := range u.IDs {
		if i > 0 {
			ids = append(ids, ',')
		}
		ids = appendID(ids, id)
	}
	return undoneJSON{u.Collection, setAsideJSON{u.Writes, uint64(u.After), uint64(u.Through), append(ids, ']')}, previousState(u.State)}
}

// undoRestore brings back the state that a restore replaced.
func (s *Server) undoRestore(c *gin.Context) {
	name, err := collectionName(c)
	var wait, dry bool
	var o UndoOptions
	if err == nil {
		wait, err = waits(c)
	}
	if err == nil {
		dry, err = isDryRun(c)
	}
	if err == nil {
		o.Previous, err = previousParameter(c)
	}
	if err != nil {
		s.fail(c, err)
		return
	}
	done := func(u SnapshotUndone) { s.okJSON(c, u.json()) }
	if dry {
		undone, err := s.options.Snapshots.PreviewUndo(c.Request.Context(), name)
		if err != nil {
			s.fail(c, err)
			return
		}
		done(undone)
		return
	}
	job, err := s.options.Snapshots.Undo(c.Request.Context(), name, o)
	if err != nil {
		s.fail(c, err)
		return
	}
	finish(s, c, job, wait, done)
}

// previousParameter reads which previous state a client means, the zero UUID if
// it does not say.
func previousParameter(c *gin.Context) (uuid.UUID, error) {
	text, ok := query(c).Lookup("previous")
	if !ok {
		return uuid.Nil, nil
	}
	id, ok := parseUUID([]byte(text))
	if !ok {
		return uuid.Nil, tidemark.Errorf(tidemark.BadRequest, "previous: %q is no UUID", abbreviate(text))
	}
	return id, nil
}

// okRestored answers a restore with true, as clients of the reference expect it,
// and says beside it how it can be undone: they ignore what they do not know.
func (s *Server) okRestored(c *gin.Context, r SnapshotRestored) {
	if r.Previous == nil {
		s.okTrue(c)
		return
	}
	encoded, err := json.Marshal(previousState(r.Previous), json.Deterministic(true))
	if err != nil {
		s.fail(c, err)
		return
	}
	s.ok(c, func(dst []byte) []byte { return slices.Concat(dst, []byte(`true,"undo":`), encoded) })
}
