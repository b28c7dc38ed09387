package payload

// Selector says which part of a payload a reader wants. The zero Selector
// wants all of it.
type Selector struct {
	Kind  SelectKind
	Paths []Path // of SelectInclude and SelectExclude
}

// SelectKind says what a Selector does.
type SelectKind uint8

// The kinds of Selector.
const (
	SelectAll     SelectKind = iota
	SelectNone               // nothing
	SelectInclude            // what lies at or below Paths
	SelectExclude            // all but that
)

// Select returns the part of o that s wants. Arrays on the way to a path are
// entered by [] alone: a path with [n] names none of their elements.
func Select(o Object, s Selector) Object {
	switch s.Kind {
	case SelectNone:
		return nil
	case SelectInclude, SelectExclude:
		tails := make([][]step, 0, len(s.Paths))
		for _, p := range s.Paths {
			if !p.IsZero() {
				tails = append(tails, p.steps)
			}
		}
		b := newPatch(len(o))
		b.pick(o.Value(), tails, s.Kind == SelectInclude)
		return b.patched(o)
	default:
		return o
	}
}

// pick adds the part of v that lies along the tails, or, unless include, all
// but what lies at their ends. No tail is empty.
func (b *Builder) pick(v Value, tails [][]step, include bool) {
	switch v.Kind() {
	case KindObject:
		b.BeginObject()
		for key, value := range v.Fields() {
			next, whole := follow(tails, func(s *step) bool { return s.kind == stepKey && s.key == string(key) })
			if wanted(next, whole, include) {
				b.KeyBytes(key)
				b.pickValue(value, next, whole, include)
			}
		}
		b.End()
	case KindArray:
		next, whole := follow(tails, func(s *step) bool { return s.kind == stepAll })
		b.BeginArray()
		for e := range v.Elements() {
			if wanted(next, whole, include) {
				b.pickValue(e, next, whole, include)
			}
		}
		b.End()
	default:
		b.raw(v)
	}
}

// wanted reports whether anything of a value is wanted at which some tails go
// on (next) or end (whole).
func wanted(next [][]step, whole, include bool) bool {
	if include {
		return whole || len(next) > 0
	}
	return !whole
}

func (b *Builder) pickValue(v Value, next [][]step, whole, include bool) {
	if whole || len(next) == 0 {
		b.raw(v)
		return
	}
	b.pick(v, next, include)
}

// follow returns what remains of the tails that lead along a step, and whether
// one of them ends with it.
func follow(tails [][]step, leads func(*step) bool) (next [][]step, whole bool) {
	for _, t := range tails {
		switch {
		case !leads(&t[0]):
		case len(t) == 1:
			whole = true
		default:
			next = append(next, t[1:])
		}
	}
	return next, whole
}
