package rest

import (
	"context"

	"github.com/gin-gonic/gin"

	"github.com/tidemark-db/tidemark"
)

// FullSnapshots makes and restores snapshots of the whole storage: all
// collections and aliases at one instant.
type FullSnapshots interface {
	// ListFull returns the snapshots.
	ListFull(ctx context.Context) ([]FullSnapshot, error)
	// CreateFull begins a snapshot.
	CreateFull(notes SnapshotNotes) (Begun[SnapshotDescription], error)
	// PlanCreateFull tells what CreateFull would do.
	PlanCreateFull(ctx context.Context, notes SnapshotNotes) (FullPlan, error)
	// DeleteFull removes a snapshot.
	DeleteFull(ctx context.Context, name string) error
	// OpenFull opens a snapshot for reading. The caller closes it.
	OpenFull(ctx context.Context, name string) (SnapshotFile, error)
	// RecoverFull begins to restore a snapshot, all of it or nothing.
	RecoverFull(ctx context.Context, from FullSource) (Begun[struct{}], error)
	// PlanRecoverFull tells what RecoverFull would do.
	PlanRecoverFull(ctx context.Context, from FullSource) (FullPlan, error)
	// UploadFull is RecoverFull from an archive that is written to the receiver,
	// whose End must be called.
	UploadFull(o UploadOptions) (Begun[struct{}], Receiver, error)
	// VerifyFull begins to prove a stored snapshot at a level.
	VerifyFull(name, level string) (Begun[SnapshotReceipt], error)
}

// FullSource says where a snapshot of the whole storage is, and what of it is
// wanted.
type FullSource struct {
	SnapshotSource
	Collections []string          // nil: all
	Rename      map[string]string // of collections and aliases
}

// FullSnapshot describes a stored snapshot of the whole storage.
type FullSnapshot struct {
	SnapshotDescription
	Storage *FullContent // nil if it was not looked at
}

// FullContent is what an archive of a whole storage says of itself.
type FullContent struct {
	Format      int
	Version     string // of the program that wrote it
	Description string
	Labels      map[string]string
	Collections []FullPart
	Aliases     []tidemark.Alias
}

// FullPart describes one collection of a snapshot.
type FullPart struct {
	Collection string
	Position   uint64
	Points     uint64
}

// fullJSON is a FullSnapshot as clients see it: what they know, and more.
type fullJSON struct {
	descriptionJSON
	Collections []fullPartJSON `json:"collections,omitempty"`
	Aliases     []aliasInfo    `json:"aliases,omitempty"`
}

type fullPartJSON struct {
	Collection string `json:"collection"`
	Position   uint64 `json:"position"`
	Points     uint64 `json:"points"`
}

func (f FullSnapshot) json() fullJSON {
	out := fullJSON{descriptionJSON: f.SnapshotDescription.json()}
	if f.Storage == nil {
		return out
	}
	out.contentJSON = f.Storage.json()
	for _, p := range f.Storage.Collections {
		out.Collections = append(out.Collections, fullPartJSON(p))
	}
	out.Aliases = aliasesJSON(f.Storage.Aliases)
	return out
}

// json leaves out what only one collection has.
func (f *FullContent) json() contentJSON {
	points := uint64(0)
	for _, p := range f.Collections {
		points += p.Points
	}
	return contentJSON{Points: &points, Format: f.Format, Version: f.Version, Description: f.Description, Labels: f.Labels}
}

func aliasesJSON(all []tidemark.Alias) []aliasInfo {
	var out []aliasInfo
	for _, a := range all {
		out = append(out, aliasInfo{a.Name, a.Collection})
	}
	return out
}

func (s *Server) listFullSnapshots(c *gin.Context) {
	list, err := s.options.Snapshots.ListFull(c.Request.Context())
	if err != nil {
		s.fail(c, err)
		return
	}
	out := make([]fullJSON, len(list))
	for i, f := range list {
		out[i] = f.json()
	}
	s.okJSON(c, out)
}

func (s *Server) createFullSnapshot(c *gin.Context) {
	wait, dry, err := waitsOrDry(c)
	if err != nil {
		s.fail(c, err)
		return
	}
	notes, err := s.snapshotNotes(c)
	if err != nil {
		s.fail(c, err)
		return
	}
	if dry {
		plan, err := s.options.Snapshots.PlanCreateFull(c.Request.Context(), notes)
		s.answerFullPlan(c, plan, err)
		return
	}
	job, err := s.options.Snapshots.CreateFull(notes)
	if err != nil {
		s.fail(c, err)
		return
	}
	finish(s, c, job, wait, func(d SnapshotDescription) { s.okJSON(c, d.json()) })
}

// waitsOrDry reads the parameters wait and dry_run.
func waitsOrDry(c *gin.Context) (wait, dry bool, err error) {
	if wait, err = waits(c); err != nil {
		return false, false, err
	}
	dry, err = isDryRun(c)
	return wait, dry, err
}

func (s *Server) deleteFullSnapshot(c *gin.Context) {
	_, err := waits(c)
	if err == nil {
		err = s.options.Snapshots.DeleteFull(c.Request.Context(), c.Param("snapshot_name"))
	}
	if err != nil {
		s.fail(c, err)
		return
	}
	s.okTrue(c)
}

func (s *Server) getFullSnapshot(c *gin.Context) {
	f, err := s.options.Snapshots.OpenFull(c.Request.Context(), c.Param("snapshot_name"))
	s.sendSnapshot(c, f, err)
}

func (s *Server) verifyFullSnapshot(c *gin.Context) {
	wait, err := waits(c)
	if err != nil {
		s.fail(c, err)
		return
	}
	level, ok := query(c).Lookup("level")
	if !ok {
		level = defaultLevel
	}
	job, err := s.options.Snapshots.VerifyFull(c.Param("snapshot_name"), level)
	if err != nil {
		s.fail(c, err)
		return
	}
	finish(s, c, job, wait, func(r SnapshotReceipt) { s.okJSON(c, r.json()) })
}

// recoverFullRequest asks to restore a snapshot of the whole storage.
type recoverFullRequest struct {
	recoverRequest
	Collections *[]string         `json:"collections"`
	Rename      map[string]string `json:"rename"`
}

func (s *Server) recoverFullSnapshot(c *gin.Context) {
	wait, dry, err := waitsOrDry(c)
	if err != nil {
		s.fail(c, err)
		return
	}
	var r recoverFullRequest
	if err := s.into(c, &r); err != nil {
		s.fail(c, err)
		return
	}
	from := FullSource{Rename: r.Rename}
	if from.SnapshotSource, err = r.source(parseLocation); err != nil {
		s.fail(c, err)
		return
	}
	if r.Collections != nil {
		from.Collections = append([]string{}, *r.Collections...) // an empty list is not nil
	}
	if dry {
		plan, err := s.options.Snapshots.PlanRecoverFull(c.Request.Context(), from)
		s.answerFullPlan(c, plan, err)
		return
	}
	job, err := s.options.Snapshots.RecoverFull(c.Request.Context(), from)
	if err != nil {
		s.fail(c, err)
		return
	}
	finish(s, c, job, wait, func(struct{}) { s.okTrue(c) })
}

func (s *Server) uploadFullSnapshot(c *gin.Context) {
	o, wait, err := uploadOptions(c)
	if err != nil {
		s.fail(c, err)
		return
	}
	uploadTo(s, c, o, wait, s.options.Snapshots.UploadFull, func(struct{}) { s.okTrue(c) })
}
