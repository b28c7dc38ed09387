package rest

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/tidemark-db/tidemark"
)

// onlyShard is the shard that every collection has, and all that it consists of:
// a snapshot of it is one of the collection.
const onlyShard = "0"

// ofShard lets next answer for the collection whose only shard is named.
func ofShard(next handler) handler {
	return func(s *Server, c *gin.Context) {
		if err := s.checkShard(c); err != nil {
			s.fail(c, err)
			return
		}
		next(s, c)
	}
}

// checkShard returns an error unless there is such a shard. Other than a restore
// of a collection, that of a shard makes none.
func (s *Server) checkShard(c *gin.Context) error {
	name, err := collectionName(c)
	if err == nil {
		_, err = s.store.Resolve(name)
	}
	if err != nil {
		return err
	}
	if id := c.Param("shard_id"); id != onlyShard {
		return tidemark.Errorf(tidemark.NotFound, "shard %s not found", abbreviate(id))
	}
	return nil
}

// parseShardLocation reads from where a shard is to be recovered: a URL, or the
// name of a snapshot, whatever it looks like.
func parseShardLocation(text string) (*url.URL, error) {
	location, err := url.Parse(text)
	if err != nil || location.Scheme == "" {
		return &url.URL{Path: text}, nil //nolint:nilerr // then it is a name
	}
	switch location.Scheme {
	case "http", "https":
		return location, nil
	case "file":
		return nil, tidemark.Errorf(tidemark.BadInput, "Invalid snapshot URL %s: URLs with file scheme are not supported", abbreviate(text))
	}
	return nil, tidemark.Errorf(tidemark.BadRequest, "URL %s with scheme %s is not supported", abbreviate(text), location.Scheme)
}

// locationParser returns what reads the location of a recovery.
func locationParser(c *gin.Context) func(string) (*url.URL, error) {
	if c.Param("shard_id") != "" {
		return parseShardLocation
	}
	return parseLocation
}

// SnapshotStream is an archive that is sent while it is read from the collection.
type SnapshotStream interface {
	// Send writes the archive. If it fails, not all of it was written.
	Send(w io.Writer) error
	Close()
}

// streamSnapshot sends a snapshot that is stored nowhere. The client is told its
// size: if it cannot be completed the connection is closed before that many bytes
// were sent, so that what came is not taken for all.
func (s *Server) streamSnapshot(c *gin.Context) {
	stream, d, err := s.options.Snapshots.Stream(c.Request.Context(), c.Param("collection_name"))
	if err != nil {
		s.fail(c, err)
		return
	}
	defer stream.Close()
	h := c.Writer.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", d.Name))
	h.Set("Content-Length", strconv.FormatInt(d.Size, 10))
	c.Writer.WriteHeader(http.StatusOK)
	if err := stream.Send(c.Writer); err != nil {
		c.Set(errorKey, err)
		s.logger.WarnContext(c.Request.Context(), "a snapshot was not sent to its end", "snapshot", d.Name, "error", err)
	}
}

// shardSnapshotRoutes are about snapshots of the one shard of a collection.
var shardSnapshotRoutes = []*route{
	needsSnapshots(manages("GET "+pathShard+"/snapshot", ofShard((*Server).streamSnapshot))),
	needsSnapshots(manages("POST "+pathShard+"/snapshots/upload", ofShard((*Server).uploadSnapshot))),
	needsSnapshots(manages("PUT "+pathShard+"/snapshots/recover", ofShard((*Server).recoverSnapshot))),
	needsSnapshots(reads("GET "+pathShard+"/snapshots", ofShard((*Server).listSnapshots))),
	needsSnapshots(manages("POST "+pathShard+"/snapshots", ofShard((*Server).createSnapshot))),
	needsSnapshots(manages("DELETE "+pathShard+"/snapshots/{snapshot_name}", ofShard((*Server).deleteSnapshot))),
	needsSnapshots(reads("GET "+pathShard+"/snapshots/{snapshot_name}", ofShard((*Server).getSnapshot))),
}
