package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
)

// layer is what one source says, by flat key. Later layers win.
type layer struct {
	values map[string]any
	name   func(key string) string // of the source of a key
}

// extensions of files, in the order in which they are tried. JSON is YAML too.
var extensions = []string{".yaml", ".yml", ".json"}

// fileLayers reads the files that are there, and those that must be. A file
// that cannot be read is a problem; the others are read all the same.
func fileLayers(o Options) ([]layer, []Problem) {
	bases := []string{
		filepath.Join(o.Dir, "config", "config"),
		filepath.Join(o.Dir, "config", o.runMode()),
		filepath.Join(o.Dir, "config", "local"),
		filepath.Join(o.Root, "etc", "qdrant", "config"),
		filepath.Join(o.Root, "etc", "tidemark", "config"),
	}
	var layers []layer
	var problems []Problem
	add := func(path string) {
		values, err := readFile(path)
		if err != nil {
			problems = append(problems, Problem{Source: "file " + path, Text: err.Error()})
			return
		}
		layers = append(layers, layer{values, func(string) string { return "file " + path }})
	}
	for _, base := range bases {
		if path := find(base); path != "" {
			add(path)
		}
	}
	if o.File != "" {
		path := o.File
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) && find(path) != "" {
			path = find(path) // the reference takes a name without its extension
		}
		add(path)
	}
	return layers, problems
}

// find returns the first file that is there under the name base, or "".
func find(base string) string {
	for _, ext := range extensions {
		if info, err := os.Stat(base + ext); err == nil && !info.IsDir() {
			return base + ext
		}
	}
	return ""
}

func readFile(path string) (map[string]any, error) {
	k := koanf.New(".")
	err := k.Load(file.Provider(path), yaml.Parser())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errors.New("there is no such file; check the path")
	case err != nil:
		return nil, fmt.Errorf("%w; mend the file", err)
	}
	return k.All(), nil
}

// envLayer reads the variables PREFIX__SECTION__KEY; rename may change the key
// that is read from a name.
func envLayer(prefix string, rename func(string) string, environ []string) (layer, error) {
	names := map[string]string{}
	provider := env.Provider("", env.Opt{
		Prefix:      prefix,
		EnvironFunc: func() []string { return environ },
		TransformFunc: func(name, value string) (string, any) {
			key := strings.ToLower(strings.TrimPrefix(name, prefix))
			key = rename(strings.ReplaceAll(key, "__", "."))
			names[key] = name
			return key, value
		},
	})
	k := koanf.New("\x00") // keys are flat already
	if err := k.Load(provider, nil); err != nil {
		return layer{}, fmt.Errorf("read the environment: %w", err)
	}
	return layer{k.All(), func(key string) string { return "environment " + names[key] }}, nil
}

// flagLayer holds what was said on the command line.
func flagLayer(flags map[string]Flag) layer {
	values := map[string]any{}
	for key, f := range flags {
		values[key] = f.Value
	}
	return layer{values, func(key string) string { return "flag --" + flags[key].Name }}
}

// lookup returns a variable of environ; the last one wins.
func lookup(environ []string, name string) string {
	for _, e := range slices.Backward(environ) {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			return v
		}
	}
	return ""
}
