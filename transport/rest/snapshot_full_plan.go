package rest

import (
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tidemark-db/tidemark"
)

// FullPlan is what a job of the whole storage would do. What is not known is zero.
type FullPlan struct {
	Operation string // create_full or recover_full
	// Source is what the archive of a restore says of itself; nil for a create.
	Source *FullContent
	Bytes  int64 // of the archive
	// Needed and Free are the room on the disk in bytes; Free is negative if it
	// is not known.
	Needed, Free int64
	Collections  []FullPlanPart
	Aliases      []tidemark.Alias
	Took         time.Duration // estimated; negative if nothing was measured yet
}

// FullPlanPart is what a job would do with one collection.
type FullPlanPart struct {
	FullPart
	Bytes int64
	// Name is the one that it is restored under.
	Name     string
	Replaces *SnapshotReplaced
}

type fullPlanJSON struct {
	Operation   string             `json:"operation"`
	Source      *contentJSON       `json:"snapshot,omitzero"`
	Bytes       int64              `json:"bytes"`
	Disk        diskJSON           `json:"disk"`
	Collections []fullPlanPartJSON `json:"collections"`
	Aliases     []aliasInfo        `json:"aliases,omitempty"`
	Estimate    *float64           `json:"estimate_seconds,omitzero"`
}

type fullPlanPartJSON struct {
	fullPartJSON
	Bytes    int64         `json:"bytes"`
	Name     string        `json:"restored_as,omitzero"`
	Replaces *replacedJSON `json:"replaces,omitzero"`
}

func (p FullPlan) json() fullPlanJSON {
	out := fullPlanJSON{
		Operation: p.Operation, Bytes: p.Bytes, Disk: diskJSON{Needed: p.Needed}, Collections: []fullPlanPartJSON{}, Aliases: aliasesJSON(p.Aliases),
	}
	if p.Source != nil {
		source := p.Source.json()
		out.Source = &source
	}
	if p.Free >= 0 {
		out.Disk.Free = &p.Free
	}
	if p.Took >= 0 {
		took := float64(p.Took.Milliseconds()) / 1000
		out.Estimate = &took
	}
	for _, c := range p.Collections {
		part := fullPlanPartJSON{fullPartJSON: fullPartJSON(c.FullPart), Bytes: c.Bytes}
		if c.Name != c.Collection {
			part.Name = c.Name
		}
		if r := c.Replaces; r != nil {
			part.Replaces = &replacedJSON{r.Damaged, r.Position, r.Points, r.SameHistory}
		}
		out.Collections = append(out.Collections, part)
	}
	return out
}

// answerFullPlan answers a dry run.
func (s *Server) answerFullPlan(c *gin.Context, plan FullPlan, err error) {
	if err != nil {
		s.fail(c, err)
		return
	}
	s.okJSON(c, plan.json())
}
