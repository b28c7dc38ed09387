package local

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/tidemark-db/tidemark/internal/fsx"
)

// Names in the directory of a log.
const (
	lockName    = "LOCK"
	cleanName   = "CLEAN"
	trashPrefix = "trash-"
	tornPrefix  = "torn-"

	// libraryName is the only file of a generation, named by the library.
	libraryName = "00000000000000000001"

	numberDigits = 16
)

func generationName(number uint64) string { return fmt.Sprintf("%0*d", numberDigits, number) }

func generationFile(dir string, number uint64) string {
	return filepath.Join(dir, generationName(number), libraryName)
}

// parseGeneration reads what generationName writes.
func parseGeneration(name string) (number uint64, ok bool) {
	if len(name) != numberDigits {
		return 0, false
	}
	number, err := strconv.ParseUint(name, 10, 64)
	return number, err == nil && number > 0
}

// listing is what the directory of a log holds.
type listing struct {
	generations []uint64 // ascending
	trash       []string // names of generations being removed, unfinished files
	torn        []string // names of quarantined tails
	clean       bool     // the CLEAN marker is there
}

func list(fsys fsx.FS, dir string) (listing, error) {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return listing{}, fmt.Errorf("list log: %w", err)
	}
	var l listing
	for _, e := range entries {
		name := e.Name()
		number, ok := parseGeneration(name)
		switch {
		case ok && e.IsDir():
			l.generations = append(l.generations, number)
		case name == cleanName:
			l.clean = true
		case strings.HasPrefix(name, trashPrefix), strings.HasSuffix(name, fsx.TempSuffix):
			l.trash = append(l.trash, name)
		case strings.HasPrefix(name, tornPrefix):
			l.torn = append(l.torn, name)
		}
	}
	return l, nil
}
