package rest

import (
	"github.com/gin-gonic/gin"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/transport"
)

// configure changes the configuration of the collection in the path and
// answers as a write does. prepare reads the body.
func (s *Server) configure(c *gin.Context, prepare func() (func(*tidemark.Config) (tidemark.ConfigChange, error), error)) {
	r, err := s.configured(c, prepare)
	if err != nil {
		s.fail(c, err)
		return
	}
	s.ok(c, func(dst []byte) []byte { return appendResult(dst, r) })
}

func (s *Server) configured(c *gin.Context, prepare func() (func(*tidemark.Config) (tidemark.ConfigChange, error), error)) (tidemark.Result, error) {
	if _, err := collectionName(c); err != nil {
		return tidemark.Result{}, err
	}
	options, err := transport.ParseWrite(query(c))
	if err != nil {
		return tidemark.Result{}, err
	}
	change, err := prepare()
	if err != nil {
		return tidemark.Result{}, err
	}
	col, err := s.collection(c)
	if err != nil {
		return tidemark.Result{}, err
	}
	return col.Configure(c.Request.Context(), change, options)
}

// createVector adds a vector to a collection; the same one again is no change.
func (s *Server) createVector(c *gin.Context) {
	s.configure(c, func() (func(*tidemark.Config) (tidemark.ConfigChange, error), error) {
		var n transport.NewVector
		if err := s.into(c, &n); err != nil {
			return nil, err
		}
		name := c.Param("vector_name")
		return func(cfg *tidemark.Config) (tidemark.ConfigChange, error) { return n.Add(cfg, name) }, n.Check()
	})
}

// deleteVector drops a vector; one that is not there is no change.
func (s *Server) deleteVector(c *gin.Context) {
	s.configure(c, func() (func(*tidemark.Config) (tidemark.ConfigChange, error), error) {
		name := c.Param("vector_name")
		return func(cfg *tidemark.Config) (tidemark.ConfigChange, error) { return transport.DropVector(cfg, name) }, nil
	})
}
