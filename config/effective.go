package config

import "fmt"

// Setting is one key of a configuration as it is in effect.
type Setting struct {
	Key    string `json:"key"`
	Value  any    `json:"value"` // masked for secrets, nil if not set
	Source string `json:"source"`
}

// Effective returns all settings with the source of each, in a fixed order.
// Secrets are masked.
func (l *Loaded) Effective() []Setting {
	var all []Setting
	for _, f := range fields() {
		all = append(all, Setting{Key: f.key, Value: f.get(&l.Config), Source: l.source(f.key)})
	}
	return all
}

func (l *Loaded) source(key string) string {
	if s, ok := l.sources[key]; ok {
		return s
	}
	return "default"
}

// show returns a value for a message.
func (f field) show(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case string:
		if f.secret() {
			return masked
		}
		return fmt.Sprintf("%q", v)
	}
	if f.secret() {
		return masked
	}
	return fmt.Sprint(value)
}
