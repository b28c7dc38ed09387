package client

import (
	"context"
	"net/http"
	"net/url"
)

// Receipt tells what became of a verification.
type Receipt struct {
	Level    string  `json:"level"`
	At       string  `json:"at"` // UTC
	Seconds  float64 `json:"seconds"`
	Position uint64  `json:"position,omitempty"`
	Error    string  `json:"error,omitempty"` // what is wrong, "" if nothing is
}

// Verify begins to prove a stored snapshot and returns the id of the job.
func (c *Client) Verify(ctx context.Context, p Place, name, level string) (string, error) {
	return c.begin(ctx, request{method: http.MethodPost, path: p.path(name, "verify"), query: url.Values{"level": {level}}})
}
