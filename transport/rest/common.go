package rest

import (
	"context"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/transport"
)

// within bounds ctx by timeout; 0 is no bound.
func within(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout == 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, timeout)
}

// collectionName returns the collection in the path if its name is legal.
func collectionName(c *gin.Context) (string, error) {
	name := c.Param("collection_name")
	return name, transport.CheckCollection(name)
}

// collection returns the collection or alias in the path.
func (s *Server) collection(c *gin.Context) (*tidemark.Collection, error) {
	name, err := collectionName(c)
	if err != nil {
		return nil, err
	}
	return s.store.Collection(name)
}

// view returns a view of the collection in the path. It must be released.
func (s *Server) view(ctx context.Context, c *gin.Context) (*tidemark.View, error) {
	col, err := s.collection(c)
	if err != nil {
		return nil, err
	}
	return col.View(ctx)
}

// withBody reads the body of a request that is no write and decodes it by way of
// read. What is decoded must not refer to the document.
func (s *Server) withBody(c *gin.Context, read func(*document) error) error {
	d, err := s.documents.read(c.Request, s.options.MaxRequestBytes, s.memory.admit)
	if err != nil {
		return err
	}
	defer s.documents.release(d)
	return d.decode(func() error { return read(d) })
}

// withView answers with what write appends from a view of the collection in the
// path, within the time that the parameters allow. Nothing is sent before the
// view is released: a client that is slow to take the answer must not hold it.
func (s *Server) withView(c *gin.Context, timeout time.Duration, write func(context.Context, *tidemark.View, *answer) error) {
	a := s.newAnswer()
	defer a.release()
	if err := s.fromView(c, timeout, a, write); err != nil {
		s.fail(c, err)
		return
	}
	s.sendAnswer(c, a)
}

func (s *Server) fromView(c *gin.Context, timeout time.Duration, a *answer, write func(context.Context, *tidemark.View, *answer) error) error {
	ctx, cancel := within(c.Request.Context(), timeout)
	defer cancel()
	v, err := s.view(ctx, c)
	if err != nil {
		return err
	}
	defer v.Release()
	if err := write(ctx, v, a); err != nil {
		return err
	}
	return a.account(ctx)
}

// readRequest reads the parameters and the body of a read.
func (s *Server) readRequest(c *gin.Context, read func(*document) error) (time.Duration, error) {
	if _, err := collectionName(c); err != nil {
		return 0, err
	}
	timeout, err := transport.ParseRead(query(c))
	if err != nil {
		return 0, err
	}
	return timeout, s.withBody(c, read)
}
