package rest

import (
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/transport"
)

// write returns the handler of a route whose body is one operation.
func write[T tidemark.Operation](read func(*document) (T, error)) handler {
	return func(s *Server, c *gin.Context) {
		results, err := s.write(c, func(d *document) ([]tidemark.Operation, error) {
			op, err := read(d)
			return []tidemark.Operation{op}, err
		})
		if err != nil {
			s.fail(c, err)
			return
		}
		s.ok(c, func(dst []byte) []byte { return appendResult(dst, results[0]) })
	}
}

// batch writes several operations, all or none.
func (s *Server) batch(c *gin.Context) {
	results, err := s.write(c, (*document).readBatch)
	if err != nil {
		s.fail(c, err)
		return
	}
	s.ok(c, func(dst []byte) []byte {
		dst = append(dst, '[')
		sep := false
		for _, r := range results {
			dst = appendResult(appendComma(dst, &sep), r)
		}
		return append(dst, ']')
	})
}

// write decodes operations and writes them. The operations live in the
// document, which is released when the engine is done with them.
func (s *Server) write(c *gin.Context, read func(*document) ([]tidemark.Operation, error)) ([]tidemark.Result, error) {
	if _, err := collectionName(c); err != nil {
		return nil, err
	}
	options, err := transport.ParseWrite(query(c))
	if err != nil {
		return nil, err
	}
	d, err := s.documents.read(c.Request, s.options.MaxRequestBytes, s.store.AdmitBytes)
	if err != nil {
		return nil, err
	}
	defer s.documents.release(d)
	var ops []tidemark.Operation
	if err := d.decode(func() error { ops, err = read(d); return err }); err != nil {
		return nil, err
	}
	col, err := s.collection(c)
	if err != nil {
		return nil, err
	}
	for _, op := range ops {
		if err := checkOperation(op); err != nil {
			return nil, err
		}
	}
	if len(ops) == 0 {
		return nil, nil
	}
	return col.Write(c.Request.Context(), ops, options)
}

// appendResult appends the JSON of the answer to one operation.
func appendResult(dst []byte, r tidemark.Result) []byte {
	dst = append(dst, `{"operation_id":`...)
	dst = strconv.AppendUint(dst, uint64(r.Position), 10)
	dst = append(dst, `,"status":"`...)
	switch r.Status {
	case tidemark.Completed:
		dst = append(dst, "completed"...)
	case tidemark.WaitTimeout:
		dst = append(dst, "wait_timeout"...)
	default:
		dst = append(dst, "acknowledged"...)
	}
	return append(dst, `"}`...)
}
