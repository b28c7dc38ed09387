package transport

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/tidemark-db/tidemark"
)

const (
	maxCollectionName = 255 // characters
	maxVectorName     = 200 // bytes
)

// refused are the characters that no new name may have: file systems and
// shells treat them in their own ways.
const refused = "<>:\"/\\|?*\x00\x1f"

// reserved are collection names that snapshots use as folders of their own.
var reserved = map[string]bool{".": true, "..": true, ".staging": true}

// CheckNewCollection returns what is wrong with the name of a collection that
// is to be created.
func CheckNewCollection(name string) error {
	if reserved[name] {
		return invalidCollection(fmt.Sprintf("collection name cannot be %q", name))
	}
	return checkCollection(name, refused)
}

// CheckCollection returns what is wrong with the name of a collection that may
// exist. It is more liberal than CheckNewCollection: whatever was created once
// can be used and dropped.
func CheckCollection(name string) error { return checkCollection(name, "/\x00") }

func checkCollection(name, refused string) error {
	if n := utf8.RuneCountInString(name); n < 1 || n > maxCollectionName {
		return invalidCollection(fmt.Sprintf("value %q invalid, must be from 1 to %d characters", name, maxCollectionName))
	}
	if !utf8.ValidString(name) {
		return invalidCollection("collection name must be valid UTF-8")
	}
	if c, ok := firstRefused(name, refused); ok {
		return invalidCollection(fmt.Sprintf("collection name cannot contain \"%c\" char", c))
	}
	return nil
}

func invalidCollection(text string) error {
	return &Invalid{InPath, []FieldError{{"collection_name", text}}}
}

// CheckNewAlias returns what is wrong with the name of an alias that is to be
// created; field is where it stands in the body. It may not be called what a
// collection may not be called, except that it may have no name at all, as in
// the reference.
func CheckNewAlias(field, name string) error {
	bad := func(text string) error { return &Invalid{InBody, []FieldError{{field, text}}} }
	if name == "" {
		return nil
	}
	if reserved[name] {
		return bad(fmt.Sprintf("alias name cannot be %q", name))
	}
	if n := utf8.RuneCountInString(name); n > maxCollectionName {
		return bad(fmt.Sprintf("value %q invalid, must be at most %d characters", name, maxCollectionName))
	}
	if c, ok := firstRefused(name, refused); ok {
		return bad(fmt.Sprintf("alias name cannot contain \"%c\" char", c))
	}
	return nil
}

// CheckPathValue returns an error unless the value of a parameter in a path is
// valid UTF-8: answers, files and logs could not repeat it.
func CheckPathValue(parameter, value string) error {
	if utf8.ValidString(value) {
		return nil
	}
	return &Invalid{InPath, []FieldError{{parameter, strings.ReplaceAll(parameter, "_", " ") + " must be valid UTF-8"}}}
}

// firstRefused returns the first character of refused that name has.
func firstRefused(name, refused string) (rune, bool) {
	for _, c := range refused {
		if strings.ContainsRune(name, c) {
			return c, true
		}
	}
	return 0, false
}

// CheckVectorName returns what is wrong with the name of a new vector. kind is
// dense or sparse.
func CheckVectorName(kind, name string) error {
	bad := func(text string) error {
		return tidemark.Errorf(tidemark.BadInput, "Invalid %s vector name `%s`: %s", kind, name, text)
	}
	if len(name) > maxVectorName {
		return bad(fmt.Sprintf("vector name must be at most %d bytes long", maxVectorName))
	}
	if c, ok := firstRefused(name, refused); ok {
		return bad(fmt.Sprintf("vector name cannot contain \"%c\" char", c))
	}
	if kind == "sparse" && name == "" {
		return tidemark.Errorf(tidemark.BadInput, "Sparse vector name cannot be empty")
	}
	return nil
}
