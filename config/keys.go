package config

import (
	"reflect"
	"slices"
)

// field is a key that Config has a place for.
type field struct {
	key      string
	index    []int        // of the struct field
	kind     reflect.Type // of the value, without the pointer
	nullable bool
}

func (f field) secret() bool { return f.kind == reflect.TypeFor[Secret]() }

// fields returns all keys of Config, in its order.
func fields() []field { return collect(reflect.TypeFor[Config](), "", nil) }

func collect(t reflect.Type, prefix string, index []int) []field {
	var all []field
	for i := range t.NumField() {
		sf := t.Field(i)
		key := prefix + sf.Tag.Get("koanf")
		at := append(slices.Clone(index), i)
		switch sf.Type.Kind() {
		case reflect.Struct:
			all = append(all, collect(sf.Type, key+".", at)...)
		case reflect.Pointer:
			all = append(all, field{key: key, index: at, kind: sf.Type.Elem(), nullable: true})
		default:
			all = append(all, field{key: key, index: at, kind: sf.Type})
		}
	}
	return all
}

// get returns the value of f in c, nil if there is none.
func (f field) get(c *Config) any {
	v := reflect.ValueOf(c).Elem().FieldByIndex(f.index)
	if !f.nullable {
		return v.Interface()
	}
	if v.IsNil() {
		return nil
	}
	return v.Elem().Interface()
}

// set gives f the value v, which is nil or of f's kind.
func (f field) set(c *Config, v any) {
	dst := reflect.ValueOf(c).Elem().FieldByIndex(f.index)
	switch {
	case v == nil:
		dst.SetZero()
	case f.nullable:
		p := reflect.New(f.kind)
		p.Elem().Set(reflect.ValueOf(v))
		dst.Set(p)
	default:
		dst.Set(reflect.ValueOf(v))
	}
}

// aliases are other names that the reference reads too.
var aliases = map[string]string{
	"storage.optimizers.max_segment_size":    "storage.optimizers.max_segment_size_kb",
	"storage.optimizers.memmap_threshold":    "storage.optimizers.memmap_threshold_kb",
	"storage.optimizers.indexing_threshold":  "storage.optimizers.indexing_threshold_kb",
	"storage.hnsw_index.full_scan_threshold": "storage.hnsw_index.full_scan_threshold_kb",
}

// schema says of each key what it is.
type schema struct {
	fields   []field
	byKey    map[string]field
	sections map[string]bool // "service", "storage.wal", …
}

func newSchema() schema {
	s := schema{fields: fields(), byKey: map[string]field{}, sections: map[string]bool{}}
	for _, f := range s.fields {
		s.byKey[f.key] = f
		for i, r := range f.key {
			if r == '.' {
				s.sections[f.key[:i]] = true
			}
		}
	}
	return s
}

// canonical returns the name under which a key of a source is known.
func canonical(key string) string {
	if a, ok := aliases[key]; ok {
		return a
	}
	return key
}

// own completes the name of a variable of Tidemark's: TIDEMARK__BUDGET_MB is
// tidemark.budget_mb, the section need not be said twice.
func (s schema) own(key string) string {
	if k := "tidemark." + key; s.byKey[k].key != "" {
		return k
	}
	return key
}
