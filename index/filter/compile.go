package filter

import (
	"fmt"
	"slices"

	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/segments/payload"
)

// Env is what a filter is compiled for.
type Env struct {
	// Indexes is the payload schema by path. It matters: under a text index
	// texts match by tokens, under an integer index 5 matches 5.0.
	Indexes map[string]FieldIndex
}

// InvalidError says that a Filter contradicts itself and where. Its text is
// that of the reference after the path of the filter in the request.
type InvalidError struct {
	Path   string // inside the filter, for example must[0].__all__
	Reason string
}

// Error implements error.
func (e *InvalidError) Error() string {
	return fmt.Sprintf("%s: Validation error: %s [{}]", e.Path, e.Reason)
}

// Compile prepares a filter. The error is an *InvalidError. The Compiled shares
// memory with f.
func Compile(f *Filter, env Env) (*Compiled, error) {
	c := compiler{indexes: make(map[string]FieldIndex, len(env.Indexes))}
	for text, index := range env.Indexes {
		if p, err := payload.ParsePath(text); err == nil {
			text = p.String()
		}
		c.indexes[text] = index
	}
	root, err := c.group(f, "")
	if err != nil {
		return nil, err
	}
	return &Compiled{root: root}, nil
}

// compiler compiles the filter of a point or of a nested element.
type compiler struct {
	indexes map[string]FieldIndex // by canonical path
	base    payload.Path          // of the element; zero for a point
}

// group compiles f, which lies at path (empty, or ending in a point). A nil
// filter demands nothing.
func (c *compiler) group(f *Filter, path string) (*group, error) {
	g := &group{}
	if f == nil {
		return g, nil
	}
	for _, list := range []struct {
		name       string
		conditions []Condition
		nodes      *[]node
	}{
		{"must", f.Must, &g.must},
		{"must_not", f.MustNot, &g.mustNot},
		{"should", f.Should, &g.should},
	} {
		nodes, err := c.list(list.conditions, path+list.name)
		if err != nil {
			return nil, err
		}
		*list.nodes = nodes
	}
	if f.MinShould != nil {
		nodes, err := c.list(f.MinShould.Conditions, path+"min_should.conditions")
		if err != nil {
			return nil, err
		}
		g.minShould, g.minCount = nodes, f.MinShould.MinCount
	}
	return g, nil
}

// list compiles conditions and puts those first that cost least, so that a
// payload is read only if an id does not settle the matter.
func (c *compiler) list(conditions []Condition, path string) ([]node, error) {
	nodes := make([]node, 0, len(conditions))
	for i, condition := range conditions {
		n, err := c.node(condition, fmt.Sprintf("%s[%d]", path, i))
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	slices.SortStableFunc(nodes, func(a, b node) int { return int(a.kind) - int(b.kind) })
	return nodes, nil
}

func (c *compiler) node(condition Condition, path string) (node, error) {
	switch x := condition.(type) {
	case *HasID:
		ids := slices.Clone(x.IDs)
		slices.SortFunc(ids, segments.PointID.Compare)
		return node{kind: nodeHasID, ids: slices.Compact(ids)}, nil
	case *HasVector:
		return node{kind: nodeHasVector, vector: x.Name}, nil
	case *IsEmpty:
		return node{kind: nodeIsEmpty, path: x.Key}, checkKey(x.Key, path)
	case *IsNull:
		return node{kind: nodeField, path: x.Key, holds: isNull}, checkKey(x.Key, path)
	case *Field:
		return c.field(x, path)
	case *Nested:
		return c.nested(x, path)
	case *Filter:
		g, err := c.group(x, path+".")
		return node{kind: nodeGroup, group: g}, err
	default:
		return node{}, &InvalidError{Path: path, Reason: fmt.Sprintf("unknown condition %T", condition)}
	}
}

func checkKey(key payload.Path, path string) error {
	if key.IsZero() {
		return &InvalidError{Path: path + ".key", Reason: "the key is missing"}
	}
	return nil
}

// nested compiles a condition on the elements of an array. Their indexes are
// those of the paths that lead through its elements.
func (c *compiler) nested(x *Nested, path string) (node, error) {
	if err := checkKey(x.Key, path+".nested"); err != nil {
		return node{}, err
	}
	elements := x.Key.Elements()
	inner := compiler{indexes: c.indexes, base: c.base.Join(elements)}
	g, err := inner.group(x.Filter, path+".nested.filter.")
	return node{kind: nodeNested, path: elements, group: g}, err
}

// field compiles a condition on the values at a key.
func (c *compiler) field(x *Field, path string) (node, error) {
	if err := checkKey(x.Key, path); err != nil {
		return node{}, err
	}
	n := node{kind: nodeField, path: x.Key}
	switch {
	case x.ValuesCount != nil:
		n.holds = countTest{x.ValuesCount.LT, x.ValuesCount.GT, x.ValuesCount.GTE, x.ValuesCount.LTE}.holds
	case x.IsEmpty != nil:
		n.holds, n.missing = emptyTest(*x.IsEmpty).holds, *x.IsEmpty
	case x.IsNull != nil:
		n.holds, n.missing = nullTest(*x.IsNull).holds, !*x.IsNull
	default:
		tests, err := c.elementTests(x, path)
		if err != nil {
			return node{}, err
		}
		n.holds = tests.holds
	}
	return n, nil
}

// elementTests returns the alternatives of x.
func (c *compiler) elementTests(x *Field, path string) (elementTest, error) {
	var tests elementTest
	if x.Match != nil {
		t := compileMatch(x.Match, c.indexes[c.base.Join(x.Key).String()])
		if t == nil {
			return nil, &InvalidError{Path: path + ".match", Reason: fmt.Sprintf("unknown match %T", x.Match)}
		}
		tests = append(tests, t)
	}
	if x.Range != nil {
		tests = append(tests, numberTest{x.Range.LT, x.Range.GT, x.Range.GTE, x.Range.LTE})
	}
	if x.Times != nil {
		tests = append(tests, timeTest{x.Times.LT, x.Times.GT, x.Times.GTE, x.Times.LTE})
	}
	if x.GeoBoundingBox != nil {
		tests = append(tests, geoTest{x.GeoBoundingBox})
	}
	if x.GeoRadius != nil {
		tests = append(tests, geoTest{x.GeoRadius})
	}
	if x.GeoPolygon != nil {
		if err := x.GeoPolygon.check(); err != nil {
			return nil, &InvalidError{Path: path + ".geo_polygon", Reason: err.Error()}
		}
		tests = append(tests, geoTest{x.GeoPolygon})
	}
	if len(tests) == 0 {
		return nil, &InvalidError{Path: path + ".__all__", Reason: "At least one field condition must be specified"}
	}
	return tests, nil
}
