package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
)

// Previous is a state that was replaced and can be brought back.
type Previous struct {
	ID       string  `json:"id"`
	Position uint64  `json:"position,omitempty"`
	Points   *uint64 `json:"points,omitempty"`
	Bytes    int64   `json:"bytes"`
	Until    string  `json:"until"` // UTC
}

// Undone tells what an undo would set aside.
type Undone struct {
	Collection string   `json:"collection"`
	SetAside   SetAside `json:"set_aside"`
	// Previous is the state that would come back.
	Previous *Previous `json:"previous,omitempty"`
}

// SetAside describes writes. The positions are 0 if they are not known.
type SetAside struct {
	Writes  uint64            `json:"writes"`
	After   uint64            `json:"after_position,omitempty"`
	Through uint64            `json:"through_position,omitempty"`
	IDs     []json.RawMessage `json:"ids"` // of the first points that they changed
}

// PreviewUndo tells what an undo would set aside now.
func (c *Client) PreviewUndo(ctx context.Context, collection string) (Undone, error) {
	var u Undone
	_, err := c.call(ctx, request{
		method: http.MethodPost, path: Place{collection}.path("undo"), query: url.Values{"dry_run": {"true"}},
	}, &u)
	return u, err
}

// Undo begins to bring back the previous state of an id, which makes it safe to ask
// twice, and returns the id of the job.
func (c *Client) Undo(ctx context.Context, collection, previous string) (string, error) {
	return c.begin(ctx, request{
		method: http.MethodPost, path: Place{collection}.path("undo"), query: url.Values{"previous": {previous}},
	})
}
