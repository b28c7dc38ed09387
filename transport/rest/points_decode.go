package rest

import (
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/index/filter"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/segments/payload"
	"github.com/tidemark-db/tidemark/transport"
)

// errEmptyUpdate refuses an update of no points.
var errEmptyUpdate = tidemark.Errorf(tidemark.BadRequest, "Empty update request")

// readUpsert reads the body of an upsert: points one by one or in columns.
func (d *document) readUpsert() (*tidemark.Upsert, error) {
	u := &tidemark.Upsert{}
	found := false
	err := readObject(d.dec, "a map", func(key []byte) (err error) {
		switch string(key) {
		case "points":
			found = true
			u.Points, err = d.readPoints()
		case "batch":
			found = true
			u.Points, err = d.readColumns()
		case "update_filter":
			u.Filter, err = d.readFilter("update_filter")
		case "update_mode":
			u.Mode, err = readMode(d.dec)
		default:
			err = d.dec.SkipValue()
		}
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, transport.ShapeError("Invalid PointInsertOperations format")
	}
	return u, nil
}

func readMode(dec *jsontext.Decoder) (tidemark.UpsertMode, error) {
	if skipNull(dec) {
		return tidemark.UpsertAll, nil
	}
	s, err := readString(dec, "an update mode")
	if err != nil {
		return 0, err
	}
	switch s {
	case "upsert":
		return tidemark.UpsertAll, nil
	case "insert_only":
		return tidemark.InsertOnly, nil
	case "update_only":
		return tidemark.UpdateOnly, nil
	}
	return 0, transport.ShapeError(fmt.Sprintf(
		"unknown variant `%s`, expected one of `upsert`, `insert_only`, `update_only`", abbreviate(s)))
}

// readPoints reads a list of points.
func (d *document) readPoints() ([]tidemark.PointInput, error) {
	start := len(d.slabs.points)
	err := readArray(d.dec, "a sequence", func(i int) error {
		p, err := d.readPoint(i)
		d.slabs.points = append(d.slabs.points, p)
		return err
	})
	return slices.Clip(d.slabs.points[start:]), err
}

func (d *document) readPoint(i int) (p tidemark.PointInput, err error) {
	if err := d.bill.spend(pointCost); err != nil {
		return p, err
	}
	var id, vector bool
	err = readObject(d.dec, "struct PointStruct", func(key []byte) (err error) {
		switch string(key) {
		case "id":
			id = true
			p.ID, err = readID(d.dec)
		case "vector":
			vector = true
			p.Vectors, err = d.readVectors(place{list: "points", index: i})
		case "payload":
			p.Payload, err = d.readPayload()
		default:
			err = d.dec.SkipValue()
		}
		return err
	})
	switch {
	case err != nil:
	case !id:
		err = missing("id")
	case !vector:
		err = missing("vector")
	}
	return p, err
}

// columns are points in columns: the n-th entries of all belong together.
type columns struct {
	ids      []segments.PointID
	vectors  [][]tidemark.NamedVector // the unnamed vector of each point
	named    []namedColumn
	payloads []payload.Object
}

// namedColumn holds the vectors of one name.
type namedColumn struct {
	name    string
	vectors []tidemark.NamedVector
}

// readColumns reads points in columns and turns them into points.
func (d *document) readColumns() ([]tidemark.PointInput, error) {
	var c columns
	var ids, vectors bool
	err := readObject(d.dec, "struct Batch", func(key []byte) (err error) {
		switch string(key) {
		case "ids":
			ids = true
			c.ids, err = readIDs(d.dec, &d.bill)
		case "vectors":
			vectors = true
			err = d.readVectorColumns(&c)
		case "payloads":
			if !skipNull(d.dec) {
				c.payloads = []payload.Object{}
				err = readArray(d.dec, "a sequence", func(int) error {
					o, err := d.readPayload()
					c.payloads = append(c.payloads, o)
					return err
				})
			}
		default:
			err = d.dec.SkipValue()
		}
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case !ids:
		return nil, missing("ids")
	case !vectors:
		return nil, missing("vectors")
	}
	if err := d.bill.spend(int64(len(c.ids)) * pointCost); err != nil {
		return nil, err
	}
	return c.points(&d.checks), nil
}

// readVectorColumns reads one list of vectors, or a list for each name.
func (d *document) readVectorColumns(c *columns) error {
	if d.dec.PeekKind() == '{' {
		return readObject(d.dec, "a map", func(key []byte) error {
			column := namedColumn{name: string(key)}
			err := readArray(d.dec, "a sequence", func(i int) error {
				v, err := d.readOne(column.name, place{"batch.vectors", i, true})
				column.vectors = append(column.vectors, v)
				return err
			})
			c.named = append(c.named, column)
			return err
		})
	}
	if d.dec.PeekKind() != '[' {
		if _, err := d.dec.ReadValue(); err != nil {
			return err
		}
		return transport.NoVariant("BatchVectorStruct")
	}
	c.vectors = [][]tidemark.NamedVector{}
	return readArray(d.dec, "a sequence", func(i int) error {
		v, err := d.readVectors(place{list: "batch.vectors", index: i})
		c.vectors = append(c.vectors, v)
		return err
	})
}

// readOne reads one vector of that name.
func (d *document) readOne(name string, at place) (tidemark.NamedVector, error) {
	if err := d.readNamed(name, at); err != nil {
		return tidemark.NamedVector{}, err
	}
	return d.slabs.vectors[len(d.slabs.vectors)-1], nil
}

// points turns columns into points if they are of equal length.
func (c *columns) points(checks *transport.Checks) []tidemark.PointInput {
	unequal := func(what string, n int) bool {
		if n != len(c.ids) {
			checks.Fail("batch.batch", fmt.Sprintf("number of ids and %s must be equal (%d != %d)", what, len(c.ids), n))
		}
		return n != len(c.ids)
	}
	if c.vectors != nil && unequal("vectors", len(c.vectors)) {
		return nil
	}
	for _, column := range c.named {
		if unequal("vectors", len(column.vectors)) {
			return nil
		}
	}
	if c.payloads != nil && unequal("payloads", len(c.payloads)) {
		return nil
	}
	points := make([]tidemark.PointInput, len(c.ids))
	for i := range points {
		points[i].ID = c.ids[i]
		if c.vectors != nil {
			points[i].Vectors = c.vectors[i]
		}
		for _, column := range c.named {
			points[i].Vectors = append(points[i].Vectors, column.vectors[i])
		}
		if c.payloads != nil {
			points[i].Payload = c.payloads[i]
		}
	}
	return points
}

// readFilter reads a filter that stands in the field of that name; a null is
// no filter.
func (d *document) readFilter(path string) (*filter.Filter, error) {
	if skipNull(d.dec) {
		return nil, nil
	}
	return readFilter(d.dec, site{checks: &d.checks, bill: &d.bill, path: path})
}
