package snapshot

import (
	"context"
	"io"
	"time"

	"github.com/google/uuid"

	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/snapshot/archive"
	"github.com/tidemark-db/tidemark/wal"
)

// Engine is what snapshots need of the store. Its errors are meant for clients.
type Engine interface {
	// PeerID returns the identity of the data directory.
	PeerID() uint64

	// Resolve returns the name of the collection that a name or an alias stands
	// for, or a NotFound error. It also knows collections that cannot be opened.
	Resolve(nameOrAlias string) (string, error)

	// Freeze takes the state of a collection: at least every write that was
	// acknowledged before the call, and nothing after its position. No write
	// waits for it.
	Freeze(ctx context.Context, name string) (Frozen, error)

	// WritesWait reports whether writes of any collection wait for their log
	// right now. It is called often and must cost nothing.
	WritesWait() bool

	// Receive makes an empty directory for the state that is to become a
	// collection of that name. What the name stands for now, a collection or
	// nothing, is what Install will expect. size is how many bytes will come.
	Receive(ctx context.Context, name string, size int64) (Incoming, error)
}

// State names and proves the state of a collection at one position.
type State struct {
	Collection string // its real name
	Lineage    uuid.UUID
	Position   wal.Position // of the last record that is not a mark
	EventTime  time.Time    // of that record, UTC
	Digest     segments.Digest
	Count      uint64
}

// Frozen is a state that does not change and whose files stay. It is for one
// goroutine and must be released.
type Frozen interface {
	State() State
	// Size is about how many bytes Encode's files will have.
	Size() int64
	// Encode writes what exists in memory only into dir, a staging directory
	// that stays until Release, lets go of that memory, and returns all files of
	// the state in the order of an archive.
	Encode(ctx context.Context, dir string) ([]Content, error)
	// Release may be called more than once.
	Release()
}

// Content is a file of a state.
type Content struct {
	archive.File
	// Open reads the file from its beginning, without mapping it.
	Open func() (io.ReadCloser, error)
}

// Incoming is the directory of a state that nothing names yet. It is for one
// goroutine.
type Incoming interface {
	// Dir is the directory, empty and on the device of its final place.
	Dir() string
	// Path returns where a file of an archive belongs, relative to Dir.
	Path(archive.File) string
	// CheckConfig judges the configuration of the state before the rest of it
	// is read. An error of kind BadInput says that it cannot replace the
	// collection.
	CheckConfig(config []byte) error
	// Install opens the state, recomputes its digest from its points, compares
	// it, and puts it into the place of the collection. If that fails, or the
	// name no longer stands for what it did, nothing has changed.
	Install(ctx context.Context, m *archive.Manifest) error
	// Discard removes the directory unless it has been installed.
	Discard() error
}
