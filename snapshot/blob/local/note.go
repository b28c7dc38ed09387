package local

import (
	"context"
	"fmt"
	"io"

	"github.com/tidemark-db/tidemark/internal/fsx"
	"github.com/tidemark-db/tidemark/snapshot/blob"
)

// noteSuffix ends the name of the file that holds an object's note.
const noteSuffix = ".note"

// SetNote implements blob.Noter.
func (s *Store) SetNote(ctx context.Context, key blob.Key, note []byte) error {
	if len(note) > blob.MaxNoteBytes {
		return fmt.Errorf("a note of %d bytes is too long", len(note))
	}
	s.committing.Lock() // the object must not go meanwhile
	defer s.committing.Unlock()
	if _, err := s.Stat(ctx, key); err != nil {
		return err
	}
	if err := fsx.WriteAtomic(s.fsys, s.path(key)+noteSuffix, note); err != nil {
		return fmt.Errorf("write note of a snapshot: %w", err)
	}
	return nil
}

// Note implements blob.Noter. What is no regular file, or too long, is no note.
func (s *Store) Note(_ context.Context, key blob.Key) ([]byte, error) {
	if key.Validate() != nil {
		return nil, notFound(key)
	}
	f, err := s.fsys.OpenFile(s.path(key)+noteSuffix, readFlags, 0)
	if err != nil && isMissing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read note of a snapshot: %w", err)
	}
	defer f.Close() // read only: nothing can be lost
	st, err := f.Stat()
	if err != nil || !st.Mode().IsRegular() || st.Size() > blob.MaxNoteBytes {
		return nil, err
	}
	note := make([]byte, st.Size())
	if _, err := io.ReadFull(f, note); err != nil {
		return nil, fmt.Errorf("read note of a snapshot: %w", err)
	}
	return note, nil
}
