package snapshot

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tidemark-db/tidemark/snapshot/blob"
	"github.com/tidemark-db/tidemark/wal"
)

// snapshotName returns the name of a snapshot. The number is 1 unless the name
// is taken.
func snapshotName(collection string, peer uint64, at time.Time, p wal.Position, number int) string {
	name := fmt.Sprintf("%s-%d-%s-%d", namePart(collection), peer, at.UTC().Format("2006-01-02-15-04-05"), p)
	if number > 1 {
		name += fmt.Sprintf("-%d", number)
	}
	return name + blob.Suffix
}

// fullName returns the name of a snapshot of the whole storage. The number is 1
// unless the name is taken.
func fullName(at time.Time, number int) string {
	name := "full-snapshot-" + at.UTC().Format("2006-01-02-15-04-05")
	if number > 1 {
		name += fmt.Sprintf("-%d", number)
	}
	return name + blob.Suffix
}

// A file name has 255 bytes at most; a collection's name may have more.
const (
	maxNamePart  = 160
	keptNamePart = 100
)

// namePart is the collection's name as it stands in the names of its snapshots:
// what a file name cannot have is replaced, and of a long name the beginning and
// a hash are kept. It need not be reversible: the manifest has the name.
func namePart(collection string) string {
	plain := strings.Map(func(r rune) rune {
		if r == '/' || r < ' ' || r == 0x7f || r == utf8.RuneError {
			return '_'
		}
		return r
	}, collection)
	if strings.HasPrefix(plain, ".") {
		plain = "_" + plain[1:]
	}
	if len(plain) <= maxNamePart {
		return plain
	}
	end := keptNamePart
	for !utf8.RuneStart(plain[end]) {
		end--
	}
	sum := sha256.Sum256([]byte(collection))
	return plain[:end] + "-" + hex.EncodeToString(sum[:8])
}
