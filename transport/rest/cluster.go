package rest

import (
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/tidemark-db/tidemark"
)

// A server is one node that holds one shard of each collection. These routes
// say so.

func (s *Server) clusterStatus(c *gin.Context) {
	s.ok(c, func(dst []byte) []byte { return append(dst, `{"status":"disabled"}`...) })
}

func (s *Server) clusterTelemetry(c *gin.Context) {
	s.fail(c, tidemark.Errorf(tidemark.Internal, "Could not get telemetry from cluster"))
}

func (s *Server) clusterRecover(c *gin.Context) {
	s.fail(c, tidemark.Errorf(tidemark.Internal, "Qdrant is running in standalone mode"))
}

func (s *Server) removePeer(c *gin.Context) {
	s.fail(c, tidemark.Errorf(tidemark.BadRequest, "Distributed mode disabled."))
}

func (s *Server) listShardKeys(c *gin.Context) {
	if _, err := s.collection(c); err != nil {
		s.fail(c, err)
		return
	}
	s.ok(c, func(dst []byte) []byte { return append(dst, "{}"...) })
}

func (s *Server) collectionCluster(c *gin.Context) {
	v, err := s.view(c.Request.Context(), c)
	if err != nil {
		s.fail(c, err)
		return
	}
	defer v.Release()
	s.ok(c, func(dst []byte) []byte {
		dst = append(dst, `{"peer_id":`...)
		dst = strconv.AppendUint(dst, s.store.PeerID(), 10)
		dst = append(dst, `,"shard_count":1,"local_shards":[{"shard_id":0,"points_count":`...)
		dst = strconv.AppendInt(dst, int64(v.Count()), 10)
		return append(dst, `,"state":"Active"}],"remote_shards":[],"shard_transfers":[]}`...)
	})
}
