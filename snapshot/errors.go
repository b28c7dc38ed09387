package snapshot

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"

	"github.com/tidemark-db/tidemark"
	"github.com/tidemark-db/tidemark/segments"
	"github.com/tidemark-db/tidemark/snapshot/archive"
	"github.com/tidemark-db/tidemark/snapshot/blob"
)

// errStore marks errors of the blob store.
var errStore = errors.New("the snapshots cannot be accessed")

// storeError marks an error of the blob store.
func storeError(err error) error { return fmt.Errorf("%w: %w", errStore, err) }

// forClient gives an error the kind and the text that a client sees. What is no
// fault of the client keeps its cause for the log and shows nothing of the host.
func forClient(err error) error {
	var known *tidemark.Error
	if errors.As(err, &known) {
		return known
	}
	if e := forArchive(err); e != nil {
		return e
	}
	var noRoom *blob.NoRoomError
	switch {
	case errors.As(err, &noRoom):
		return &tidemark.Error{Kind: tidemark.Unavailable, Text: noRoom.Error(), Err: err}
	case errors.Is(err, syscall.ENOSPC):
		return &tidemark.Error{Kind: tidemark.Unavailable, Text: "not enough room on the disk", Err: err}
	case errors.Is(err, context.Canceled):
		return &tidemark.Error{Kind: tidemark.Unavailable, Text: "the server stopped before the snapshot operation was done", Err: err}
	case errors.Is(err, blob.ErrOutcomeUnknown):
		return &tidemark.Error{Kind: tidemark.Internal, Text: "it is not known whether the snapshot survives a crash: list the snapshots and take another one", Err: err}
	case errors.Is(err, blob.ErrUnavailable):
		return &tidemark.Error{Kind: tidemark.Unavailable, Text: "the store of snapshots cannot be reached or is overloaded; try again later", Err: err}
	case errors.Is(err, blob.ErrDenied):
		return &tidemark.Error{Kind: tidemark.Internal, Text: "the store of snapshots denies access to the server; see the server's log", Err: err}
	case errors.Is(err, errStore):
		return &tidemark.Error{Kind: tidemark.Internal, Text: "the store of snapshots cannot be read or written; see the server's log", Err: err}
	}
	return &tidemark.Error{Kind: tidemark.Internal, Text: "the snapshot operation failed; see the server's log", Err: err}
}

// forArchive returns what is wrong with an archive, for its sender, or with the
// data that was to be archived; nil if err is neither.
func forArchive(err error) error {
	var corrupt *archive.CorruptError
	var foreign *archive.ForeignError
	var kind *archive.OtherKindError
	var newer *archive.NewerFormatError
	var changed *archive.ChangedError
	var state *StateError
	switch {
	case errors.As(err, &corrupt):
		return tidemark.Errorf(tidemark.BadInput, "%s", corrupt.Error())
	case errors.As(err, &foreign):
		return tidemark.Errorf(tidemark.BadInput, "%s", foreign.Error())
	case errors.As(err, &kind):
		return tidemark.Errorf(tidemark.BadInput, "%s", kind.Error())
	case errors.As(err, &newer):
		return tidemark.Errorf(tidemark.BadInput, "%s", newer.Error())
	case errors.As(err, &state):
		return &tidemark.Error{Kind: tidemark.BadInput, Err: err, Text: stateText(state)}
	case errors.Is(err, blob.ErrDamaged):
		return &tidemark.Error{Kind: tidemark.BadInput, Err: err, Text: "the snapshot is damaged: it is not what was stored"}
	case errors.As(err, &changed), errors.Is(err, segments.ErrDamaged):
		return &tidemark.Error{
			Kind: tidemark.Internal, Err: err,
			Text: "the collection's files are damaged and were not archived; see the server's log, and restore the collection from an earlier snapshot",
		}
	}
	return nil
}

// stateText is a StateError without the directories of the host.
func stateText(e *StateError) string {
	var damaged *segments.DamagedError
	if errors.As(e.Err, &damaged) {
		shown := *damaged
		shown.File = filepath.Base(shown.File)
		return (&StateError{Err: &shown}).Error()
	}
	var newer *segments.NewerFormatError
	if errors.As(e.Err, &newer) {
		shown := *newer
		shown.File = filepath.Base(shown.File)
		return (&StateError{Err: &shown}).Error()
	}
	return e.Error()
}

// notFound is the answer for every name that no snapshot has, whatever it looks
// like.
func notFound(name string) error {
	return tidemark.Errorf(tidemark.NotFound, "Snapshot %s not found", name)
}
