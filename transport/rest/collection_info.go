package rest

import (
	"context"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/transport"
)

func (s *Server) getCollection(c *gin.Context) {
	s.withView(c, 0, func(ctx context.Context, v *tidemark.View, a *answer) error {
		info, err := s.describe(ctx, c, v)
		if err != nil {
			return err
		}
		return a.json(info)
	})
}

func (s *Server) describe(ctx context.Context, c *gin.Context, v *tidemark.View) (*transport.CollectionInfo, error) {
	info, err := transport.Describe(v.Config)
	if err != nil {
		return nil, err
	}
	col, err := s.collection(c)
	if err != nil {
		return nil, err
	}
	st, err := col.Stats(ctx)
	if err != nil {
		return nil, err
	}
	info.PointsCount = v.Count()
	info.SegmentsCount = segmentsShown(st)
	if st.Failure != nil {
		info.Failed(st.Failure)
	}
	counts, err := s.indexed.counts(ctx, col.ID(), v)
	for path, index := range info.PayloadSchema {
		index.Points = counts[path]
		info.PayloadSchema[path] = index
	}
	return info, err
}

// segmentsShown counts segments as the reference does, to which what is still
// in memory is one too.
func segmentsShown(st tidemark.Stats) int { return st.Segments + 1 }

// optimizationsInfo tells what is being done to segments. What Tidemark does is
// no business of clients, so nothing ever is.
type optimizationsInfo struct {
	Summary struct {
		QueuedOptimizations int `json:"queued_optimizations"`
		QueuedSegments      int `json:"queued_segments"`
		QueuedPoints        int `json:"queued_points"`
		IdleSegments        int `json:"idle_segments"`
	} `json:"summary"`
	Running   []struct{}     `json:"running"`
	Queued    *[]struct{}    `json:"queued,omitzero"`
	Completed *[]struct{}    `json:"completed,omitzero"`
	Idle      *[]idleSegment `json:"idle_segments,omitzero"`
}

type idleSegment struct {
	UUID   string `json:"uuid"`
	Points int    `json:"points_count"`
}

// optimizations answers that all segments are idle. Their points are shown as
// if they were in one.
func (s *Server) optimizations(c *gin.Context) {
	s.withView(c, 0, func(ctx context.Context, v *tidemark.View, a *answer) error {
		col, err := s.collection(c)
		if err != nil {
			return err
		}
		st, err := col.Stats(ctx)
		if err != nil {
			return err
		}
		info := optimizationsInfo{Running: []struct{}{}}
		info.Summary.IdleSegments = segmentsShown(st)
		with, _ := query(c).Lookup("with")
		lists := strings.Split(with, ",")
		if slices.Contains(lists, "queued") {
			info.Queued = &[]struct{}{}
		}
		if slices.Contains(lists, "completed") {
			info.Completed = &[]struct{}{}
		}
		if slices.Contains(lists, "idle_segments") {
			id := uuid.NewSHA1(s.id, []byte(c.Param("collection_name")))
			info.Idle = &[]idleSegment{{id.String(), v.Count()}}
		}
		return a.json(info)
	})
}
