package rest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/transport"
)

// Snapshots makes and restores snapshots of collections. Collections may be
// named by an alias. What Create and Recover begin goes on whether or not
// anybody waits.
//
// Errors are those of the engine: NotFound "Snapshot x not found" for a
// snapshot that is not there, whatever its name looks like.
type Snapshots interface {
	// List returns the snapshots of a collection, which must exist.
	List(ctx context.Context, collection string) ([]SnapshotDescription, error)
	// Create begins a snapshot of a collection. wait returns what became of it.
	Create(collection string) (wait func(context.Context) (SnapshotDescription, error), err error)
	// Delete removes a snapshot.
	Delete(ctx context.Context, collection, name string) error
	// Open opens a snapshot for reading. The caller closes it.
	Open(ctx context.Context, collection, name string) (SnapshotFile, error)
	// Recover begins to replace a collection by a snapshot, or to create it.
	// wait returns what became of it.
	Recover(collection string, from SnapshotSource) (wait func(context.Context) error, err error)
}

// SnapshotDescription describes a snapshot.
type SnapshotDescription struct {
	Name     string
	Created  time.Time
	Size     int64
	Checksum string // SHA-256 in hex, "" if unknown
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
}

func (d SnapshotDescription) json() descriptionJSON {
	return descriptionJSON{d.Name, d.Created.UTC().Format("2006-01-02T15:04:05"), d.Size, d.Checksum}
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
	result, err := s.options.Snapshots.Create(name)
	switch {
	case err != nil:
		s.fail(c, err)
	case !wait:
		s.accepted(c)
	default:
		description, err := result(c.Request.Context())
		if err != nil {
			s.fail(c, err)
			return
		}
		s.okJSON(c, description.json())
	}
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

// getSnapshot sends a snapshot as it is: a part of it if the client asks for a
// range, never compressed. Its errors are plain text.
func (s *Server) getSnapshot(c *gin.Context) {
	name, err := collectionName(c)
	var f SnapshotFile
	if err == nil {
		f, err = s.options.Snapshots.Open(c.Request.Context(), name, c.Param("snapshot_name"))
	}
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
	result, err := s.beginRecover(c)
	switch {
	case err != nil:
		s.fail(c, err)
	case !wait:
		s.accepted(c)
	default:
		if err := result(c.Request.Context()); err != nil {
			s.fail(c, err)
			return
		}
		s.okTrue(c)
	}
}

func (s *Server) beginRecover(c *gin.Context) (func(context.Context) error, error) {
	name := c.Param("collection_name")
	if err := transport.CheckNewCollection(name); err != nil {
		return nil, err
	}
	var r recoverRequest
	if err := s.into(c, &r); err != nil {
		return nil, err
	}
	source, err := r.source()
	if err != nil {
		return nil, err
	}
	return s.options.Snapshots.Recover(name, source)
}

// source checks a request. The priority is checked and has no effect: there is
// one node.
func (r *recoverRequest) source() (SnapshotSource, error) {
	var from SnapshotSource
	if r.Location == nil {
		return from, missing("location")
	}
	if p := r.Priority; p != nil && *p != "no_sync" && *p != "snapshot" && *p != "replica" {
		return from, transport.ShapeError("unknown variant `" + abbreviate(*p) + "`, expected one of `no_sync`, `snapshot`, `replica`")
	}
	location, err := url.Parse(*r.Location)
	if err != nil || location.Scheme == "" {
		return from, transport.ShapeError(fmt.Sprintf("relative URL without a base: %q", abbreviate(*r.Location)))
	}
	if location.Scheme != "file" && location.Scheme != "http" && location.Scheme != "https" {
		return from, tidemark.Errorf(tidemark.BadRequest, "URL %s with scheme %s is not supported", abbreviate(*r.Location), location.Scheme)
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
