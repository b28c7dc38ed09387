package rest

import (
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/segments/payload"
	"github.com/tidemark-db/tidemark/transport"
)

// selection collects the fields that select points.
type selection struct {
	tidemark.Selector
	found bool
}

// field reads a field of a request if it selects points, else it skips it. If
// both ids and a filter are given, the ids count.
func (s *selection) field(d *document, key []byte) (err error) {
	switch string(key) {
	case "points":
		if skipNull(d.dec) {
			return nil
		}
		s.found = true
		s.IDs, err = readIDs(d.dec, &d.bill)
	case "filter":
		s.Filter, err = d.readFilter("filter")
		s.found = s.found || s.Filter != nil
	default:
		err = d.dec.SkipValue()
	}
	return err
}

// selector returns what was selected, or otherwise if there was nothing.
func (s *selection) selector(otherwise error) (tidemark.Selector, error) {
	if !s.found {
		return tidemark.Selector{}, otherwise
	}
	if s.IDs != nil {
		s.Filter = nil
	}
	return s.Selector, nil
}

// The texts of requests that select no points.
var (
	errNoSelector = transport.ShapeError("Either list of point ids or filter must be provided")
	errNoPoints   = tidemark.Errorf(tidemark.BadRequest, "No filter or points provided")
)

// readSelector reads a body that does nothing but select points.
func (d *document) readSelector() (tidemark.Selector, error) {
	var s selection
	err := readObject(d.dec, "a map", func(key []byte) error { return s.field(d, key) })
	if err != nil {
		return tidemark.Selector{}, variant("PointsSelector", err)
	}
	return s.selector(transport.NoVariant("PointsSelector"))
}

// variant turns an error about the shape of a value into one that says that
// none of the forms of the named type fits; the detail says why.
func variant(name string, err error) error {
	var d *detailed
	if errors.As(err, &d) && d.ShapeError == transport.NoVariant(name) {
		return err
	}
	text, ok := ownText(err)
	if !ok || text == string(transport.NoVariant(name)) {
		return err
	}
	return &detailed{transport.NoVariant(name), text}
}

func (d *document) readDelete() (*tidemark.Delete, error) {
	s, err := d.readSelector()
	return &tidemark.Delete{Selector: s}, err
}

func (d *document) readClear() (*tidemark.ClearPayload, error) {
	s, err := d.readSelector()
	return &tidemark.ClearPayload{Selector: s}, err
}

// patch is the common form of setting and overwriting payload.
type patch struct {
	selector tidemark.Selector
	payload  payload.Object
	at       *payload.Path
}

func (d *document) readPatch() (p patch, err error) {
	var s selection
	found := false
	err = readObject(d.dec, "a map", func(key []byte) (err error) {
		switch string(key) {
		case "payload":
			found = true
			if d.dec.PeekKind() == 'n' {
				return mismatch(d.dec, "a map")
			}
			p.payload, err = d.readPayload()
		case "key":
			p.at, err = readPath(d.dec)
		default:
			err = s.field(d, key)
		}
		return err
	})
	if err == nil && !found {
		err = missing("payload")
	}
	if err == nil {
		p.selector, err = s.selector(errNoSelector)
	}
	return p, err
}

func (d *document) readSetPayload() (*tidemark.SetPayload, error) {
	p, err := d.readPatch()
	return &tidemark.SetPayload{Selector: p.selector, Payload: p.payload, At: p.at}, err
}

// readOverwrite reads an overwrite, which replaces the whole payload whatever
// its key says.
func (d *document) readOverwrite() (*tidemark.OverwritePayload, error) {
	p, err := d.readPatch()
	return &tidemark.OverwritePayload{Selector: p.selector, Payload: p.payload}, err
}

// readPath reads the path of a payload field; null is none.
func readPath(dec *jsontext.Decoder) (*payload.Path, error) {
	if skipNull(dec) {
		return nil, nil
	}
	text, err := readString(dec, "a string")
	if err != nil {
		return nil, err
	}
	path, err := payload.ParsePath(text)
	return &path, err
}

func readPaths(dec *jsontext.Decoder, b *bill) ([]payload.Path, error) {
	paths := []payload.Path{}
	err := readArray(dec, "a sequence", func(int) error {
		if err := b.spend(pathCost); err != nil {
			return err
		}
		text, err := readString(dec, "a string")
		if err != nil {
			return err
		}
		path, err := payload.ParsePath(text)
		paths = append(paths, path)
		return err
	})
	return paths, err
}

func (d *document) readDeletePayload() (*tidemark.DeletePayload, error) {
	var s selection
	op := &tidemark.DeletePayload{}
	err := readObject(d.dec, "a map", func(key []byte) (err error) {
		if string(key) != "keys" {
			return s.field(d, key)
		}
		op.Keys, err = readPaths(d.dec, &d.bill)
		return err
	})
	if err == nil && op.Keys == nil {
		err = missing("keys")
	}
	if err == nil {
		op.Selector, err = s.selector(errNoSelector)
	}
	return op, err
}

func (d *document) readUpdateVectors() (*tidemark.UpdateVectors, error) {
	op := &tidemark.UpdateVectors{}
	err := readObject(d.dec, "a map", func(key []byte) (err error) {
		switch string(key) {
		case "points":
			op.Points = []tidemark.PointVectors{}
			err = readArray(d.dec, "a sequence", func(i int) error {
				p, err := d.readPointVectors(i)
				op.Points = append(op.Points, p)
				return err
			})
		case "update_filter":
			op.Filter, err = d.readFilter("update_filter")
		default:
			err = d.dec.SkipValue()
		}
		return err
	})
	switch {
	case err != nil:
	case op.Points == nil:
		err = missing("points")
	case len(op.Points) == 0:
		d.checks.Fail("points", "must specify points to update")
	}
	return op, err
}

func (d *document) readPointVectors(i int) (p tidemark.PointVectors, err error) {
	if err := d.bill.spend(pointCost); err != nil {
		return p, err
	}
	var id, vector bool
	err = readObject(d.dec, "struct PointVectors", func(key []byte) (err error) {
		switch string(key) {
		case "id":
			id = true
			p.ID, err = readID(d.dec)
		case "vector":
			vector = true
			p.Vectors, err = d.readVectors(place{list: "points", index: i})
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

func (d *document) readDeleteVectors() (*tidemark.DeleteVectors, error) {
	var s selection
	op := &tidemark.DeleteVectors{}
	err := readObject(d.dec, "a map", func(key []byte) (err error) {
		if string(key) != "vector" {
			return s.field(d, key)
		}
		op.Names, err = readStrings(d.dec, &d.bill)
		return err
	})
	switch {
	case err != nil:
	case op.Names == nil:
		err = missing("vector")
	case len(op.Names) == 0:
		d.checks.Fail("vector", "must specify vector names to delete")
	default:
		op.Selector, err = s.selector(errNoPoints)
	}
	return op, err
}
