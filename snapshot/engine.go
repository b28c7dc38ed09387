package snapshot

import (
	"context"

	"github.com/google/uuid"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/segments"
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

	// Room returns how much room Receive asks for, and how much is free.
	Room(size int64) (needed, free int64, err error)

	// Receive makes an empty directory for the state that is to become a
	// collection of that name. What the name stands for now, a collection or
	// nothing, is what Install will expect. size is how many bytes will come.
	Receive(ctx context.Context, name string, size int64) (Incoming, error)

	// Previous returns the state to which a collection can be brought back.
	Previous(nameOrAlias string) (tidemark.Previous, bool)

	// PreviewUndo tells what Undo would set aside now. Its error is NotFound if
	// there is no such collection or it has no previous state.
	PreviewUndo(ctx context.Context, nameOrAlias string) (tidemark.SetAside, error)

	// Undo exchanges a collection and its previous state, which is the one that
	// is named unless that is the zero UUID. If it fails nothing has changed.
	Undo(ctx context.Context, nameOrAlias string, previous uuid.UUID) (tidemark.SetAside, error)

	// Cut takes the state of all collections, and the aliases, at one instant. No
	// write waits for more than that instant.
	Cut(ctx context.Context) (*Cut, error)

	// Aliases returns all aliases in order of their names.
	Aliases() []tidemark.Alias

	// InstallAll is Install for several states, and changes of aliases after
	// that, all or nothing.
	InstallAll(ctx context.Context, arrivals []Arrival, aliases []tidemark.AliasChange) error
}

// State names a state of a collection.
type State struct {
	Collection string // its real name
	Lineage    uuid.UUID
	Position   wal.Position // of the last record that is not a mark
	Digest     segments.Digest
}

// Frozen is a state that does not change and whose files stay. It is for one
// goroutine and must be released.
type Frozen interface {
	State() State
	// Size is about how many bytes the files of the state will have.
	Size() int64
	// Files is about how many files an archive of the state has, Count how many
	// points.
	Files() int
	Count() int
	// Encode writes what exists in memory only into dir, a staging directory
	// that stays until Release: the points of all heads as one segment, and the
	// deletes. It lets go of that memory and returns the manifest that a
	// checkpoint at the position would have committed as generation 1. It is
	// called once.
	Encode(ctx context.Context, dir string) (*segments.Manifest, error)
	// Open reads a file that the manifest names, without mapping it.
	Open(name string) (tidemark.FrozenFile, error)
	// Release may be called more than once.
	Release()
}

// Cut is the state of the whole storage at one instant. It must be released.
type Cut struct {
	Collections []Frozen // in order of their names
	Aliases     []tidemark.Alias
}

// Release may be called more than once.
func (c *Cut) Release() {
	for _, f := range c.Collections {
		f.Release()
	}
}

// Arrival is a state that has been verified, and the directory that it is in.
type Arrival struct {
	Incoming Incoming
	Manifest *segments.Manifest
}

// Incoming is the directory of a state that nothing names yet. It is for one
// goroutine.
type Incoming interface {
	// Dir is the directory, empty and on the device of its final place. It
	// becomes that of a collection: manifest-1.json and what it names.
	Dir() string
	// Check judges the manifest before the rest is read. An error of kind
	// BadInput says that the state cannot replace the collection.
	Check(*segments.Manifest) error
	// CheckConfig is Check for a state that may replace any other.
	CheckConfig(*segments.Manifest) error
	// Install puts the state, which has been verified, into the place of the
	// collection. If that fails, or the name no longer stands for what it did,
	// nothing has changed.
	Install(context.Context, *segments.Manifest) error
	// Discard removes the directory unless it has been installed.
	Discard() error
}
