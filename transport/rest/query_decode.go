package rest

import (
	"errors"
	"fmt"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/index/filter"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/segments/payload"
	"github.com/tidemark-db/tidemark/transport"
)

// queryRequest asks for the points nearest to a vector, or for points in order
// of their ids if it has none.
type queryRequest struct {
	id     *segments.PointID // the vector of this point
	vector []float32         // or these numbers; not valid after the document
	other  string            // or a query of this kind, which is not implemented

	using     string
	filter    *filter.Filter
	limit     int
	offset    int
	threshold *float32
	payload   payload.Selector
	vectors   vectorSelector
	lookup    *lookup
	prefetch  bool
}

// lookup says where the vector of an id is looked up: in another collection,
// under another name.
type lookup struct{ collection, vector string }

// otherQueries are the kinds of queries that are known and not implemented.
var otherQueries = map[string]string{
	"mmr": "maximal marginal relevance", "recommend": "recommendation", "discover": "discovery", "context": "context search",
	"order_by": "a query by order_by (use points/scroll)", "fusion": "fusion", "rrf": "reciprocal rank fusion",
	"formula": "a query by formula", "sample": "sampling", "relevance_feedback": "relevance feedback",
	"indices": "a query by a sparse vector", "values": "a query by a sparse vector",
	"text": "inference", "image": "inference", "object": "inference", "model": "inference", "options": "inference",
}

// errQuery says that a value is no query.
const errQuery = transport.ShapeError("Expected some form of vector, id, or a type of query")

func (d *document) readQueryRequest() (*queryRequest, error) {
	r := &queryRequest{limit: defaultLimit, payload: payload.Selector{Kind: payload.SelectNone}}
	err := readObject(d.dec, "struct QueryRequest", func(key []byte) error { return d.readQueryField(r, string(key)) })
	checkLimit(&d.checks, "internal.limit", r.limit)
	return r, err
}

func (d *document) readQueryField(r *queryRequest, key string) (err error) {
	switch key {
	case "query":
		err = d.readQuery(r)
	case "prefetch":
		r.prefetch = d.dec.PeekKind() != 'n'
		err = d.dec.SkipValue()
	case "using":
		if !skipNull(d.dec) {
			r.using, err = readString(d.dec, "a string")
		}
	case "filter":
		r.filter, err = d.readFilter("internal.filter")
	case "limit":
		err = readLimit(d.dec, &r.limit)
	case "offset":
		err = readLimit(d.dec, &r.offset)
	case "score_threshold":
		if !skipNull(d.dec) {
			var f float64
			f, err = readFloat(d.dec)
			r.threshold = new(float32(f))
		}
	case "with_payload":
		err = readPayloadSelector(d.dec, &d.bill, &r.payload)
	case "with_vector", "with_vectors":
		err = readVectorSelector(d.dec, &d.bill, &r.vectors)
	case "lookup_from":
		r.lookup, err = d.readLookup()
	default:
		err = d.dec.SkipValue()
	}
	return err
}

// readQuery reads a query: a vector or an id, bare or under nearest, or an
// object of another kind.
func (d *document) readQuery(r *queryRequest) error {
	if skipNull(d.dec) {
		return nil
	}
	if d.dec.PeekKind() != '{' {
		return d.readQueryInput(r)
	}
	found := false
	err := readObject(d.dec, "a query", func(key []byte) error {
		if string(key) == "nearest" {
			found = true
			return d.readQueryInput(r)
		}
		if what, ok := otherQueries[string(key)]; ok {
			found = true
			if string(key) != "mmr" || d.dec.PeekKind() != 'n' {
				r.other = what
			}
		}
		return d.dec.SkipValue()
	})
	if err == nil && !found {
		err = errQuery
	}
	return err
}

// readQueryInput reads a vector or an id.
func (d *document) readQueryInput(r *queryRequest) error {
	switch d.dec.PeekKind() {
	case '0', '"':
		id, err := readID(d.dec)
		r.id = &id
		return asQueryError(err)
	case '[':
		v, err := d.readList(place{list: "internal.query", index: notInList})
		r.vector = v.Dense
		if v.Kind == segments.Multi {
			r.other = "a query by a multi vector"
		}
		return asQueryError(err)
	case '{':
		r.other = "a query by a sparse vector or by inference"
		return d.dec.SkipValue()
	}
	if _, err := d.dec.ReadValue(); err != nil {
		return err
	}
	return errQuery
}

// asQueryError gives errors of shape the text that clients know.
func asQueryError(err error) error {
	if err == nil {
		return nil
	}
	var d *detailed
	if errors.As(err, &d) {
		return &detailed{errQuery, d.detail}
	}
	if text, ok := ownText(err); ok {
		return &detailed{errQuery, text}
	}
	return err
}

func (d *document) readLookup() (*lookup, error) {
	if skipNull(d.dec) {
		return nil, nil
	}
	l := &lookup{}
	found := false
	err := readObject(d.dec, "struct LookupLocation", func(key []byte) (err error) {
		switch string(key) {
		case "collection":
			found = true
			l.collection, err = readString(d.dec, "a string")
		case "vector":
			if !skipNull(d.dec) {
				l.vector, err = readString(d.dec, "a string")
			}
		default:
			err = d.dec.SkipValue()
		}
		return err
	})
	if err == nil && !found {
		err = missing("collection")
	}
	return l, err
}

// check refuses what is well-formed and cannot be answered.
func (r *queryRequest) check() error {
	switch {
	case !r.prefetch && (r.other == otherQueries["fusion"] || r.other == otherQueries["rrf"]):
		return tidemark.Errorf(tidemark.BadInput, "Validation failed: cannot apply Fusion without prefetches")
	case r.prefetch && r.id == nil && r.vector == nil && r.other == "":
		return tidemark.Errorf(tidemark.BadRequest,
			"A query is needed to merge the prefetches. Can't have prefetches without defining a query.")
	case r.other != "":
		return tidemark.Errorf(tidemark.NotImplemented, "%s is not part of this version", r.other)
	case r.prefetch:
		return tidemark.Errorf(tidemark.NotImplemented, "%s is not part of this version", "a query with prefetch")
	}
	return nil
}

// notFoundVector says that a point has no vector of that name.
func notFoundVector(id segments.PointID, name string) error {
	return tidemark.Errorf(tidemark.NotFound, "%s", fmt.Sprintf("Point %v has no vector named '%s'", id, name))
}
