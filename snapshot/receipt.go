package snapshot

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"time"

	"github.com/tidemark-db/tidemark/snapshot/blob"
)

// Receipt tells what became of a verification.
type Receipt struct {
	Level Level         `json:"level"`
	At    time.Time     `json:"at"` // UTC
	Took  time.Duration `json:"took_ns"`
	// Position is that of the state, 0 if the archive was not looked into.
	Position uint64 `json:"position,omitzero"`
	// Error is what is wrong; empty if nothing is.
	Error string `json:"error,omitzero"`
	// SHA256 is that with which the snapshot was stored: a receipt is of these
	// bytes and no others of the same name.
	SHA256 string `json:"sha256,omitzero"`
	// Version is that of the object, see blob.Info.
	Version string `json:"version,omitzero"`
}

// note keeps the receipt beside the snapshot, in the place of the last one of
// its level. A store that keeps no notes keeps no receipts.
func (v *verification) note(ctx context.Context, r Receipt) {
	notes, ok := v.store.(blob.Noter)
	if !ok {
		return
	}
	all := slices.DeleteFunc(v.receipts(ctx, v.key, r.SHA256), func(o Receipt) bool { return o.Level == r.Level })
	text, err := json.Marshal(append(all, r))
	if err == nil {
		err = notes.SetNote(ctx, v.key, text)
	}
	if err != nil {
		v.logger.Warn("could not keep the receipt of a verification", slog.String("snapshot", v.key.Name), slog.Any("error", err))
	}
}

// receipts returns the last receipt of each level for an object with a checksum.
func (m *Manager) receipts(ctx context.Context, key blob.Key, sha256 string) []Receipt {
	notes, ok := m.store.(blob.Noter)
	if !ok {
		return nil
	}
	text, err := notes.Note(ctx, key)
	if err != nil || len(text) == 0 {
		return nil
	}
	return slices.DeleteFunc(decodeReceipts(text), func(r Receipt) bool { return r.SHA256 != sha256 })
}

// decodeReceipts returns what is a receipt in a note: others may have written it.
func decodeReceipts(text []byte) []Receipt {
	var all []Receipt
	if json.Unmarshal(text, &all) != nil {
		return nil
	}
	return slices.DeleteFunc(all, func(r Receipt) bool {
		_, err := ParseLevel(string(r.Level))
		return err != nil || r.At.Year() < 1970 || r.At.Year() > 9999
	})
}
