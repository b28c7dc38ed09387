package rest

import (
	"errors"

	"github.com/gin-gonic/gin"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/transport"
)

func (s *Server) listCollections(c *gin.Context) {
	s.ok(c, func(dst []byte) []byte {
		dst = append(dst, `{"collections":[`...)
		sep := false
		for _, name := range s.store.Names() {
			dst = append(appendComma(dst, &sep), `{"name":`...)
			dst = append(appendText(dst, name), '}')
		}
		return append(dst, "]}"...)
	})
}

func (s *Server) createCollection(c *gin.Context) {
	if err := s.create(c); err != nil {
		s.fail(c, err)
		return
	}
	s.okTrue(c)
}

func (s *Server) create(c *gin.Context) error {
	name := c.Param("collection_name")
	if err := transport.CheckNewCollection(name); err != nil {
		return err
	}
	timeout, err := transport.ParseTimeout(query(c))
	if err != nil {
		return err
	}
	var r transport.CreateCollection
	if err := s.into(c, &r); err != nil {
		return err
	}
	if err := r.Check(); err != nil {
		return err
	}
	spec, err := r.Spec(s.defaults)
	if err != nil {
		return err
	}
	ctx, cancel := within(c.Request.Context(), timeout)
	defer cancel()
	return s.store.Create(ctx, name, spec)
}

// into decodes the body of a request into v.
func (s *Server) into(c *gin.Context, v any) error {
	d, err := s.documents.read(c.Request, s.options.MaxRequestBytes, s.memory.admit)
	if err != nil {
		return err
	}
	defer s.documents.release(d)
	return d.into(v)
}

func (s *Server) updateCollection(c *gin.Context) {
	if err := s.update(c); err != nil {
		s.fail(c, err)
		return
	}
	s.okTrue(c)
}

func (s *Server) update(c *gin.Context) error {
	if _, err := collectionName(c); err != nil {
		return err
	}
	timeout, err := transport.ParseTimeout(query(c))
	if err != nil {
		return err
	}
	var r transport.UpdateCollection
	if err := s.into(c, &r); err != nil {
		return err
	}
	if err := r.Check(); err != nil {
		return err
	}
	col, err := s.collection(c)
	if err != nil {
		return err
	}
	_, err = col.Configure(c.Request.Context(), r.Change, tidemark.WriteOptions{Wait: true, Timeout: timeout})
	return err
}

// deleteCollection drops a collection, but not by way of an alias.
func (s *Server) deleteCollection(c *gin.Context) {
	dropped, err := s.drop(c)
	if err != nil {
		s.fail(c, err)
		return
	}
	s.okJSON(c, dropped)
}

func (s *Server) drop(c *gin.Context) (bool, error) {
	name, err := collectionName(c)
	if err != nil {
		return false, err
	}
	timeout, err := transport.ParseTimeout(query(c))
	if err != nil {
		return false, err
	}
	ctx, cancel := within(c.Request.Context(), timeout)
	defer cancel()
	return s.store.Drop(ctx, name)
}

func (s *Server) collectionExists(c *gin.Context) {
	_, err := s.collection(c)
	var e *tidemark.Error
	switch {
	case err == nil:
		s.ok(c, func(dst []byte) []byte { return append(dst, `{"exists":true}`...) })
	case errors.As(err, &e) && e.Kind == tidemark.NotFound:
		s.ok(c, func(dst []byte) []byte { return append(dst, `{"exists":false}`...) })
	default:
		s.fail(c, err)
	}
}
