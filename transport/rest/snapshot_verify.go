package rest

import (
	"time"

	"github.com/gin-gonic/gin"
)

// SnapshotReceipt tells what became of a verification.
type SnapshotReceipt struct {
	Level    string // bytes, structure, state
	At       time.Time
	Took     time.Duration
	Position uint64 // of the state, 0 if it was not looked at
	Error    string // what is wrong, "" if nothing is
}

type receiptJSON struct {
	Level    string  `json:"level"`
	At       string  `json:"at"` // UTC
	Seconds  float64 `json:"seconds"`
	Position uint64  `json:"position,omitzero"`
	Error    string  `json:"error,omitzero"`
}

func (r SnapshotReceipt) json() receiptJSON {
	return receiptJSON{r.Level, r.At.UTC().Format(time.RFC3339), float64(r.Took.Milliseconds()) / 1000, r.Position, r.Error}
}

func receiptsJSON(all []SnapshotReceipt) []receiptJSON {
	var out []receiptJSON
	for _, r := range all {
		out = append(out, r.json())
	}
	return out
}

// defaultLevel proves all that a restore would.
const defaultLevel = "state"

func (s *Server) verifySnapshot(c *gin.Context) {
	name, err := collectionName(c)
	if err != nil {
		s.fail(c, err)
		return
	}
	wait, err := waits(c)
	if err != nil {
		s.fail(c, err)
		return
	}
	level, ok := query(c).Lookup("level")
	if !ok {
		level = defaultLevel
	}
	job, err := s.options.Snapshots.Verify(name, c.Param("snapshot_name"), level)
	if err != nil {
		s.fail(c, err)
		return
	}
	finish(s, c, job, wait, func(r SnapshotReceipt) { s.okJSON(c, r.json()) })
}
