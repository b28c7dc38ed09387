package rest

import (
	"bytes"
	"errors"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/index/filter"
	"github.com/tidemark-db/tidemark/segments/payload"
	"github.com/tidemark-db/tidemark/transport"
)

// indexRequest asks for a payload index.
type indexRequest struct {
	path   *payload.Path
	schema jsontext.Value // nil if none was given
}

// createIndex adds a payload index to a collection or replaces one; the same
// one again is no change.
func (s *Server) createIndex(c *gin.Context) {
	s.configure(c, func() (func(*tidemark.Config) (tidemark.ConfigChange, error), error) {
		var path string
		var index filter.FieldIndex
		err := s.withBody(c, func(d *document) (err error) {
			path, index, err = d.readIndex()
			return err
		})
		return func(cfg *tidemark.Config) (tidemark.ConfigChange, error) {
			return transport.SetIndex(cfg, path, index), nil
		}, err
	})
}

// readIndex reads a request for a payload index.
func (d *document) readIndex() (string, filter.FieldIndex, error) {
	var r indexRequest
	err := readObject(d.dec, "struct CreateFieldIndex", func(key []byte) (err error) {
		switch string(key) {
		case "field_name":
			path, err := readRequiredPath(d.dec)
			r.path = &path
			return err
		case "field_schema", "field_type":
			if skipNull(d.dec) {
				return nil
			}
			raw, err := d.dec.ReadValue()
			r.schema = bytes.Clone(raw)
			return err
		}
		return d.dec.SkipValue()
	})
	switch {
	case err != nil:
		return "", filter.FieldIndex{}, err
	case r.path == nil:
		return "", filter.FieldIndex{}, missing("field_name")
	case r.schema == nil:
		return "", filter.FieldIndex{}, tidemark.Errorf(tidemark.BadRequest,
			"Can't auto-detect field type, please specify `field_schema` in the request")
	}
	index, err := filter.ParseFieldIndex(r.schema)
	switch {
	case errors.Is(err, filter.ErrNoIntegerUse):
		d.checks.Fail("field_schema.lookup", "Validation error: "+filter.ErrNoIntegerUse.Error()+" [{}]")
		err = nil
	case err != nil:
		err = &detailed{transport.NoVariant("PayloadFieldSchema"), err.Error()}
	}
	return r.path.String(), index, err
}

// deleteIndex drops a payload index; one that is not there is no change.
func (s *Server) deleteIndex(c *gin.Context) {
	s.configure(c, func() (func(*tidemark.Config) (tidemark.ConfigChange, error), error) {
		path, err := payload.ParsePath(c.Param("field_name"))
		if err != nil {
			return nil, tidemark.Errorf(tidemark.BadInput, "%s", err)
		}
		return func(cfg *tidemark.Config) (tidemark.ConfigChange, error) {
			return transport.DropIndex(cfg, path.String()), nil
		}, nil
	})
}
