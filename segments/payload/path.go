package payload

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Path names values inside a payload, for example a.b, l[].a, l[0].a or
// "a key with blanks".x. A step into an array is always written: a.b does not
// enter the elements of an array a, a[].b does. The zero Path is none.
type Path struct{ steps []step }

// step leads from a value to values inside it.
type step struct {
	kind  stepKind
	key   string // of stepKey
	index uint64 // of stepIndex
}

type stepKind uint8

const (
	stepKey   stepKind = iota // .key, into an object
	stepIndex                 // [3], into an array
	stepAll                   // [], all elements of an array
)

// PathError says that a text is not a Path.
type PathError struct{ Text string }

// Error implements error. It repeats the beginning of a long text.
func (e *PathError) Error() string {
	text := e.Text
	if len(text) > maxShown {
		text = strings.ToValidUTF8(text[:maxShown], "") + "…"
	}
	return fmt.Sprintf("Invalid json path: '%s'", text)
}

// maxShown is how many bytes of a text an error repeats.
const maxShown = 256

// Limits of a Path. What follows one takes time for each of its steps.
const (
	MaxPathBytes = 64 << 10
	MaxPathSteps = 1024
)

// ParsePath parses first(.key | [n] | [])*. A key is letters, digits, '_' and
// '-', or anything between double quotes that has neither these nor a
// backslash. A text or a path beyond the limits is none. The error is a
// *PathError.
func ParsePath(text string) (Path, error) {
	var p Path
	if len(text) > MaxPathBytes {
		return Path{}, &PathError{Text: text}
	}
	rest := "." + text
	for rest != "" {
		s, n := parseStep(rest)
		if n == 0 || len(p.steps) == MaxPathSteps {
			return Path{}, &PathError{Text: text}
		}
		p.steps = append(p.steps, s)
		rest = rest[n:]
	}
	return p, nil
}

// parseStep parses the step at the start of s and returns how many bytes it
// takes, 0 if there is none.
func parseStep(s string) (step, int) {
	switch {
	case strings.HasPrefix(s, "[]"):
		return step{kind: stepAll}, 2
	case s[0] == '[':
		digits, _, closed := strings.Cut(s[1:], "]")
		index, err := strconv.ParseUint(digits, 10, 64)
		if !closed || err != nil {
			return step{}, 0
		}
		return step{kind: stepIndex, index: index}, 1 + len(digits) + 1
	case strings.HasPrefix(s, `."`):
		key, _, closed := strings.Cut(s[2:], `"`)
		if !closed || strings.Contains(key, `\`) || !utf8.ValidString(key) {
			return step{}, 0
		}
		return step{kind: stepKey, key: key}, 2 + len(key) + 1
	case s[0] == '.':
		n := rawKeyLen(s[1:])
		if n == 0 {
			return step{}, 0
		}
		return step{kind: stepKey, key: s[1 : 1+n]}, 1 + n
	default:
		return step{}, 0
	}
}

// rawKeyLen returns how many bytes at the start of s can stand in a key that is
// not quoted.
func rawKeyLen(s string) int {
	n := strings.IndexFunc(s, func(r rune) bool {
		return r != '_' && r != '-' && !isAlphanumeric(r)
	})
	if n < 0 {
		return len(s)
	}
	return n
}

func isAlphanumeric(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.Is(unicode.Other_Alphabetic, r)
}

// String returns the path in its shortest form; ParsePath reads it.
func (p Path) String() string {
	var b strings.Builder
	for i, s := range p.steps {
		if s.kind == stepKey && i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(s.String())
	}
	return b.String()
}

func (s step) String() string {
	switch {
	case s.kind == stepAll:
		return "[]"
	case s.kind == stepIndex:
		return "[" + strconv.FormatUint(s.index, 10) + "]"
	case s.key != "" && rawKeyLen(s.key) == len(s.key):
		return s.key
	default:
		return `"` + s.key + `"`
	}
}

// IsZero reports whether p is the zero Path, which names nothing.
func (p Path) IsZero() bool { return len(p.steps) == 0 }

// Equal reports whether p and q are the same path.
func (p Path) Equal(q Path) bool { return slices.Equal(p.steps, q.steps) }

// Compare orders paths by their steps; keys come before indexes, these before [].
func (p Path) Compare(q Path) int { return slices.CompareFunc(p.steps, q.steps, compareSteps) }

func compareSteps(a, b step) int {
	if a.kind != b.kind {
		return int(a.kind) - int(b.kind)
	}
	if c := strings.Compare(a.key, b.key); c != 0 {
		return c
	}
	switch {
	case a.index < b.index:
		return -1
	case a.index > b.index:
		return 1
	}
	return 0
}

// Elements returns p with [] at its end, p itself if it ends in [] already.
func (p Path) Elements() Path {
	if n := len(p.steps); n > 0 && p.steps[n-1].kind == stepAll {
		return p
	}
	return Path{steps: append(slices.Clone(p.steps), step{kind: stepAll})}
}

// Join returns the path that leads along p and from there along q.
func (p Path) Join(q Path) Path { return Path{steps: slices.Concat(p.steps, q.steps)} }

// Any calls match for the values at p inside v, in their order, until it
// returns true, and reports whether it did. An array at the end of p is one
// value. Any does not allocate.
func (p Path) Any(v Value, match func(Value) bool) bool { return anyAt(v, p.steps, match) }

func anyAt(v Value, steps []step, match func(Value) bool) bool {
	for i := range steps {
		s := &steps[i]
		if s.kind == stepAll {
			for c := v.cursor(tagArray); c.left > 0; {
				if anyAt(c.value(), steps[i+1:], match) {
					return true
				}
			}
			return false
		}
		next, ok := v.step(s)
		if !ok {
			return false
		}
		v = next
	}
	return match(v)
}

// step follows a step that leads to one value at most.
func (v Value) step(s *step) (Value, bool) {
	if s.kind == stepKey {
		return v.Field(s.key)
	}
	return v.Element(s.index)
}
