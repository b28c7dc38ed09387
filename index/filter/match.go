package filter

import (
	"slices"

	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/segments/payload"
)

// Point is what a filter sees of a point. A Compiled asks for no more than it
// needs, and for the payload once at most. A caller that judges many points
// does best to pass a pointer that it uses again.
type Point interface {
	ID() segments.PointID
	// Payload returns bytes that stay valid until Match returns.
	Payload() (payload.Object, error)
	// HasVector reports whether the point has a vector of this name. A name
	// that the collection does not know is no error.
	HasVector(name string) (bool, error)
}

// Compiled is a filter ready to judge points. It is immutable and safe for
// concurrent use.
type Compiled struct{ root *group }

// Match reports whether p satisfies the filter. The error is one of p's.
func (c *Compiled) Match(p Point) (bool, error) {
	s := subject{point: p}
	return c.root.match(&s)
}

// MatchesAll reports whether every point satisfies the filter, as far as can be
// told without a point: then counting needs no scan.
func (c *Compiled) MatchesAll() bool { return c.root.demandsNothing() }

// IDs returns the only ids that can satisfy the filter, ascending, if the filter
// names them: then the points can be looked up instead of scanned. They still
// have to be matched.
func (c *Compiled) IDs() (ids []segments.PointID, ok bool) {
	for i := range c.root.must {
		n := &c.root.must[i]
		switch {
		case n.kind != nodeHasID:
		case !ok:
			ids, ok = slices.Clone(n.ids), true
		default:
			ids = slices.DeleteFunc(ids, func(id segments.PointID) bool { return !n.hasID(id) })
		}
	}
	return ids, ok
}

// hasID reports whether n names the id.
func (n *node) hasID(id segments.PointID) bool {
	_, ok := slices.BinarySearchFunc(n.ids, id, segments.PointID.Compare)
	return ok
}

// nodeKind says what a node is, in ascending order of what it costs.
type nodeKind uint8

const (
	nodeHasID nodeKind = iota
	nodeHasVector
	nodeIsEmpty
	nodeField
	nodeGroup
	nodeNested
)

// node is a compiled condition. It is a struct with a kind, not an interface,
// because what is passed to the method of an interface cannot stay on the
// stack.
type node struct {
	kind    nodeKind
	path    payload.Path // of IsEmpty, Field, Nested
	holds   func(payload.Value) bool
	missing bool               // of Field: what holds if there is no value
	ids     []segments.PointID // ascending, each once
	vector  string
	group   *group // of Group, Nested
}

// group is a compiled Filter.
type group struct {
	must, mustNot, should, minShould []node
	minCount                         uint64
}

// subject is what a filter is about: a point, or an element of an array in one.
type subject struct {
	point Point         // nil for an element
	doc   payload.Value // an object; nil if it was not read yet
}

func (s *subject) document() (payload.Value, error) {
	if s.doc == nil {
		o, err := s.point.Payload()
		if err != nil {
			return nil, err
		}
		s.doc = o.Value()
	}
	return s.doc, nil
}

func (g *group) demandsNothing() bool {
	return len(g.must) == 0 && len(g.mustNot) == 0 && len(g.should) == 0 && g.minCount == 0
}

func (g *group) match(s *subject) (bool, error) {
	for i := range g.must {
		if ok, err := g.must[i].match(s); !ok || err != nil {
			return false, err
		}
	}
	for i := range g.mustNot {
		if ok, err := g.mustNot[i].match(s); ok || err != nil {
			return false, err
		}
	}
	if len(g.should) > 0 {
		if ok, err := atLeast(1, g.should, s); !ok || err != nil {
			return false, err
		}
	}
	return atLeast(g.minCount, g.minShould, s)
}

func atLeast(count uint64, nodes []node, s *subject) (bool, error) {
	for i := 0; i < len(nodes) && count > 0; i++ {
		ok, err := nodes[i].match(s)
		if err != nil {
			return false, err
		}
		if ok {
			count--
		}
	}
	return count == 0, nil
}

func (n *node) match(s *subject) (bool, error) {
	switch n.kind {
	case nodeHasID:
		if s.point == nil {
			return false, nil
		}
		return n.hasID(s.point.ID()), nil
	case nodeHasVector:
		if s.point == nil {
			return false, nil
		}
		return s.point.HasVector(n.vector)
	case nodeGroup:
		return n.group.match(s)
	}
	doc, err := s.document()
	if err != nil {
		return false, err
	}
	switch n.kind {
	case nodeIsEmpty:
		return !n.path.Any(doc, isFilled), nil
	case nodeNested:
		return n.path.Any(doc, n.matchElement), nil
	default:
		return n.path.Any(doc, n.holds) || n.missing && !n.path.Any(doc, isAnything), nil
	}
}

// matchElement judges an element of the array of a nested condition. It reads
// no point, so it cannot fail.
func (n *node) matchElement(v payload.Value) bool {
	if v.Kind() != payload.KindObject {
		return false
	}
	ok, _ := n.group.match(&subject{doc: v})
	return ok
}

func isFilled(v payload.Value) bool { return !isEmpty(v) }

func isAnything(payload.Value) bool { return true }
