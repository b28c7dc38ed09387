package client

import (
	"context"
	"net/http"
)

// Place is where snapshots belong: a collection, or the whole storage if none is
// named.
type Place struct{ Collection string }

// path returns the path of what lies below the place.
func (p Place) path(more ...string) []string {
	if p.Collection == "" {
		return append([]string{"snapshots"}, more...)
	}
	return append([]string{"collections", p.Collection, "snapshots"}, more...)
}

// Collections returns the names of all collections.
func (c *Client) Collections(ctx context.Context) ([]string, error) {
	var result struct {
		Collections []struct{ Name string }
	}
	if _, err := c.call(ctx, request{method: http.MethodGet, path: []string{"collections"}}, &result); err != nil {
		return nil, err
	}
	names := make([]string, len(result.Collections))
	for i, each := range result.Collections {
		names[i] = each.Name
	}
	return names, nil
}

// State is where a collection stands.
type State struct {
	Position uint64 `json:"position"`
	Points   uint64 `json:"count"`
	Digest   string `json:"digest"`
	// Previous is what an undo would bring back.
	Previous *Previous `json:"previous,omitempty"`
}

// State tells where a collection stands.
func (c *Client) State(ctx context.Context, collection string) (State, error) {
	var s State
	_, err := c.call(ctx, request{method: http.MethodGet, path: []string{"collections", collection, "tidemark"}}, &s)
	return s, err
}
