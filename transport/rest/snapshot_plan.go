package rest

import (
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/transport"
)

// SnapshotPlan is what a job would do. What is not known is zero.
type SnapshotPlan struct {
	Operation  string // create or recover
	Collection string
	// Source is what the archive of a restore says of itself; nil for a create.
	Source *SnapshotContent
	// Position is that of the state.
	Position uint64
	Files    int
	Bytes    int64 // of the archive
	// Needed and Free are the room on the disk in bytes; Free is negative if it
	// is not known.
	Needed, Free int64
	Reuses       string // a snapshot of the same state, which would get a second name
	Replaces     *SnapshotReplaced
	Took         time.Duration // estimated; negative if nothing was measured yet
}

// SnapshotReplaced describes a collection that a restore would replace.
type SnapshotReplaced struct {
	Damaged     bool // it cannot be opened, and the rest is not known
	Position    uint64
	Points      int
	SameHistory bool // the snapshot is of its own past
}

// SnapshotContent is what an archive says of itself.
type SnapshotContent struct {
	Collection  string
	Position    uint64
	Points      uint64
	EventTime   time.Time // of the last write in it
	Format      int
	Version     string // of the program that wrote it
	Description string
	Labels      map[string]string
}

// contentJSON is a SnapshotContent as clients see it.
type contentJSON struct {
	Collection  string            `json:"collection,omitzero"`
	Position    uint64            `json:"position,omitzero"`
	Points      *uint64           `json:"points,omitzero"`
	EventTime   string            `json:"event_time,omitzero"`
	Format      int               `json:"format,omitzero"`
	Version     string            `json:"version,omitzero"`
	Description string            `json:"description,omitzero"`
	Labels      map[string]string `json:"labels,omitempty"`
}

func (s *SnapshotContent) json() contentJSON {
	if s == nil {
		return contentJSON{}
	}
	return contentJSON{
		s.Collection, s.Position, &s.Points, s.EventTime.UTC().Format(time.RFC3339Nano), s.Format, s.Version, s.Description, s.Labels,
	}
}

type planJSON struct {
	Operation  string        `json:"operation"`
	Collection string        `json:"collection"`
	Source     *contentJSON  `json:"snapshot,omitzero"`
	Position   uint64        `json:"position"`
	Files      int           `json:"files"`
	Bytes      int64         `json:"bytes"`
	Disk       diskJSON      `json:"disk"`
	Reuses     string        `json:"reuses,omitzero"`
	Replaces   *replacedJSON `json:"replaces,omitzero"`
	Estimate   *float64      `json:"estimate_seconds,omitzero"`
}

type diskJSON struct {
	Needed int64  `json:"needed"`
	Free   *int64 `json:"free,omitzero"`
}

type replacedJSON struct {
	Damaged     bool   `json:"damaged,omitzero"`
	Position    uint64 `json:"position"`
	Points      int    `json:"points"`
	SameHistory bool   `json:"same_history"`
}

func (p SnapshotPlan) json() planJSON {
	out := planJSON{
		Operation: p.Operation, Collection: p.Collection, Position: p.Position, Files: p.Files, Bytes: p.Bytes,
		Disk: diskJSON{Needed: p.Needed}, Reuses: p.Reuses,
	}
	if p.Source != nil {
		source := p.Source.json()
		out.Source = &source
	}
	if p.Free >= 0 {
		out.Disk.Free = &p.Free
	}
	if r := p.Replaces; r != nil {
		out.Replaces = &replacedJSON{r.Damaged, r.Position, r.Points, r.SameHistory}
	}
	if p.Took >= 0 {
		took := float64(p.Took.Milliseconds()) / 1000
		out.Estimate = &took
	}
	return out
}

// isDryRun reads the parameter dry_run, which is false unless given.
func isDryRun(c *gin.Context) (bool, error) {
	text, ok := query(c).Lookup("dry_run")
	if !ok {
		return false, nil
	}
	return transport.ParseBool("dry_run", text)
}

// SnapshotNotes are what a user adds to a snapshot.
type SnapshotNotes struct {
	Description string            `json:"description"`
	Labels      map[string]string `json:"labels"`
}

// snapshotNotes reads the notes of a new snapshot from the body, which may be
// missing as with the reference, and from the parameters description and label,
// of which there may be many and each is a name, an equals sign and a value.
func (s *Server) snapshotNotes(c *gin.Context) (SnapshotNotes, error) {
	var notes SnapshotNotes
	if c.Request.ContentLength != 0 {
		if err := s.optionalBody(c, &notes); err != nil {
			return notes, err
		}
	}
	given := c.Request.URL.Query()
	if d, ok := given["description"]; ok {
		notes.Description = d[0]
	}
	for _, label := range given["label"] {
		name, value, ok := strings.Cut(label, "=")
		if !ok {
			return notes, tidemark.Errorf(tidemark.BadRequest, "label %q is no name and value with an equals sign between them", abbreviate(label))
		}
		if notes.Labels == nil {
			notes.Labels = make(map[string]string)
		}
		notes.Labels[name] = value
	}
	return notes, nil
}

// optionalBody is into for a body that may be empty.
func (s *Server) optionalBody(c *gin.Context, v any) error {
	d, err := s.documents.read(c.Request, s.options.MaxRequestBytes, s.memory.admit)
	if err != nil {
		return err
	}
	defer s.documents.release(d)
	if len(strings.TrimSpace(string(d.body))) == 0 {
		return nil
	}
	return d.into(v)
}
