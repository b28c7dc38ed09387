package payload

// The patches are total and pure: they accept every canonical payload, change
// none, and give the same bytes for the same input for ever, because the log is
// replayed through them.

// Merge returns o with the top level keys of patch: its values replace those of
// o, and a null removes the key.
func Merge(o, patch Object) Object {
	if patch.IsEmpty() {
		return o
	}
	b := newPatch(len(o) + len(patch))
	b.merge(o.Value(), patch.Value())
	return b.patched(o)
}

// MergeAt returns o with patch merged, as Merge does, into every object that at
// names. On the way, a missing key or a value that is no object where a key
// follows becomes an object; one that is no array where [n] or [] follows
// becomes an empty array. An element that does not exist is not created. If the
// result would be nested too deep, which CheckMergeAt tells from at and patch
// alone, o is returned.
func MergeAt(o Object, at Path, patch Object) Object {
	if at.IsZero() || CheckMergeAt(at, patch) != nil {
		return o
	}
	b := newPatch(len(o) + len(patch))
	b.mergeAt(o.Value(), at.steps, patch.Value())
	return b.patched(o)
}

// CheckMergeAt returns ErrTooDeep if patch cannot be merged at a path because
// the result would be nested more than MaxDepth deep.
func CheckMergeAt(at Path, patch Object) error {
	if len(at.steps)+patch.Value().depth() > MaxDepth {
		return ErrTooDeep
	}
	return nil
}

// Remove returns o without the values at paths. A path that ends in [] empties
// the array; one that ends in [n] removes nothing, because doing so twice would
// remove two elements. What is not there is ignored.
func Remove(o Object, paths []Path) Object {
	for _, p := range paths {
		if o.IsEmpty() || p.IsZero() {
			continue
		}
		b := newPatch(len(o))
		b.remove(o.Value(), p.steps)
		o = b.patched(o)
	}
	return o
}

// newPatch returns a Builder with room for a result of about size bytes.
func newPatch(size int) *Builder {
	const headers = 32 // a few containers grow while their headers move in
	return &Builder{
		buf:    make([]byte, 0, size+headers),
		open:   make([]frame, 0, 8),
		fields: make([]field, 0, 16),
	}
}

// patched returns the payload that b holds, without a copy. A patch of a
// canonical payload cannot fail; should it, the payload stays as it was.
func (b *Builder) patched(old Object) Object {
	v, err := b.result()
	if err != nil {
		return old
	}
	return v.AsObject()
}

// merge adds an object with the fields of v and patch. v may be any value; only
// an object has fields.
func (b *Builder) merge(v, patch Value) {
	b.BeginObject()
	for key, value := range v.Fields() {
		if _, ok := patch.Field(string(key)); !ok {
			b.KeyBytes(key)
			b.raw(value)
		}
	}
	for key, value := range patch.Fields() {
		if value.Kind() != KindNull {
			b.KeyBytes(key)
			b.raw(value)
		}
	}
	b.End()
}

// mergeAt adds v with patch merged into it at steps.
func (b *Builder) mergeAt(v Value, steps []step, patch Value) {
	if len(steps) == 0 {
		b.merge(v, patch)
		return
	}
	s, rest := &steps[0], steps[1:]
	if s.kind != stepKey {
		b.array(v, s, func(e Value) { b.mergeAt(e, rest, patch) })
		return
	}
	found := b.object(v, s.key, func(old Value) { b.mergeAt(old, rest, patch) })
	if !found {
		b.Key(s.key)
		b.mergeAt(Value{tagNull}, rest, patch)
	}
	b.End()
}

// remove adds v without what lies at steps.
func (b *Builder) remove(v Value, steps []step) {
	s, rest := &steps[0], steps[1:]
	switch kind := v.Kind(); {
	case s.kind == stepKey && kind == KindObject:
		b.removeField(v, s.key, rest)
	case s.kind == stepAll && kind == KindArray && len(rest) == 0:
		b.BeginArray()
		b.End()
	case s.kind != stepKey && kind == KindArray && len(rest) > 0:
		b.array(v, s, func(e Value) { b.remove(e, rest) })
	default:
		b.raw(v)
	}
}

func (b *Builder) removeField(v Value, key string, rest []step) {
	b.BeginObject()
	for k, value := range v.Fields() {
		switch {
		case string(k) != key:
			b.KeyBytes(k)
			b.raw(value)
		case len(rest) > 0:
			b.KeyBytes(k)
			b.remove(value, rest)
		}
	}
	b.End()
}

// array adds an array with the elements of v, those that s names through edit.
func (b *Builder) array(v Value, s *step, edit func(Value)) {
	b.BeginArray()
	var i uint64
	for e := range v.Elements() {
		if s.kind == stepAll || s.index == i {
			edit(e)
		} else {
			b.raw(e)
		}
		i++
	}
	b.End()
}

// object begins an object with the fields of v, the one at key through edit,
// and reports whether there was one.
func (b *Builder) object(v Value, key string, edit func(Value)) (found bool) {
	b.BeginObject()
	for k, value := range v.Fields() {
		b.KeyBytes(k)
		if string(k) == key {
			edit(value)
			found = true
		} else {
			b.raw(value)
		}
	}
	return found
}

// depth returns how many containers lie inside each other in v, v included.
func (v Value) depth() int {
	deepest := 0
	switch v[0] {
	case tagArray:
		for e := range v.Elements() {
			deepest = max(deepest, e.depth())
		}
	case tagObject:
		for _, e := range v.Fields() {
			deepest = max(deepest, e.depth())
		}
	default:
		return 0
	}
	return deepest + 1
}
