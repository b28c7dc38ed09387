package client

import (
	"context"
	"errors"
	"net/http"
	"net/url"
)

// Snapshot describes a stored snapshot. What the server does not know is zero.
type Snapshot struct {
	Name     string `json:"name"`
	Created  string `json:"creation_time"` // UTC, without a zone
	Size     int64  `json:"size"`
	Checksum string `json:"checksum,omitempty"` // SHA-256 in hex
	Content
	// Collections and Aliases are of a snapshot of the whole storage.
	Collections []Part    `json:"collections,omitempty"`
	Aliases     []Alias   `json:"aliases,omitempty"`
	Verified    []Receipt `json:"verified,omitempty"`
}

// Part is one collection of a snapshot of the whole storage.
type Part struct {
	Collection string `json:"collection"`
	Position   uint64 `json:"position"`
	Points     uint64 `json:"points"`
	// As and Replaces are of a plan: the name that it is restored under, if that is
	// another one, and what it would replace.
	As       string    `json:"restored_as,omitempty"`
	Replaces *Replaced `json:"replaces,omitempty"`
}

// Alias is a second name of a collection.
type Alias struct {
	Alias      string `json:"alias_name"`
	Collection string `json:"collection_name"`
}

// Content is what an archive says of itself.
type Content struct {
	Collection  string            `json:"collection,omitempty"`
	Position    uint64            `json:"position,omitempty"`
	Points      *uint64           `json:"points,omitempty"`
	EventTime   string            `json:"event_time,omitempty"` // of the last write in it
	Format      int               `json:"format,omitempty"`
	Version     string            `json:"version,omitempty"` // of the program that wrote it
	Description string            `json:"description,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
}

// Notes are what a user adds to a snapshot.
type Notes struct {
	Description string            `json:"description,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
}

func (n Notes) body() any {
	if n.Description == "" && len(n.Labels) == 0 {
		return nil // a server that knows no notes takes no body
	}
	return n
}

// Plan is what a server would do.
type Plan struct {
	Operation  string    `json:"operation"`
	Collection string    `json:"collection,omitempty"`
	Snapshot   *Content  `json:"snapshot,omitempty"`
	Position   uint64    `json:"position,omitempty"`
	Files      int       `json:"files,omitempty"`
	Bytes      int64     `json:"bytes"`
	Disk       *Disk     `json:"disk,omitempty"`
	Reuses     string    `json:"reuses,omitempty"` // a snapshot of the same state
	Replaces   *Replaced `json:"replaces,omitempty"`
	Estimate   *float64  `json:"estimate_seconds,omitempty"`
	// Collections and Aliases are of the whole storage.
	Collections []Part  `json:"collections,omitempty"`
	Aliases     []Alias `json:"aliases,omitempty"`
}

// Disk is the room that a plan takes.
type Disk struct {
	Needed int64  `json:"needed"`
	Free   *int64 `json:"free,omitempty"`
}

// Replaced describes a collection that a restore would replace.
type Replaced struct {
	Damaged     bool   `json:"damaged,omitempty"`
	Position    uint64 `json:"position"`
	Points      uint64 `json:"points"`
	SameHistory *bool  `json:"same_history,omitempty"`
}

// List returns the snapshots of a place.
func (c *Client) List(ctx context.Context, p Place) ([]Snapshot, error) {
	var list []Snapshot
	_, err := c.call(ctx, request{method: http.MethodGet, path: p.path()}, &list)
	return list, err
}

// ErrNoSnapshot says that a list has no snapshot of a name.
var ErrNoSnapshot = errors.New("there is no snapshot of this name")

// Find returns the snapshot of a name; its error is ErrNoSnapshot if there is none.
func (c *Client) Find(ctx context.Context, p Place, name string) (Snapshot, error) {
	list, err := c.List(ctx, p)
	if err != nil {
		return Snapshot{}, err
	}
	for _, s := range list {
		if s.Name == name {
			return s, nil
		}
	}
	return Snapshot{}, ErrNoSnapshot
}

// Delete removes a snapshot.
func (c *Client) Delete(ctx context.Context, p Place, name string) error {
	_, err := c.call(ctx, request{method: http.MethodDelete, path: p.path(name)}, nil)
	return err
}

// Create begins a snapshot and returns the id of its job.
func (c *Client) Create(ctx context.Context, p Place, n Notes) (string, error) {
	return c.begin(ctx, request{method: http.MethodPost, path: p.path(), body: n.body()})
}

// PlanCreate tells what Create would do.
func (c *Client) PlanCreate(ctx context.Context, p Place, n Notes) (Plan, error) {
	return c.plan(ctx, request{method: http.MethodPost, path: p.path(), body: n.body()})
}

// Source says from where a server is to restore.
type Source struct {
	Location string `json:"location"` // a URL, or the name of a stored snapshot
	Checksum string `json:"checksum,omitempty"`
	APIKey   string `json:"api_key,omitempty"` // for Location

	// Of a snapshot of the whole storage: the collections that are wanted, all if
	// there are none, and other names for some of them.
	Collections []string          `json:"collections,omitempty"`
	Rename      map[string]string `json:"rename,omitempty"`
}

// Recover begins a restore and returns the id of its job.
func (c *Client) Recover(ctx context.Context, p Place, s Source) (string, error) {
	return c.begin(ctx, request{method: http.MethodPut, path: p.path("recover"), body: s})
}

// PlanRecover tells what Recover would do.
func (c *Client) PlanRecover(ctx context.Context, p Place, s Source) (Plan, error) {
	return c.plan(ctx, request{method: http.MethodPut, path: p.path("recover"), body: s})
}

// begin asks for something that goes on, and returns the id of its job.
func (c *Client) begin(ctx context.Context, q request) (string, error) {
	q.query = with(q.query, "wait", "false")
	h, err := c.call(ctx, q, nil)
	if err != nil {
		return "", err
	}
	return jobID(h)
}

// plan asks what would be done.
func (c *Client) plan(ctx context.Context, q request) (Plan, error) {
	q.query = with(q.query, "dry_run", "true")
	var p Plan
	_, err := c.call(ctx, q, &p)
	return p, err
}

func with(query url.Values, name, value string) url.Values {
	if query == nil {
		query = url.Values{}
	}
	query.Set(name, value)
	return query
}
