package archive

import (
	"fmt"
)

// CorruptError says that bytes are not a whole archive, and where.
type CorruptError struct {
	// Entry is the entry that was expected or being read; empty after the last.
	Entry string
	// Offset is the place in the archive, in bytes from its beginning.
	Offset int64
	// Reason says what is wrong there.
	Reason string
}

// Error implements error.
func (e *CorruptError) Error() string {
	if e.Entry == "" {
		return fmt.Sprintf("the snapshot archive is damaged at byte %d, after its last entry: %s", e.Offset, e.Reason)
	}
	return fmt.Sprintf("the snapshot archive is damaged at byte %d, entry %s: %s", e.Offset, e.Entry, e.Reason)
}

// ForeignError says that the file is an archive of Qdrant, whose segments
// cannot be read here.
type ForeignError struct {
	// Entry is the entry by which it was recognised.
	Entry string
}

// Error implements error.
func (e *ForeignError) Error() string {
	return fmt.Sprintf("this is a snapshot archive of Qdrant (it begins with entry %s): Tidemark restores its own archives only; "+
		"copy the points from the other server by scroll and upsert instead", quoteShort(e.Entry))
}

// OtherKindError says that an archive is a snapshot of something else than what
// was asked for.
type OtherKindError struct {
	// Storage says that it is one of the whole storage, and not of a collection;
	// otherwise it is the other way round.
	Storage bool
}

// Error implements error.
func (e *OtherKindError) Error() string {
	if e.Storage {
		return "this is a snapshot of the whole storage, not of one collection: restore it with PUT /snapshots/recover, " +
			"or one of its collections with the field collections"
	}
	return "this is a snapshot of one collection, not of the whole storage: restore it with PUT /collections/{name}/snapshots/recover"
}

// NewerFormatError says that an archive was written by a later version.
type NewerFormatError struct {
	// Format is that of the archive, Known the highest that is read here.
	Format, Known int
	// Version is the program that wrote it.
	Version string
}

// Error implements error.
func (e *NewerFormatError) Error() string {
	return fmt.Sprintf("the snapshot archive has format %d, written by Tidemark %s; this version reads formats up to %d: restore it with Tidemark %s or later",
		e.Format, e.Version, e.Known, e.Version)
}

// ChangedError says that a file is no longer what the manifest says of it. It
// is found while an archive is written: such a file is never archived.
type ChangedError struct {
	Entry string
	// Reason says what differs.
	Reason string
}

// Error implements error.
func (e *ChangedError) Error() string {
	return fmt.Sprintf("%s cannot be archived: %s", e.Entry, e.Reason)
}

// quoteShort quotes a text from outside so that it is safe to print.
func quoteShort(s string) string {
	if len(s) > 100 {
		s = s[:100]
	}
	return fmt.Sprintf("%q", s)
}
