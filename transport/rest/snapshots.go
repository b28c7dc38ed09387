package rest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/transport"
)

// Snapshots makes and restores snapshots of collections. Collections may be
// named by an alias. What is begun goes on whether or not anybody waits.
//
// Errors are those of the engine: NotFound "Snapshot x not found" for a
// snapshot that is not there, whatever its name looks like.
type Snapshots interface {
	// List returns the snapshots of a collection, which must exist.
	List(ctx context.Context, collection string) ([]SnapshotDescription, error)
	// Create begins a snapshot of a collection.
	Create(collection string, notes SnapshotNotes) (Begun[SnapshotDescription], error)
	// PlanCreate tells what Create would do.
	PlanCreate(ctx context.Context, collection string, notes SnapshotNotes) (SnapshotPlan, error)
	// Delete removes a snapshot.
	Delete(ctx context.Context, collection, name string) error
	// Open opens a snapshot for reading. The caller closes it.
	Open(ctx context.Context, collection, name string) (SnapshotFile, error)
	// DownloadURL returns a URL that anybody can fetch the snapshot from for a
	// while; empty if Open is the only way.
	DownloadURL(ctx context.Context, collection, name string) (string, error)
	// Stream takes the state of a collection to send it; the description has its
	// name and size.
	Stream(ctx context.Context, collection string) (SnapshotStream, SnapshotDescription, error)
	// Recover begins to replace a collection by a snapshot, or to create it.
	Recover(ctx context.Context, collection string, from SnapshotSource) (Begun[SnapshotRestored], error)
	// PlanRecover tells what Recover would do.
	PlanRecover(ctx context.Context, collection string, from SnapshotSource) (SnapshotPlan, error)
	// Upload is Recover from an archive that is written to the receiver, whose
	// End must be called.
	Upload(collection string, o UploadOptions) (Begun[SnapshotRestored], Receiver, error)
	// Verify begins to prove a stored snapshot at a level.
	Verify(collection, name, level string) (Begun[SnapshotReceipt], error)
	// Undo begins to bring back the state that a restore replaced.
	Undo(ctx context.Context, collection string, o UndoOptions) (Begun[SnapshotUndone], error)
	// PreviewUndo tells what Undo would set aside.
	PreviewUndo(ctx context.Context, collection string) (SnapshotUndone, error)
	FullSnapshots
	SnapshotJobs
}

// Begun is a job that goes on.
type Begun[T any] struct {
	ID string
	// Wait returns what became of it, or an error when the context ends.
	Wait func(context.Context) (T, error)
}

// SnapshotDescription describes a snapshot.
type SnapshotDescription struct {
	Name     string
	Created  time.Time
	Size     int64
	Checksum string // SHA-256 in hex, "" if unknown
	// Content is what the archive says of itself; nil if it was not looked at.
	Content *SnapshotContent
	// Verified are the last verifications of each level.
	Verified []SnapshotReceipt
}

// SnapshotFile is an open snapshot.
type SnapshotFile struct {
	io.ReadSeekCloser
	SnapshotDescription
}

// SnapshotSource says where a snapshot is.
type SnapshotSource struct {
	Location *url.URL
	Checksum string // SHA-256 in hex, "" if none was given
	APIKey   string // for Location
}

// descriptionJSON is a SnapshotDescription as clients know it: the time has no
// zone and means UTC.
type descriptionJSON struct {
	Name     string `json:"name"`
	Created  string `json:"creation_time"`
	Size     int64  `json:"size"`
	Checksum string `json:"checksum,omitzero"`
	contentJSON
	Verified []receiptJSON `json:"verified,omitempty"`
}

func (d SnapshotDescription) json() descriptionJSON {
	return descriptionJSON{d.Name, d.Created.UTC().Format("2006-01-02T15:04:05"), d.Size, d.Checksum, d.Content.json(), receiptsJSON(d.Verified)}
}

// waits reads the parameter wait, which is true unless given.
func waits(c *gin.Context) (bool, error) {
	text, ok := query(c).Lookup("wait")
	if !ok {
		return true, nil
	}
	return transport.ParseBool("wait", text)
}

func (s *Server) listSnapshots(c *gin.Context) {
	name, err := collectionName(c)
	if err != nil {
		s.fail(c, err)
		return
	}
	list, err := s.options.Snapshots.List(c.Request.Context(), name)
	if err != nil {
		s.fail(c, err)
		return
	}
	out := make([]descriptionJSON, len(list))
	for i, d := range list {
		out[i] = d.json()
	}
	s.okJSON(c, out)
}

func (s *Server) createSnapshot(c *gin.Context) {
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
	dry, err := isDryRun(c)
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
		plan, err := s.options.Snapshots.PlanCreate(c.Request.Context(), name, notes)
		s.answerPlan(c, plan, err)
		return
	}
	job, err := s.options.Snapshots.Create(name, notes)
	if err != nil {
		s.fail(c, err)
		return
	}
	finish(s, c, job, wait, func(d SnapshotDescription) { s.okJSON(c, d.json()) })
}

// answerPlan answers a dry run.
func (s *Server) answerPlan(c *gin.Context, plan SnapshotPlan, err error) {
	if err != nil {
		s.fail(c, err)
		return
	}
	s.okJSON(c, plan.json())
}

// jobHeader tells the client of a job how to find it.
const jobHeader = "Tidemark-Job-Id"

// finish answers with what became of a job, or that it goes on.
func finish[T any](s *Server, c *gin.Context, job Begun[T], wait bool, done func(T)) {
	c.Header(jobHeader, job.ID)
	if !wait {
		s.accepted(c)
		return
	}
	result, err := job.Wait(c.Request.Context())
	if err != nil {
		s.fail(c, err)
		return
	}
	done(result)
}

func (s *Server) deleteSnapshot(c *gin.Context) {
	name, err := collectionName(c)
	if err == nil {
		_, err = waits(c)
	}
	if err == nil {
		err = s.options.Snapshots.Delete(c.Request.Context(), name, c.Param("snapshot_name"))
	}
	if err != nil {
		s.fail(c, err)
		return
	}
	s.okTrue(c)
}

// redirects reads the parameter redirect, which is false unless given.
func redirects(c *gin.Context) (bool, error) {
	text, ok := query(c).Lookup("redirect")
	if !ok {
		return false, nil
	}
	return transport.ParseBool("redirect", text)
}

// redirectSnapshot sends a client who asks for it to where the snapshot lies, and
// reports whether it did. Who has the URL needs no key: nobody may remember it.
func (s *Server) redirectSnapshot(c *gin.Context, collection string) (done bool, err error) {
	wanted, err := redirects(c)
	if err != nil || !wanted {
		return false, err
	}
	to, err := s.options.Snapshots.DownloadURL(c.Request.Context(), collection, c.Param("snapshot_name"))
	if err != nil || to == "" {
		return false, err
	}
	c.Header("Cache-Control", "no-store")
	c.Header("Location", to)
	c.Status(http.StatusTemporaryRedirect)
	c.Writer.WriteHeaderNow()
	return true, nil
}

// getSnapshot sends a snapshot as it is: a part of it if the client asks for a
// range, never compressed. Its errors are plain text.
func (s *Server) getSnapshot(c *gin.Context) {
	name, err := collectionName(c)
	done := false
	if err == nil {
		done, err = s.redirectSnapshot(c, name)
	}
	if done {
		return
	}
	var f SnapshotFile
	if err == nil {
		f, err = s.options.Snapshots.Open(c.Request.Context(), name, c.Param("snapshot_name"))
	}
	s.sendSnapshot(c, f, err)
}

// sendSnapshot answers with an open snapshot, which it closes, or with an error.
func (s *Server) sendSnapshot(c *gin.Context, f SnapshotFile, err error) {
	if err != nil {
		shown := show(err)
		s.send(c, shown.Status, typeText, []byte(shown.Text))
		return
	}
	defer func() {
		if err := f.Close(); err != nil {
			s.logger.WarnContext(c.Request.Context(), "close snapshot", "snapshot", f.Name, "error", err)
		}
	}()
	h := c.Writer.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", f.Name))
	if f.Checksum != "" {
		h.Set("ETag", `"`+f.Checksum+`"`)
	}
	http.ServeContent(c.Writer, c.Request, f.Name, f.Created, f)
}

// recoverRequest asks to restore a snapshot.
type recoverRequest struct {
	Location *string `json:"location"`
	Priority *string `json:"priority"`
	Checksum *string `json:"checksum"`
	APIKey   *string `json:"api_key"`
}

func (s *Server) recoverSnapshot(c *gin.Context) {
	wait, err := waits(c)
	if err != nil {
		s.fail(c, err)
		return
	}
	dry, err := isDryRun(c)
	if err != nil {
		s.fail(c, err)
		return
	}
	source, err := s.recoverSource(c)
	if err != nil {
		s.fail(c, err)
		return
	}
	name := c.Param("collection_name")
	if dry {
		plan, err := s.options.Snapshots.PlanRecover(c.Request.Context(), name, source)
		s.answerPlan(c, plan, err)
		return
	}
	job, err := s.options.Snapshots.Recover(c.Request.Context(), name, source)
	if err != nil {
		s.fail(c, err)
		return
	}
	finish(s, c, job, wait, func(r SnapshotRestored) { s.okRestored(c, r) })
}

// recoverSource reads and checks a request.
func (s *Server) recoverSource(c *gin.Context) (SnapshotSource, error) {
	if err := transport.CheckNewCollection(c.Param("collection_name")); err != nil {
		return SnapshotSource{}, err
	}
	var r recoverRequest
	if err := s.into(c, &r); err != nil {
		return SnapshotSource{}, err
	}
	return r.source(locationParser(c))
}

// checkPriority checks a priority, which has no effect: there is one node.
func checkPriority(p string) error {
	switch p {
	case "no_sync", "snapshot", "replica":
		return nil
	}
	return fmt.Errorf("unknown variant `%s`, expected one of `no_sync`, `snapshot`, `replica`", abbreviate(p))
}

// snapshotSuffix ends the names of snapshots. What has it and no scheme names a
// stored snapshot; the reference knows URLs only.
const snapshotSuffix = ".snapshot"

// parseLocation reads from where a snapshot is to be recovered.
func parseLocation(text string) (*url.URL, error) {
	location, err := url.Parse(text)
	if err != nil || location.Scheme == "" && (location.Host != "" || !strings.HasSuffix(location.Path, snapshotSuffix)) {
		return nil, transport.ShapeError(fmt.Sprintf("relative URL without a base: %q", abbreviate(text)))
	}
	switch location.Scheme {
	case "file", "http", "https", "s3", "":
		return location, nil
	}
	return nil, tidemark.Errorf(tidemark.BadRequest, "URL %s with scheme %s is not supported", abbreviate(text), location.Scheme)
}

// source checks a request, whose location parse reads.
func (r *recoverRequest) source(parse func(string) (*url.URL, error)) (SnapshotSource, error) {
	var from SnapshotSource
	if r.Location == nil {
		return from, missing("location")
	}
	if r.Priority != nil {
		if err := checkPriority(*r.Priority); err != nil {
			return from, transport.ShapeError(err.Error())
		}
	}
	location, err := parse(*r.Location)
	if err != nil {
		return from, err
	}
	from.Location = location
	if r.Checksum != nil {
		var checks transport.Checks
		checks.SHA256("checksum", *r.Checksum)
		from.Checksum = *r.Checksum
		if err := checks.Err(transport.InBody); err != nil {
			return from, err
		}
	}
	if r.APIKey != nil {
		from.APIKey = *r.APIKey
	}
	return from, nil
}
