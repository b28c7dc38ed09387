package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Options says where configuration is looked for.
type Options struct {
	// Dir is the folder in which ./config is looked for.
	Dir string
	// Root is the folder in which ./etc is looked for, "/" but in tests.
	Root string
	// File is the value of --config-path. It must exist: to start without what
	// it says, an API key perhaps, would be worse than not to start.
	File string
	// Environ holds "NAME=value" as os.Environ returns it.
	Environ []string
	// Flags holds the flags that were given, by key.
	Flags map[string]Flag
}

// Flag is a flag of the command line.
type Flag struct{ Name, Value string }

func (o Options) runMode() string {
	if mode := lookup(o.Environ, "RUN_MODE"); mode != "" {
		return mode
	}
	return "development"
}

// Loaded is a configuration and what is to be said about it.
type Loaded struct {
	Config Config
	// Unknown are keys that nobody knows, with what they might mean.
	Unknown []Problem
	// Ignored are keys of the reference without effect here.
	Ignored []Problem

	sources map[string]string // by key; absent: the default
}

// Load reads all sources, in this order, later ones winning: compiled defaults;
// config/config, config/{RUN_MODE}, config/local; /etc/qdrant/config;
// /etc/tidemark/config; the file of --config-path; QDRANT__SECTION__KEY;
// TIDEMARK__SECTION__KEY; flags. If anything is wrong it returns an
// *InvalidError with all of it, beside what could be read.
func Load(o Options) (*Loaded, error) {
	s := newSchema()
	layers, problems := fileLayers(o)
	for _, source := range []struct {
		prefix string
		rename func(string) string
	}{{"QDRANT__", canonical}, {"TIDEMARK__", s.own}} {
		l, err := envLayer(source.prefix, source.rename, o.Environ)
		if err != nil {
			return nil, err
		}
		layers = append(layers, l)
	}
	layers = append(layers, flagLayer(o.Flags))

	loaded := &Loaded{Config: Default(), sources: map[string]string{}}
	for _, l := range layers {
		problems = append(problems, loaded.apply(s, l)...)
	}
	problems = append(problems, loaded.validate(s)...)
	if len(problems) > 0 {
		return loaded, &InvalidError{Problems: problems}
	}
	return loaded, nil
}

// apply lays a layer over the configuration and returns what is wrong with it.
func (l *Loaded) apply(s schema, from layer) []Problem {
	var problems []Problem
	for _, given := range slices.Sorted(maps.Keys(from.values)) {
		value := from.values[given]
		p := Problem{Key: canonical(given), Source: from.name(given)}
		if f, ok := s.byKey[p.Key]; ok {
			v, err := f.convert(value)
			if err != nil {
				p.Value, p.Text = f.show(value), err.Error()
				problems = append(problems, p)
				continue
			}
			f.set(&l.Config, v)
			l.sources[f.key] = p.Source
			continue
		}
		if problem, bad := l.without(s, p, value); bad {
			problems = append(problems, problem)
		}
	}
	return problems
}

// without deals with a key for which Config has no place.
func (l *Loaded) without(s schema, p Problem, value any) (Problem, bool) {
	if s.sections[p.Key] {
		if isEmptySection(value) {
			return p, false
		}
		p.Text = "is a section with keys below it, not a value"
		return p, true
	}
	if r, ok := refused[p.Key]; ok && strings.EqualFold(fmt.Sprint(value), r.value) {
		p.Value, p.Text = r.value, r.text
		return p, true
	}
	if why, ok := whyIgnored(p.Key); ok {
		p.Text = "has no effect: " + why
		l.Ignored = append(l.Ignored, p)
		return p, false
	}
	p.Text = "is not known"
	if k := suggest(p.Key, s.known()); k != "" {
		p.Text += "; did you mean " + k + "?"
	}
	l.Unknown = append(l.Unknown, p)
	return p, false
}

// isEmptySection reports whether a section is there without a key, as in
// "service:" with nothing but comments below it.
func isEmptySection(value any) bool {
	m, isMap := value.(map[string]any)
	return value == nil || (isMap && len(m) == 0)
}

// known returns all names that a key can have.
func (s schema) known() []string {
	var all []string
	for _, f := range s.fields {
		all = append(all, f.key)
	}
	all = slices.AppendSeq(all, maps.Keys(aliases))
	all = slices.AppendSeq(all, maps.Keys(ignored))
	slices.Sort(all)
	return all
}
