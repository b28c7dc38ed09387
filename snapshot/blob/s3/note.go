package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/tidemark-db/tidemark/snapshot/blob"
)

// noteSuffix ends the key of the object that holds another one's note.
const noteSuffix = ".note"

// SetNote implements blob.Noter.
func (s *Store) SetNote(ctx context.Context, key blob.Key, note []byte) error {
	if len(note) > blob.MaxNoteBytes {
		return fmt.Errorf("a note of %d bytes is too long", len(note))
	}
	if validate(key) != nil {
		return notFound(key.Name)
	}
	r := s.ref(key)
	unlock, err := s.commits.lock(ctx, r.object) // the object must not go meanwhile
	if err != nil {
		return fmt.Errorf("put the note of a snapshot: %w", err)
	}
	defer unlock()
	if _, err := s.look(ctx, r); err != nil {
		return err
	}
	s.notes.forget(r.object)
	object := r.object + noteSuffix
	_, err = s.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &s.bucket, Key: &object, Body: bytes.NewReader(note), ContentType: aws.String("application/json"),
	})
	if err != nil {
		return wrap("put the note of a snapshot", err)
	}
	s.notes.put(r.object, note)
	return nil
}

// Note implements blob.Noter. As this process alone sets notes, the server is
// asked for each once.
func (s *Store) Note(ctx context.Context, key blob.Key) ([]byte, error) {
	if validate(key) != nil {
		return nil, notFound(key.Name)
	}
	r := s.ref(key)
	if note, ok := s.notes.get(r.object); ok {
		return note, nil
	}
	unlock, err := s.commits.lock(ctx, r.object) // nothing newer must be forgotten
	if err != nil {
		return nil, fmt.Errorf("read the note of a snapshot: %w", err)
	}
	defer unlock()
	note, err := s.readNote(ctx, r)
	if err == nil {
		s.notes.put(r.object, note)
	}
	return note, err
}

// readNote asks the server for a note. What is too long is none.
func (s *Store) readNote(ctx context.Context, r ref) ([]byte, error) {
	object := r.object + noteSuffix
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: &object})
	if isMissing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, wrap("read the note of a snapshot", err)
	}
	note, err := io.ReadAll(io.LimitReader(out.Body, blob.MaxNoteBytes+1))
	if err = errors.Join(err, out.Body.Close()); err != nil {
		return nil, wrap("read the note of a snapshot", err)
	}
	if len(note) > blob.MaxNoteBytes {
		return nil, nil
	}
	return note, nil
}

// discardNote removes a note if there is one.
func (s *Store) discardNote(ctx context.Context, r ref) {
	if note, ok := s.notes.get(r.object); !ok || note != nil {
		s.discard(ctx, r.object+noteSuffix)
	}
	s.notes.forget(r.object)
}

// maxNotes bounds how many notes are remembered.
const maxNotes = 4096

// notes remembers the notes of objects, nil for an object that has none. The zero
// value is ready.
type notes struct {
	mu   sync.Mutex
	seen map[string][]byte
}

func (n *notes) get(object string) ([]byte, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	note, ok := n.seen[object]
	return bytes.Clone(note), ok
}

func (n *notes) put(object string, note []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.seen == nil || len(n.seen) >= maxNotes {
		n.seen = make(map[string][]byte)
	}
	n.seen[object] = bytes.Clone(note)
}

func (n *notes) forget(object string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.seen, object)
}
