package segments

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"github.com/tidemark-db/tidemark/wal"
)

// SinceIDs bounds the ids that a Since names.
const SinceIDs = 100

// Since says what was written to a collection since a restore or an undo brought
// its state: what another undo would set aside. The zero value says that nothing
// did. Values share their ids, of which each sees only its own.
type Since struct {
	// Position is that of the record that says where the state came from.
	Position wal.Position `json:"position"`
	// Writes counts the records that changed points or the configuration.
	Writes uint64 `json:"writes"`
	// IDs are the first points that they changed, each once.
	IDs []PointID `json:"ids,omitempty"`
}

// Note counts a record that made these changes.
func (s *Since) Note(changes []Change) {
	if s.Position.IsZero() {
		return
	}
	s.Writes++
	for i := 0; i < len(changes) && len(s.IDs) < SinceIDs; i++ {
		if id := changes[i].ID; !slices.Contains(s.IDs, id) {
			s.IDs = append(s.IDs, id)
		}
	}
}

// MarshalText writes what String returns.
func (id PointID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (id *PointID) UnmarshalText(text []byte) error {
	if n, err := strconv.ParseUint(string(text), 10, 64); err == nil {
		*id = NumberID(n)
		return nil
	}
	u, err := uuid.ParseBytes(text)
	if err != nil {
		return fmt.Errorf("point id %q: %w", text, err)
	}
	*id = UUIDID(u)
	return nil
}
