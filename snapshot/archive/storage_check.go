package archive

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Validate reports the first thing in s that no archive may hold.
func (s *Storage) Validate() error {
	if s.Format != StorageFormat {
		return fmt.Errorf("format %d is unknown", s.Format)
	}
	if s.Version == "" || s.Version != safeVersion(s.Version) {
		return fmt.Errorf("version %s is not 1 to 64 printable characters", quoteShort(s.Version))
	}
	if err := ValidateNotes(s.Description, s.Labels); err != nil {
		return err
	}
	if n := len(s.Collections); n > MaxCollections {
		return fmt.Errorf("there are %d collections, at most %d are allowed", n, MaxCollections)
	}
	if n := len(s.Aliases); n > MaxAliases {
		return fmt.Errorf("there are %d aliases, at most %d are allowed", n, MaxAliases)
	}
	for i, p := range s.Collections {
		if err := p.validate(); err != nil {
			return err
		}
		if i > 0 && s.Collections[i-1].Collection >= p.Collection {
			return fmt.Errorf("collection %s stands in the wrong place or twice", quoteShort(p.Collection))
		}
	}
	return s.validateAliases()
}

func (p Part) validate() error {
	switch {
	case !utf8.ValidString(p.Collection):
		return fmt.Errorf("collection name %s is not UTF-8", quoteShort(p.Collection))
	case CheckName(p.Collection) != nil:
		return CheckName(p.Collection)
	case p.Position == 0 || p.Position > MaxPosition:
		return fmt.Errorf("position %d of %s is outside 1 to 2^52", p.Position, quoteShort(p.Collection))
	case p.Size <= 0 || p.Size > MaxPartBytes || padding(p.Size) != 0:
		return fmt.Errorf("size %d of %s is not that of an archive", p.Size, quoteShort(p.Collection))
	case !isHex(p.Manifest, 64):
		return fmt.Errorf("manifest of %s is not 64 hex digits", quoteShort(p.Collection))
	}
	return nil
}

func (s *Storage) validateAliases() error {
	for i, a := range s.Aliases {
		switch {
		case a.Alias != "" && CheckName(a.Alias) != nil: // it may be empty
			return CheckName(a.Alias)
		case i > 0 && s.Aliases[i-1].Alias >= a.Alias:
			return fmt.Errorf("alias %s stands in the wrong place or twice", quoteShort(a.Alias))
		case s.has(a.Alias):
			return fmt.Errorf("%s is the name of a collection and of an alias", quoteShort(a.Alias))
		case !s.has(a.Collection):
			return fmt.Errorf("alias %s stands for %s, which is not in the archive", quoteShort(a.Alias), quoteShort(a.Collection))
		}
	}
	return nil
}

// refusedInNames are the characters that no name of a collection has.
const refusedInNames = "<>:\"/\\|?*\x00\x1f"

// CheckName reports why no collection can have a name. The names in an archive of
// a storage become names of collections, and come from outside.
func CheckName(name string) error {
	if n := utf8.RuneCountInString(name); n == 0 || n > MaxNameChars || !utf8.ValidString(name) {
		return fmt.Errorf("name %s is not 1 to %d characters of UTF-8", quoteShort(name), MaxNameChars)
	}
	if strings.ContainsAny(name, refusedInNames) || name == "." || name == ".." || name == ".staging" {
		return fmt.Errorf("no collection can be named %s", quoteShort(name))
	}
	return nil
}
