package rest

import (
	"encoding/hex"
	"time"

	"github.com/gin-gonic/gin"
)

// state tells where a collection stands. It is an addition of ours to the API.
type state struct {
	// Position is that of the last change that reads see.
	Position uint64 `json:"position"`
	// Applied, Durable and Flushed are the positions up to which records have
	// been applied, are safe in the log, and are held by segments.
	Applied uint64 `json:"applied_position"`
	Durable uint64 `json:"durable_position"`
	Flushed uint64 `json:"flushed_position"`
	Count   int    `json:"count"`
	// Digest proves the points and ConfigHash the configuration.
	Digest     string `json:"digest"`
	ConfigHash string `json:"config_hash"`

	Segments     int     `json:"segments"`
	LogBytes     int64   `json:"log_bytes"`
	PinnedViews  int     `json:"pinned_views"`
	PinnedBytes  int64   `json:"pinned_bytes"`
	OldestPinSec float64 `json:"oldest_pin_seconds"`

	// Previous is what an undo would bring back.
	Previous *previousJSON `json:"previous,omitzero"`
}

func (s *Server) tidemark(c *gin.Context) {
	col, err := s.collection(c)
	if err != nil {
		s.fail(c, err)
		return
	}
	st, err := col.Stats(c.Request.Context())
	if err != nil {
		s.fail(c, err)
		return
	}
	out := state{
		Position: uint64(st.Position), Applied: uint64(st.Applied), Durable: uint64(st.Durable), Flushed: uint64(st.Flushed),
		Count: st.Count, Digest: hex.EncodeToString(st.Digest[:]), ConfigHash: hex.EncodeToString(st.ConfigHash[:]),
		Segments: st.Segments, LogBytes: st.LogBytes, PinnedViews: st.PinnedViews, PinnedBytes: st.PinnedBytes,
	}
	if p, ok := s.store.Previous(c.Param("collection_name")); ok {
		out.Previous = previousState(&p)
	}
	if st.PinnedViews > 0 {
		out.OldestPinSec = time.Since(st.PinnedSince).Seconds()
	}
	s.okJSON(c, out)
}
