package archive

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

func (m *Manifest) validateTexts() error {
	if m.Version == "" || m.Version != safeVersion(m.Version) {
		return fmt.Errorf("version %s is not 1 to 64 printable characters", quoteShort(m.Version))
	}
	if n := utf8.RuneCountInString(m.Collection); n == 0 || n > MaxNameChars || !utf8.ValidString(m.Collection) {
		return fmt.Errorf("collection name %s is not 1 to %d characters of UTF-8", quoteShort(m.Collection), MaxNameChars)
	}
	return ValidateNotes(m.Description, m.Labels)
}

// ValidateNotes reports why a description and labels cannot be kept in an
// archive.
func ValidateNotes(description string, labels map[string]string) error {
	if len(description) > MaxDescriptionBytes || !utf8.ValidString(description) {
		return fmt.Errorf("the description is not at most %d bytes of UTF-8", MaxDescriptionBytes)
	}
	if len(labels) > MaxLabels {
		return fmt.Errorf("there are %d labels, at most %d are allowed", len(labels), MaxLabels)
	}
	for k, v := range labels {
		if k == "" || len(k) > MaxLabelKeyBytes || !utf8.ValidString(k) {
			return fmt.Errorf("label key %s is not 1 to %d bytes of UTF-8", quoteShort(k), MaxLabelKeyBytes)
		}
		if len(v) > MaxLabelValueBytes || !utf8.ValidString(v) {
			return fmt.Errorf("the value of label %s is not at most %d bytes of UTF-8", quoteShort(k), MaxLabelValueBytes)
		}
	}
	return nil
}

// safeVersion returns s if it can be printed in an error, else "".
func safeVersion(s string) string {
	if len(s) > 64 {
		return ""
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return ""
		}
	}
	return s
}

// validateFiles checks that names, kinds and order are the only possible ones.
// Names are therefore safe paths: none of them comes from outside.
func validateFiles(files []File) error {
	if len(files) == 0 || files[0].Kind != KindConfig {
		return errors.New("the first file is not the configuration")
	}
	if len(files) > MaxFiles {
		return fmt.Errorf("there are %d files, at most %d are allowed", len(files), MaxFiles)
	}
	for i, f := range files {
		if err := f.validate(); err != nil {
			return err
		}
		if i > 0 && !follows(files[i-1], f) {
			return fmt.Errorf("file %s stands in the wrong place or twice", quoteShort(f.Name))
		}
	}
	return nil
}

func (f File) validate() error {
	if !isHex(f.SHA256, 64) {
		return fmt.Errorf("sha256 of %s is not 64 hex digits", quoteShort(f.Name))
	}
	name, limit := "", int64(MaxFileBytes)
	switch f.Kind {
	case KindConfig:
		name, limit = ConfigName, MaxConfigBytes
	case KindDeletes:
		name = DeletesName
	case KindSegment:
		name = SegmentName(f.SHA256)
	default:
		return fmt.Errorf("file %s has the unknown kind %s", quoteShort(f.Name), quoteShort(string(f.Kind)))
	}
	if f.Name != name {
		return fmt.Errorf("file %s must be named %s", quoteShort(f.Name), name)
	}
	if f.Size < 0 || f.Size > limit {
		return fmt.Errorf("size %d of %s is outside 0 to %d", f.Size, f.Name, limit)
	}
	return nil
}

// follows reports whether b may stand directly after a.
func follows(a, b File) bool {
	switch b.Kind {
	case KindDeletes:
		return a.Kind == KindConfig
	case KindSegment:
		return a.Kind != KindSegment || a.Name < b.Name
	}
	return false
}

func isHex(s string, digits int) bool {
	if len(s) != digits {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
