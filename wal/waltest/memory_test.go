package waltest_test

import (
	"testing"

	"github.com/tidemark-db/tidemark/wal"
	"github.com/tidemark-db/tidemark/wal/waltest"
)

// memorySubject keeps the records of one Memory log over restarts.
type memorySubject struct{ log *waltest.Memory }

func (s *memorySubject) Open(_ *testing.T, base wal.Position) wal.Log {
	if s.log == nil {
		s.log = waltest.NewMemory(base)
	} else {
		s.log = s.log.Reopen()
	}
	return s.log
}

func (s *memorySubject) Poison(*testing.T) { s.log.Poison() }

func TestMemory(t *testing.T) {
	waltest.Run(t, func(*testing.T) waltest.Subject { return new(memorySubject) })
}
