package blob

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Suffix ends the name of every object.
const Suffix = ".snapshot"

// MaxNameBytes bounds the name of an object, so that a store can put a suffix
// of its own behind it within the 255 bytes of a file name.
const MaxNameBytes = 255 - 16

// Key names an object.
type Key struct {
	// Folder is the name of a collection, any text; empty for snapshots of the
	// whole storage.
	Folder string
	// Name is a file name that ends in Suffix.
	Name string
}

// Validate returns an error that wraps ErrInvalidKey if no object can have the
// key.
func (k Key) Validate() error {
	if ValidName(k.Name) {
		return nil
	}
	return fmt.Errorf("%q: %w", k.Name, ErrInvalidKey)
}

// ValidName reports whether an object can have the name: a plain, visible file
// name that ends in Suffix.
func ValidName(name string) bool {
	return len(name) > len(Suffix) && len(name) <= MaxNameBytes && strings.HasSuffix(name, Suffix) &&
		name[0] != '.' && !strings.ContainsAny(name, "/\x00") && utf8.ValidString(name)
}

// The folder of a long name keeps a readable beginning.
const (
	maxFolderBytes  = 180
	keptFolderBytes = 100
)

// FolderName returns the file name, or part of a key, for a folder that is not
// empty. Letters, digits and -_.~ stand for themselves, other bytes and a leading
// dot are percent-encoded. Of a result over 180 bytes the first 100 are kept,
// followed by "%-" and a hash, which no shorter name can have. Different folders
// have different names.
func FolderName(folder string) string {
	var b strings.Builder
	for i := range len(folder) {
		if c := folder[i]; isPlain(c) && (i > 0 || c != '.') {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	name := b.String()
	if len(name) <= maxFolderBytes {
		return name
	}
	sum := sha256.Sum256([]byte(folder))
	return name[:keptFolderBytes] + "%-" + hex.EncodeToString(sum[:16])
}

func isPlain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.~", c) >= 0
}
