package config

import (
	"fmt"
	"strings"
)

// Problem is something wrong with one key, and what to do about it.
type Problem struct {
	Key    string `json:"key,omitempty"`    // empty if a whole source is meant
	Value  string `json:"value,omitempty"`  // masked for secrets
	Source string `json:"source,omitempty"` // "file X", "environment X", "flag --x", "default"
	Text   string `json:"text"`
}

// String returns the problem in one line.
func (p Problem) String() string {
	var b strings.Builder
	if p.Key != "" {
		b.WriteString(p.Key)
		if p.Value != "" {
			fmt.Fprintf(&b, " = %s", p.Value)
		}
		if p.Source != "" {
			fmt.Fprintf(&b, " (%s)", p.Source)
		}
	} else {
		b.WriteString(p.Source)
	}
	b.WriteString(": ")
	b.WriteString(p.Text)
	return b.String()
}

// InvalidError holds everything that is wrong with a configuration.
type InvalidError struct{ Problems []Problem }

// Error implements error, one line for each problem.
func (e *InvalidError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return "the configuration is invalid:\n  " + strings.Join(lines, "\n  ")
}
